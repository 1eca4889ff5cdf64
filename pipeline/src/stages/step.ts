// Runs one command in a container so that its result can be read on every engine, however it ends.
import type { Container, ReturnType } from '@dagger.io/dagger';
import { backingFault } from '../core/backing.ts';
import { parseConfinement } from '../core/confinement.ts';
import { PipelineError, reasonOf } from '../core/errors.ts';
import type { StageName, StepResult } from '../core/model.ts';
import { parseRecord, type StepRecord, stepResult } from '../core/verdict.ts';
import { hideIn } from '../oci/hidden.ts';
import { confined, PROOF } from './confine.ts';
import type { RunContext } from './context.ts';
import { asPipelineError, causeOf } from './engine.ts';
import { HIDING } from './hiding.ts';

/** What of a log is read back with the record; the whole of it stays a file. */
const EXCERPT_BYTES = 262_144;

/** A wrapper that ends with more says that a signal ended it, which an engine takes for an error whatever is expected. */
const MOST_EXIT = 125;

/**
 * Output, exit code (128+n for a signal) and times go to files: an engine's error is cut short. The record is one line and the end of the log, so
 * that one question answers all. What the command left may have replaced every program and file by then, so whether it ended well is what the
 * wrapper itself ends with, of which the engine tells: the shell knew that before it asked any of these programs.
 * Busybox knows no milliseconds. A Dagger Engine tells each step where to send traces, and the embedded one doesn't: a command is not to see by which it is run.
 */
const WRAPPER = `${HIDING}folder=$1 secrets=$2; shift 2
unset $(env | sed -n 's/^\\(OTEL_[A-Z0-9_]*\\|TRACEPARENT\\|TRACESTATE\\|BAGGAGE\\)=.*/\\1/p')
mkdir -p "$folder"
now() { at=$(date +%s%3N); case $at in *[!0-9]*) at=$(date +%s)000 ;; esac; echo "$at"; }
started=$(now)
"$@" >"$folder/log" 2>&1 </dev/null
code=$?
ended=$(now)
hide_variables $secrets; hide_proxies
{ echo "$code $started $ended $(wc -c <"$folder/log")"; tail -c ${EXCERPT_BYTES} "$folder/log"; } >"$folder/record"
[ "$code" -le ${MOST_EXIT} ] || exit ${MOST_EXIT}
exit "$code"
`;

export type Command = {
  stage: StageName;
  step: string;
  container: Container;
  args: readonly string[];
  /** As a person would type it, where that differs from the arguments. */
  shown?: string;
  /** Secrets that it has. The engine takes them out of what it sees; what a step says goes to a file. */
  hidden?: readonly string[];
  /** The variables that hold such: their values are taken out of all that it leaves in its folder, before a cache has it. */
  secretVariables?: readonly string[];
  /** What it asks may have another answer now: no cache answers it. */
  always?: true;
  /** Run without network and capabilities, these mounts read-only. The container comes from `withConfine`. */
  confinedTo?: readonly string[];
};

export type Ran = {
  result: StepResult;
  /** What the command wrote, or the end of it where that is long. */
  log: string;
  /** As the command left it, or where it could not be run, as it was before. */
  container: Container;
};

/** Holds a folder of each step, with what it says in the file `log`. */
export const STEP_FOLDERS = '/var/drydock';

/** Where a step may put files that are read later, such as test reports. */
export function stepFolder(step: string): string {
  return `${STEP_FOLDERS}/${step}`;
}

/** Run the command and read what became of it. Throws only when the engine could not run it at all. */
export async function runStep(context: RunContext, command: Command): Promise<Ran> {
  const { stage, step, args } = command;
  const shown = command.shown ?? args.join(' ');
  context.emit({ kind: 'step-started', stage, step, command: shown, atMs: Date.now() });
  for (let number = 1; ; number += 1) {
    const { container, record, bytes, ...told } = await attempt(command, number, context.startedMs).catch((error) => {
      throw inWords(error, stage, shown);
    });
    const log = hideIn(told.log, command.hidden ?? []);
    const result = stepResult({ stage, name: step, command: shown, record, log }, context.startedMs);
    if (told.fault !== undefined) result.firstErrors = told.fault;
    if (command.always) result.always = true;
    if (command.confinedTo !== undefined && result.exitCode === 0)
      result.confinement = parseConfinement(await container.file(`${stepFolder(step)}/${PROOF}`).contents());
    // The engine remembers a failure too, but it may have been the network's or chance's: it is tried again. Attempts are
    // numbered, so that the one that succeeds is the one that is found the next time.
    if (result.cached && result.exitCode !== 0 && context.left === undefined && number < MOST_ATTEMPTS) continue;
    context.left?.({ stage, step: result, container });
    const isCut = bytes > EXCERPT_BYTES && command.hidden === undefined;
    context.logs.set(result.log, isCut ? container.file(`${stepFolder(step)}/log`) : log);
    context.emit({ kind: 'step-finished', stage, step: result, log });
    return { result, log, container };
  }
}

