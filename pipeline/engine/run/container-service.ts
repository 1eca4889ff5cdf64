// A container that runs as a service: started, waited for until it is ready, and stopped.
import { asErrorOutput, EngineError, ExecError } from '../errors.ts';
import { type HealthTest, inTime, portsOpen, testPasses } from './health.ts';
import type { StepOutcome } from './outcome.ts';
import { TailOutputs } from './outputs.ts';
import type { RunningStep } from './runner.ts';
import type { Instance, Port, ServiceEnd } from './services.ts';
import type { Sockets } from './sockets.ts';

export interface ServiceRun {
  /** Its name, for messages. */
  readonly name: string;
  readonly command: readonly string[];
  readonly step: RunningStep;
  readonly outputs: TailOutputs;
  /** Taken out of what its health test says. */
  readonly secrets: readonly Buffer[];
  readonly address: string;
  readonly ports: readonly Port[];
  /** Asked instead of the ports, where the runtime can. */
  readonly test: HealthTest | undefined;
  readonly sockets: Promise<Sockets>;
  /** Says to give up waiting. */
  readonly signal: AbortSignal;
  /** How long the ports may take. */
  readonly readyMs: number;
}

/** How much of a service's output a message shows. */
const SHOWN_LINES = 20;

/** Resolves when the service is ready. Where it can't be, nothing of it is left running. */
export async function whenReady(run: ServiceRun): Promise<Instance> {
  const { step, address, ports } = run;
  const ended = step.ended.then(
    (outcome): ServiceEnd => ({ reason: endOf(run, outcome) }),
    (error: Error): ServiceEnd => ({ reason: error.message }),
  );
  const stop = stopper(step);
  const waiting = new AbortController();
  try {
    const early = step.ended.then((outcome) => Promise.reject(diedEarly(run, outcome)));
    const over = AbortSignal.any([waiting.signal, run.signal]);
    const ready = step.begun.then(() =>
      run.test !== undefined && step.canExec() ? isHealthy(run, run.test, over) : isReachable(run, over),
    );
    await Promise.race([early, ready]);
    early.catch(() => {}); // from now on its end is told by `ended`
    return { address, ports, ended, stop };
  } catch (error) {
    await stop({ graceMs: 0 });
    throw error;
  } finally {
    waiting.abort();
  }
}

async function isReachable(run: ServiceRun, over: AbortSignal): Promise<void> {
  const { address, ports, readyMs } = run;
  const late = AbortSignal.timeout(readyMs);
  try {
    await portsOpen(await run.sockets, address, ports, AbortSignal.any([over, late]));
  } catch (error) {
    if (!late.aborted) throw error;
    const asked = ports.map(({ port }) => port).join(', ');
    throw new EngineError(
      `the service ${run.name} did not accept connections on port ${asked} within ${readyMs / 1000} s${said(run)}`,
      undefined,
      { cause: error },
    );
  }
}

async function isHealthy(run: ServiceRun, test: HealthTest, over: AbortSignal): Promise<void> {
  const check = async () => {
    const outputs = new TailOutputs(run.secrets);
    const { result: exitCode, isLate } = await inTime(test.timeoutMs, over, (signal) =>
      run.step.exec(test.args, outputs, signal),
    );
    if (exitCode === 0) return undefined;
    const why = isLate ? `no answer within ${test.timeoutMs / 1000} s` : `exit code: ${exitCode}`;
    const [stdout, stderr] = (['stdout', 'stderr'] as const).map((name) =>
      asErrorOutput(Buffer.from(outputs.text(name))),
    );
    return new ExecError(
      { command: [...test.args], exitCode, stdout: stdout ?? '', stderr: stderr ?? '' },
      `health check errored: ${why}${said(run)}`,
    );
  };
  await testPasses(test, check, over);
}

/** SIGTERM, and SIGKILL when that takes too long; whoever asks for less time gets it. */
function stopper({ begun, ended, signal }: RunningStep): Instance['stop'] {
  const gone = ended.then(
    () => true,
    () => true,
  );
  let isTold = false;
  return async ({ graceMs }) => {
    await Promise.race([begun, gone]);
    if (graceMs > 0) {
      if (!isTold) void signal('TERM');
      isTold = true;
      const timer = new AbortController();
      const isGone = await Promise.race([gone, pause(graceMs, timer.signal)]);
      timer.abort();
      if (isGone) return;
    }
    await signal('KILL');
    await gone;
  };
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<false>((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    signal.addEventListener('abort', () => clearTimeout(timer));
  });

function diedEarly(run: ServiceRun, { exitCode, startError }: StepOutcome): EngineError {
  const facts = { command: [...run.command], stdout: run.outputs.text('stdout') };
  if (startError !== undefined)
    return new ExecError(
      { ...facts, exitCode: 1, stderr: startError },
      `could not start the service ${run.name}: ${startError}`,
    );
  const message = `the service ${run.name} ended before it was ready: exit code: ${exitCode}${said(run)}`;
  if (exitCode === 0) return new EngineError(message);
  return new ExecError({ ...facts, exitCode, stderr: run.outputs.text('stderr') }, message);
}

const endOf = (run: ServiceRun, { exitCode }: StepOutcome) =>
  `the service ${run.name} ended: exit code: ${exitCode}${said(run)}`;

function said({ outputs }: ServiceRun): string {
  const lines = outputs.lastLines(SHOWN_LINES);
  return lines === '' ? '' : `; its last lines:\n${lines}`;
}
