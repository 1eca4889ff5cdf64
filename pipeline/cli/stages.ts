// Runs stages from the command line: checks what is at hand, runs them on an engine, writes the report, shows it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type ErrorCode, PipelineError, reasonOf } from '../src/core/errors.ts';
import type { Listener } from '../src/core/events.ts';
import type { EngineFacts, RunResult } from '../src/core/model.ts';
import { partsOf } from '../src/core/parts.ts';
import { renderReport } from '../src/core/report.ts';
import { runResult } from '../src/core/result.ts';
import { safeJson } from '../src/core/safe-text.ts';
import { subjectsIn } from '../src/core/subject.ts';
import type { Timing } from '../src/core/times/budgets.ts';
import { timedRun } from '../src/core/times/ledger.ts';
import { asPipelineError } from '../src/stages/engine.ts';
import { together } from '../src/stages/found.ts';
import type { StageInvocation } from './arguments.ts';
import { sayDoubts, whatStops } from './check/first.ts';
import { readSecrets } from './delivery.ts';
import { asFault } from './faults.ts';
import { checkInputs, filesOf } from './inputs.ts';
import { keepRun } from './kept-runs.ts';
import { keepTimes, readBudgets, readTimes } from './ledger.ts';
import { renderTty } from './live.ts';
import { type Output, takeOutput } from './output.ts';
import { renderPlain } from './render.ts';
import { askedBy, type Places, requestOf } from './request.ts';
import { withEngine } from './session.ts';
import { checkRepository, checkSubjectFile, repositoryAt, shownPath } from './subject.ts';
import type { Terminal } from './terminal.ts';
import { checkOutput } from './tracked.ts';

/** How many damaged things of the cache a run makes again, one after another, before it gives up. */
const MOST_DAMAGED = 20;

type RunOptions = {
  /** One of many runs while a person works: it is not kept, and no capsule is made of its failure. */
  isWatched?: boolean;
  onFinished?: (run: RunResult) => void;
};

/** Run what was asked for. Returns the exit code; a run that could not begin has a report too. */
export async function runStages(
  invocation: StageInvocation,
  root: string,
  terminal: Terminal,
  { isWatched = false, onFinished = () => {} }: RunOptions = {},
): Promise<number> {
  const { options } = invocation;
  const startedMs = Date.now();
  const output = resolve(options.output);
  checkRepository(root);
  checkSubjectFile(root);
  // A name that is none is told before an engine starts.
  if (options.services.length > 0) subjectsIn(await repositoryAt(root), options.services);
  checkOutput(root, output);
  const inputs = checkInputs(options);
  const secrets = readSecrets(options.delivery);
  const budgets = readBudgets(root);
  const timing = { past: readTimes(output), budgets };
  const deploying = options.runtime === 'compose' ? await composeDeployment() : undefined;
  const place = takeOutput(output, askedBy(invocation), filesOf(inputs));
  const screen = options.json ? terminal.err : terminal.out;
  const isLive = options.progress === 'tty' || (options.progress === 'auto' && screen.isTerminal);
  const shown = shownPath(output);
  const renderer = (isLive ? renderTty : renderPlain)({
    screen,
    isVerbose: options.verbose,
    output: shown,
    folder: output,
    asked: askedBy(invocation),
    startedMs,
    isGitHub: process.env.GITHUB_ACTIONS === 'true',
  });
  const say = (text: string) => renderer.listener({ kind: 'note', text });
  const checked = { root, output, asked: askedBy(invocation), services: options.services };
  let engine: EngineFacts | null = null;
  const finish = async (run: RunResult): Promise<number> => {
    onFinished(run);
    renderer.listener({ kind: 'run-finished', run });
    renderer.close();
    // GitHub takes them out of the log, and shows them on the lines of a pull request.
    if (process.env.GITHUB_ACTIONS === 'true') screen.control(readFileSync(join(output, 'annotations.txt'), 'utf8'));
    if (options.json) terminal.out.control(safeJson(run));
    if (wantsTrace(process.env)) {
      const { sendTrace } = await import('./traces.ts');
      const refusal = await sendTrace(run);
      if (refusal !== null) terminal.err.write(`the trace of this run was not taken: ${refusal}\n`);
    }
    return run.exitCode;
  };
  const settle = (run: RunResult) => {
    const paths = place.settle(run.exitCode);
    // A CI runner begins with an empty folder, and would upload everything twice.
    if (!isWatched && !process.env.CI)
      keepQuietly('results are', renderer.listener, () => keepRun(output, run.startedAt, paths));
  };
  try {
    const fault = await whatStops(checked, say);
    if (fault !== null) throw fault;
    const once = () =>
      withEngine(
        {
          ...options,
          root,
          interrupted: terminal.interrupted,
          say,
          onEngine: (chosen) => {
            if (engine === null) renderer.listener({ kind: 'engine', engine: chosen });
            engine = chosen;
          },
          onEvent: renderer.listener,
        },
        (chosen) => {
          const { listener } = renderer;
          const places = { root, output, inputs, secrets, timing, listener, runtime: deploying?.runtime };
          return runOn(chosen, invocation, { ...places, place, isWatched });
        },
      );
    let run = await once();
    // What was damaged is gone now, so that a new session makes it again; there may be more of it.
    for (let more = 0; run.error?.code === 'CACHE_DAMAGED' && more < MOST_DAMAGED; more += 1) {
      renderer.listener({ kind: 'note', text: `${run.error.message}: all is looked at again` });
      run = await once();
    }
    settle(run);
    await sayDoubts(checked, run, say);
    return await finish(run);
  } catch (thrown) {
    renderer.close();
    const error = asFault(thrown) ?? asPipelineError(thrown);
    if (error === undefined) throw thrown;
    if (WRONG_USE.has(error.code)) {
      place.restore();
      throw error;
    }
    const facts = {
      function: invocation.function,
      asked: askedBy(invocation),
      strict: options.strict,
      startedMs,
    };
    const run = runResult({
      ...facts,
      engine,
      finishedMs: Date.now(),
      error,
      ...together([]),
    });
    writeTexts(place.aside, run);
    settle(run);
    return await finish(run);
  } finally {
    place.release();
    await deploying?.close();
  }
}