/** The engine knows the wrapper alone: which command took too long is known here. */
function inWords(error: unknown, stage: StageName, shown: string): unknown {
  const fault = asPipelineError(error);
  if (fault?.code !== 'STEP_TIMED_OUT') return error;
  const [what = ''] = fault.message.split(':');
  return new PipelineError(fault.code, `${stage}: ${what}: ${shown}`, fault.hint, { cause: error });
}

/** As often a step may say of itself that it is remembered: the last is run whatever came before. */
const MOST_ATTEMPTS = 20;

const ATTEMPT = 'DRYDOCK_ATTEMPT';
const ASKED_AT = 'DRYDOCK_ASKED_AT';

async function attempt(command: Command, number: number, askedAtMs: number) {
  const { step, container, args, confinedTo, always, secretVariables = [] } = command;
  const folder = stepFolder(step);
  const numbered = number === 1 ? container : container.withEnvVariable(ATTEMPT, String(number));
  const prepared =
    always || number === MOST_ATTEMPTS ? numbered.withEnvVariable(ASKED_AT, String(askedAtMs)) : numbered;
  const words = confinedTo === undefined ? args : confined(`${folder}/${PROOF}`, confinedTo, args);
  const ran = prepared.withExec(['sh', '-c', WRAPPER, 'step', folder, secretVariables.join(' '), ...words], {
    expect: 'ANY' as ReturnType,
    ...(confinedTo === undefined ? {} : { insecureRootCapabilities: true }),
  });
  const text = ran.file(`${folder}/record`).contents().catch(nothingOf);
  const [end, written] = await Promise.all([
    ran.exitCode().then((exitCode) => ({ exitCode, why: UNTOLD }), endOf),
    text,
  ]);
  const told = readRecord(written, end.exitCode) ?? untold(end, askedAtMs);
  // What has not run has left nothing: what is asked of it would only begin it again.
  if (told.fault !== undefined) return { container, ...told };
  return { container: number === 1 ? ran : ran.withoutEnvVariable(ATTEMPT), ...told };
}

/** How a step ended, and what is to be said where its own record says nothing of that. */
type End = { exitCode: number; why: string; fault?: string[] };

const UNTOLD =
  'the step left no record that fits its end: something in it removes or changes files in /var/drydock, or programs';

/** A signal ended the wrapper itself, or the engine could not keep what the command left. */
function endOf(error: unknown): End {
  const fault = faultOfBacking(error);
  if (fault !== undefined) return { exitCode: 1, why: fault.join('\n'), fault };
  if (!(error instanceof Error) || error.name !== 'ExecError' || !('exitCode' in error)) throw error;
  const exitCode = Number(error.exitCode) || 1;
  return { exitCode, why: exitCode > MOST_EXIT ? UNTOLD : reasonOf(error) };
}

/** A service that the command is bound to did not start, or did not stay. */
function faultOfBacking(error: unknown): string[] | undefined {
  if (asPipelineError(error) === undefined) return undefined;
  const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
  return backingFault(reasonOf(causeOf(error)), `${stdout}\n${stderr}`);
}

/** Whatever the step has made of the file: that it cannot be read says no more. */
function nothingOf(error: unknown): string {
  if (faultOfBacking(error) !== undefined) return '';
  if (error instanceof Error && (error.name === 'ExecError' || asPipelineError(error)?.code === 'ENGINE_FAILED'))
    return '';
  throw error;
}

type Told = { record: StepRecord; bytes: number; log: string; fault?: string[] };

/** What the step's files say, where that is what the engine says; undefined where they say something else. */
function readRecord(text: string, exitCode: number): Told | undefined {
  const end = text.indexOf('\n');
  const [, head = '', bytes = ''] = /^(\d+ \d+ \d+) (\d+)$/.exec(text.slice(0, end)) ?? [];
  const record = parseRecord(head);
  if (record === undefined || Math.min(record.exitCode, MOST_EXIT) !== exitCode) return undefined;
  return { record, bytes: Number(bytes), log: text.slice(end + 1) };
}

/** A step that has tampered with its record failed, whatever it ended with. */
function untold({ exitCode, why, fault }: End, startedMs: number): Told {
  const log = `Error: ${why}\n`;
  const record = { exitCode: exitCode || 1, startedMs, endedMs: Date.now() };
  return { record, bytes: log.length, log, ...(fault === undefined ? {} : { fault }) };
}
