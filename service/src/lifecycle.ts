// What one process is doing: whether it is on its way out, and which answers are still owed.
import type { ServerResponse } from 'node:http';

export interface Lifecycle {
  draining: boolean;
  readonly inFlight: Set<ServerResponse>;
}

export function createLifecycle(): Lifecycle {
  return { draining: false, inFlight: new Set() };
}
