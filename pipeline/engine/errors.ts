// The errors of the embedded engine: what a caller sees of them is a message, a way out, and for a failed command its facts.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What this place lacks, what of its cache was damaged, or whose time was over, where that alone is why something failed. Clients tell by it what is missing from what is broken. */
export type Lack =
  | 'MISSING_IMAGE'
  | 'RATE_LIMITED'
  | 'UNAUTHORIZED'
  | 'OFFLINE'
  | 'NO_SPACE'
  | 'DAMAGED'
  | 'STEP_TIMED_OUT';

export interface EngineErrorOptions extends ErrorOptions {
  readonly lack?: Lack | undefined;
}

/** A fault that a person or a client can act on: one sentence and, where there is a way out, a hint. */
export class EngineError extends Error {
  readonly hint: string | undefined;
  readonly lack: Lack | undefined;

  constructor(message: string, hint?: string, options?: EngineErrorOptions) {
    super(hint === undefined ? message : `${message}; ${hint}`, options);
    this.name = 'EngineError';
    this.hint = hint;
    this.lack = options?.lack;
  }

  /** The same fault, told with the place where it came up. */
  located(place: string): EngineError {
    return new EngineError(`${place}: ${this.#bare}`, this.hint, { cause: this, lack: this.lack });
  }

  /** The same fault, and one thing more that can be done. */
  hinted(more: string): EngineError {
    const hint = this.hint === undefined ? more : `${this.hint}; ${more}`;
    return new EngineError(this.#bare, hint, { cause: this, lack: this.lack });
  }

  get #bare(): string {
    return this.hint === undefined ? this.message : this.message.slice(0, -`; ${this.hint}`.length);
  }
}

/** The machine lacks something that the engine cannot run without. Ends the program with exit code 3. */
export class EnvironmentError extends EngineError {}

/** Words or settings that the program cannot do anything with. Ends it with exit code 2. */
export class UsageError extends EngineError {}

export interface ExecFailure {
  command: string[];
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A command that ended as it was not expected to. Becomes the SDK's `ExecError`. */
export class ExecError extends EngineError {
  readonly failure: ExecFailure;

  constructor(failure: ExecFailure, message = `exit code: ${failure.exitCode}`) {
    super(message);
    this.name = 'ExecError';
    this.failure = failure;
  }

  override located(place: string): ExecError {
    return new ExecError(this.failure, `${place}: ${this.message}`);
  }
}

/** Longest output that an error carries, in bytes; a real engine cuts at the same place. */
const ERROR_OUTPUT_BYTES = 102_400;

/** The end of an output, which is where the reason stands, without blanks around it. Says how much of it is not there: `size` is the whole's. */
export function asErrorOutput(output: Buffer, size = output.length): string {
  const omitted = size - ERROR_OUTPUT_BYTES;
  if (omitted < 0) return output.toString().trim();
  const kept = Buffer.from(output.subarray(Math.max(0, output.length - ERROR_OUTPUT_BYTES)));
  kept.write(`[omitting ${omitted} bytes]...`);
  return kept.toString().trim();
}

/** The same of an output in a file, which may be too large to be read whole. */
export function errorOutputIn(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const end = Buffer.alloc(Math.min(size, ERROR_OUTPUT_BYTES));
    readSync(file, end, 0, end.length, size - end.length);
    return asErrorOutput(end, size);
  } finally {
    closeSync(file);
  }
}

/** Refuses a part of Dagger's API that this engine does not have, with the way out. */
export function notSupported(what: string): EngineError {
  return new EngineError(`not in the embedded engine: ${what}`, 'use --engine dagger');
}
