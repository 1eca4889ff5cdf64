// What came of a step: its exit code, or why it could not even begin.
import { existsSync, readFileSync } from 'node:fs';

export interface StepOutcome {
  readonly exitCode: number;
  /** Why the command could not even be started. */
  readonly startError?: string;
  /** It ran for longer than it may, and was ended. */
  readonly isTimedOut?: boolean;
}

/** What init says of a command that is not there or may not be run. A real engine's ends with 1 then, so the exit code is that. */
const NO_COMMAND = /^\[FATAL tini \(\d+\)\] exec [^\n]*\n?$/;
const SHOWN_LENGTH = 1000;

/** The first that was said. */
export class Beginning {
  text = '';

  add(chunk: Buffer): void {
    if (this.text.length < SHOWN_LENGTH) this.text += chunk;
  }
}

export interface Ended {
  /** Null when a signal ended the runtime. */
  readonly code: number | null;
  /** On standard error, at the beginning. */
  readonly said: string;
  readonly hasInit: boolean;
  /** Whether there was a process of the step's. */
  readonly hasBegun: boolean;
  readonly runtime: string;
  /** What the runtime wrote. */
  readonly log: string;
  readonly isTimedOut: boolean;
}

export function outcomeOf({ code, said, hasInit, hasBegun, runtime, log, isTimedOut }: Ended): StepOutcome {
  if (isTimedOut) return { exitCode: code ?? 137, isTimedOut };
  const isMissing = hasInit && (code === 126 || code === 127) && NO_COMMAND.test(said);
  const exitCode = isMissing ? 1 : (code ?? 137);
  // Of a mount that failed, or a runtime that did not get as far as to a container or a log.
  const notBegun = exitCode === 0 || hasBegun ? undefined : said.trim().slice(0, SHOWN_LENGTH);
  const startError = runtimeError(log) ?? (notBegun === '' ? `${runtime} ended with exit code ${exitCode}` : notBegun);
  return { exitCode, ...(startError ? { startError } : {}) };
}

/** What the runtime says of a command that it could not start. */
function runtimeError(log: string): string | undefined {
  if (!existsSync(log)) return undefined;
  for (const line of readFileSync(log, 'utf8').split('\n').filter(Boolean)) {
    const entry = JSON.parse(line) as { level: string; msg: string };
    if (entry.level === 'error' || entry.level === 'fatal') return entry.msg;
  }
  return undefined;
}
