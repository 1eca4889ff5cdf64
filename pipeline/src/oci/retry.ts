// Trying again what may pass: silence, cut connections, 429 and 5xx.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OciError } from './errors.ts';

export type Patience = {
  /** How often a request is made at most. Default: 4. */
  attempts?: number;
  /** The longest wait that a registry can ask for before its answer counts as a refusal. Default: 30 s. */
  maxWaitMs?: number;
  /** The wait between attempts; a test puts its own here. */
  wait?: (ms: number) => Promise<void>;
};

const ATTEMPTS = 4;
const MAX_WAIT_MS = 30_000;
const FIRST_WAIT_MS = 500;

/** Whether a status may be another one at the next attempt. */
export const isPassing = (status: number) => status === 429 || status === 408 || status >= 500;

/** A fault that may be gone at the next attempt. Only `retried` catches it; what it throws in the end is the fault itself. */
export class Passing extends Error {
  readonly fault: OciError;
  readonly retryAfterMs: number | undefined;

  constructor(fault: OciError, retryAfterMs?: number) {
    super(fault.message);
    this.fault = fault;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Do it again, with growing waits, as long as its fault is a passing one. */
export async function retried<T>(
  { attempts = ATTEMPTS, maxWaitMs, wait }: Patience,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      const asked = error.retryAfterMs;
      // Waiting less than was asked for is refused anyway, and counts against us.
      const isTooLong = asked !== undefined && asked > (maxWaitMs ?? MAX_WAIT_MS);
      if (attempt >= attempts || isTooLong) throw error.fault;
      await (wait ?? sleep)(asked ?? FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }
}
