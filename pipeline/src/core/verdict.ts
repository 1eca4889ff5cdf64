// Folds what the steps recorded into stages and a run: who passed, what the exit code is. Starts nothing.
import { confinementFault } from './confinement.ts';
import { ERRORS, EXIT } from './errors.ts';
import { firstErrors } from './first-errors.ts';
import { logPath, type RunError, type RunResult, type StageName, type StageResult, type StepResult } from './model.ts';

/** What the wrapper in the container wrote about a command. */
export type StepRecord = { exitCode: number; startedMs: number; endedMs: number };

/** The latest time that a date can be of. */
const LAST_MS = 8.64e15;

/** Read `<exit code> <start in ms> <end in ms>`, the wrapper's record; undefined where it is none. */
export function parseRecord(text: string): StepRecord | undefined {
  const [, exitCode = '', started = '', ended = ''] = /^(\d{1,3}) (\d{1,16}) (\d{1,16})$/.exec(text) ?? [];
  const [startedMs, endedMs] = [Number(started), Number(ended)];
  if (exitCode === '' || startedMs > LAST_MS || endedMs > LAST_MS) return undefined;
  return { exitCode: Number(exitCode), startedMs, endedMs };
}

export type FinishedCommand = { stage: StageName; name: string; command: string; record: StepRecord; log: string };

/** One command's result. It counts as cached when it began before this run did, on whichever engine: that is written down before the command runs. */
export function stepResult(command: FinishedCommand, runStartedMs: number): StepResult {
  const { exitCode, startedMs, endedMs } = command.record;
  return {
    name: command.name,
    command: command.command,
    exitCode,
    startedAt: new Date(startedMs).toISOString(),
    seconds: seconds(Math.max(0, endedMs - startedMs)),
    cached: startedMs < runStartedMs,
    log: logPath(command.stage, command.name),
    firstErrors: exitCode === 0 ? [] : firstErrors(command.log),
  };
}

/** What the shell calls them; the others are `signal n`. */
const SIGNALS: Readonly<Record<number, string>> = {
  2: 'SIGINT',
  6: 'SIGABRT',
  9: 'SIGKILL: out of memory, perhaps',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};

/** `exit 1`, or the signal's name where a signal ended it. */
export function phraseExit(exitCode: number): string {
  if (exitCode <= 128 || exitCode > 192) return `exit ${exitCode}`;
  return `exit ${exitCode} (${SIGNALS[exitCode - 128] ?? `signal ${exitCode - 128}`})`;
}

export type StageFacts = {
  name: StageName;
  steps: StepResult[];
  startedMs: number;
  seconds: number;
  suites?: StageResult['suites'];
  /** A fault that no exit code tells: a report that is missing, an output that is not there. */
  fault?: string | null;
  /** What could not be had here, so that the stage says less than it should. A fault or a failed step outweighs it. */
  notEvaluated?: string | null;
  /** What a stage that passed has to say. */
  remark?: string | null;
  /** Steps are not isolated from each other here, which the whole run says: a scanner is no exception. */
  isShared?: boolean;
  details?: string[];
};

/** A stage that ran: it failed if a step did, or if something is wrong that the steps did not notice. */
export function stageResult(facts: StageFacts): StageResult {
  const failed = facts.steps.filter((step) => step.exitCode !== 0);
  const fault = facts.fault ?? confinementFaults(facts.steps, 'broken')[0] ?? null;
  const refused = confinementFaults(facts.steps, 'refused')[0] ?? null;
  const missing = facts.notEvaluated ?? (facts.isShared ? null : refused);
  return {
    name: facts.name,
    status: failed.length > 0 || fault !== null ? 'failed' : missing === null ? 'passed' : 'not evaluated',
    startedAt: new Date(facts.startedMs).toISOString(),
    seconds: facts.seconds,
    cached: facts.steps.some((step) => step.cached) && facts.steps.every((step) => step.cached || step.always),
    steps: facts.steps,
    suites: facts.suites ?? [],
    reason:
      failed.length > 0
        ? failed.map((step) => `${step.name}: ${phraseExit(step.exitCode)}`).join(', ')
        : (fault ?? missing ?? facts.remark ?? refused),
    details: facts.details ?? [],
  };
}

/**
 * A scanner that could reach out, or write to what it reads, has said nothing that counts: it failed, or where an engine refuses it alone the
 * means, what it says is not enough for anything strict.
 */
function confinementFaults(steps: readonly StepResult[], kind: 'broken' | 'refused'): string[] {
  const confinements = steps.flatMap(({ confinement }) => confinement ?? []);
  return confinements
    .filter(({ refusal }) => (refusal === undefined) === (kind === 'broken'))
    .flatMap((confinement) => confinementFault(confinement) ?? []);
}

export function skippedStage(name: StageName, reason: string): StageResult {
  return {
    name,
    status: 'skipped',
    startedAt: null,
    seconds: 0,
    cached: false,
    steps: [],
    suites: [],
    reason,
    details: [],
  };
}

/** Whether all that was asked for held, and the exit code that says so. */
export function decideVerdict(
  stages: readonly StageResult[],
  strict: boolean,
  error: RunError | null,
): Pick<RunResult, 'verdict' | 'exitCode'> {
  if (error !== null) return { verdict: 'error', exitCode: ERRORS[error.code].exit };
  const isRed = stages.some(({ status }) => status === 'failed' || (strict && status === 'not evaluated'));
  return isRed ? { verdict: 'failed', exitCode: EXIT.failed } : { verdict: 'passed', exitCode: EXIT.ok };
}

export function seconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds) / 1000);
}
