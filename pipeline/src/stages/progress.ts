// Who listens to a run. Functions of the module can't be handed a callback, so listeners register here; there is one run per process.
import type { Listener } from '../core/events.ts';

const listeners = new Set<Listener>();

/** Be told everything from now on. Returns the way to stop. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const emit: Listener = (event) => {
  for (const listener of listeners) listener(event);
};
