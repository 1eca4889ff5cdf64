// How long a step may run: a watch that ends it, and what is said of it then.
import { parseStepTimeout, STEP_TIMEOUT_RANGE } from '../../src/duration.ts';
import { EngineError, UsageError } from '../errors.ts';

/** Of DRYDOCK_STEP_TIMEOUT, in its own words, since those are what a person knows it by. */
export interface TimeLimit {
  readonly text: string;
  readonly ms: number;
}

const DEFAULT = '1h';

export function timeLimitOf(env: NodeJS.ProcessEnv): TimeLimit {
  const text = env.DRYDOCK_STEP_TIMEOUT || DEFAULT;
  const ms = parseStepTimeout(text);
  if (ms === undefined)
    throw new UsageError(`DRYDOCK_STEP_TIMEOUT is not ${STEP_TIMEOUT_RANGE}: ${text}`, 'write it as 90s, 10m or 2h');
  return { text, ms };
}

const SHOWN_LENGTH = 100;

export function timedOut({ text }: TimeLimit, command: string): EngineError {
  const line = command.split('\n', 1)[0] as string;
  const shown = line.length < command.length || line.length > SHOWN_LENGTH ? `${line.slice(0, SHOWN_LENGTH)}…` : line;
  return new EngineError(
    `a step ran longer than ${text} and was ended: ${shown}`,
    'give steps more time: --step-timeout 2h, or DRYDOCK_STEP_TIMEOUT=2h for the embedded engine alone',
    { lack: 'STEP_TIMED_OUT' },
  );
}

const AGAIN_MS = 500;

/**
 * Calls `end` when a step has run for that long or is aborted, and again until the watch is stopped: a step may just be beginning, and have no
 * process yet that could be ended.
 */
export class Watch {
  /** Whether the time was over, whatever the step made of it. */
  isOver = false;
  readonly #end: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #limit: NodeJS.Timeout | undefined;
  #repeat: NodeJS.Timeout | undefined;

  constructor(
    end: () => void,
    { signal, limitMs }: { signal?: AbortSignal | undefined; limitMs?: number | undefined },
  ) {
    this.#end = end;
    this.#signal = signal;
    if (limitMs !== undefined)
      this.#limit = setTimeout(() => {
        this.isOver = true;
        this.#insist();
      }, limitMs);
    if (signal?.aborted) this.#insist();
    else signal?.addEventListener('abort', this.#insist);
  }

  /** To be called when the step has ended. */
  stop(): void {
    clearTimeout(this.#limit);
    clearInterval(this.#repeat);
    this.#signal?.removeEventListener('abort', this.#insist);
  }

  readonly #insist = (): void => {
    this.#repeat ??= setInterval(this.#end, AGAIN_MS);
    this.#end();
  };
}