/** Nothing was run: what an earlier run wrote stays. */
const WRONG_USE: ReadonlySet<ErrorCode> = new Set(['UNKNOWN_FUNCTION', 'UNKNOWN_OPTION', 'BAD_OPTION']);

function wantsTrace(env: NodeJS.ProcessEnv): boolean {
  const isNamed = Boolean(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT);
  return isNamed && env.OTEL_SDK_DISABLED !== 'true';
}

/** Loaded for those alone who ask for it. */
async function composeDeployment() {
  const { composeRuntime } = await import('./platform/compose-platform.ts');
  return await composeRuntime(process.env);
}

type Running = { timing: Timing; listener: Listener; place: Output; isWatched: boolean };

/** Everything that talks to the engine. Loaded late, because the SDK comes with it. */
async function runOn(
  engine: EngineFacts,
  invocation: StageInvocation,
  { timing, listener, place, isWatched, ...places }: Places & Running,
): Promise<RunResult> {
  const [{ dag }, { run }, { listen }] = await Promise.all([
    import('@dagger.io/dagger'),
    import('../src/stages/run.ts'),
    import('../src/stages/progress.ts'),
  ]);
  const stop = listen(listener);
  try {
    const request = requestOf(dag, engine, invocation, places);
    if (request.kind === 'stages' && isWatched) request.capsule = null;
    const { report, result } = await run({ ...request, timing });
    const { error } = result;
    if (error !== null && WRONG_USE.has(error.code)) throw new PipelineError(error.code, error.message, error.hint);
    const isLarge = partsOf(result).some(({ capsule }) => capsule !== null);
    listener({ kind: 'activity', id: 'results', name: 'results', what: isLarge ? 'report and capsule' : 'report' });
    await report.export(place.aside).finally(() => listener({ kind: 'activity-ended', id: 'results' }));
    remember(result, places.output, listener);
    return result;
  } finally {
    stop();
  }
}

function remember(run: RunResult, output: string, listener: Listener): void {
  const times = timedRun(run);
  if (times !== null) keepQuietly('times are', listener, () => keepTimes(output, times));
}

/** A run is as good without a record of it. */
function keepQuietly(what: string, listener: Listener, keep: () => void): void {
  try {
    keep();
  } catch (error) {
    listener({ kind: 'note', text: `the ${what} not kept for later: ${reasonOf(error)}` });
  }
}

/** The report of a run that no engine can write. */
function writeTexts(output: string, run: RunResult): void {
  for (const [path, text] of renderReport(run, new Map(), new Map())) {
    mkdirSync(dirname(join(output, path)), { recursive: true });
    writeFileSync(join(output, path), text);
  }
}
