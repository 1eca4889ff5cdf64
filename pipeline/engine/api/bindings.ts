// The services that a container is bound to: kept running while it runs, and the end of it when one of them ends.
import { EngineError } from '../errors.ts';
import type { Hold } from '../run/services.ts';
import type { Session } from '../session.ts';
import type { Binding } from '../values.ts';
import type { Hosts } from './step.ts';

export interface Bound {
  readonly hosts: Hosts;
  /** Aborted when one of the services ends. */
  readonly signal: AbortSignal;
  /** Fails when one of the services has ended. */
  readonly throwIfEnded: () => void;
  readonly release: () => void;
}

/** Starts what does not run yet; resolves when all of it is ready. */
export async function holdBindings(session: Session, bindings: readonly Binding[]): Promise<Bound> {
  const ended = new AbortController();
  let isReleased = false;
  const attempts = await Promise.allSettled(
    bindings.map(({ service: { recipe } }) => recipe.key().then((key) => session.services.hold(key, recipe.launch))),
  );
  const holds = attempts.filter((attempt) => attempt.status === 'fulfilled').map(({ value }) => value);
  const release = () => {
    isReleased = true;
    for (const hold of holds) hold.release();
  };
  const failed = attempts.find((attempt) => attempt.status === 'rejected');
  if (failed !== undefined) {
    release();
    throw failed.reason;
  }
  for (const [index, hold] of holds.entries()) {
    hold.instance.ended.then(({ reason }) => {
      if (!isReleased) ended.abort(new EngineError(`${bindings[index]?.alias} ended while it was needed: ${reason}`));
    });
  }
  return {
    hosts: bindings.map(({ alias }, index) => [(holds[index] as Hold).instance.address, alias]),
    signal: ended.signal,
    throwIfEnded: () => ended.signal.throwIfAborted(),
    release,
  };
}
