// Runs stages from the laptop's door: checks what is at hand, runs them on an engine, writes the report, shows it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Client } from '@dagger.io/dagger';
import { type ErrorCode, PipelineError, reasonOf } from '../src/core/errors.ts';
import type { Listener } from '../src/core/events.ts';
import { stagesInCapsule, stagesOf } from '../src/core/functions.ts';
import { SOURCE_IGNORE } from '../src/core/ignore.ts';
import type { AskedStage, EngineFacts, RunResult } from '../src/core/model.ts';
import { renderReport } from '../src/core/report.ts';
import { runResult } from '../src/core/result.ts';
import { safeJson } from '../src/core/safe-text.ts';
import type { Timing } from '../src/core/times/budgets.ts';
import { timedRun } from '../src/core/times/ledger.ts';
import { asPipelineError } from '../src/stages/engine.ts';
import { nothingKnown } from '../src/stages/known.ts';
import type { RunOptions } from '../src/stages/run.ts';
import type { Runtime } from '../src/stages/runtime.ts';
import type { StageInvocation } from './arguments.ts';
import { toolPackages } from './capsule/tools.ts';
import { sayDoubts, whatStops } from './check/first.ts';
import { deliveryOptions, readSecrets } from './delivery.ts';
import { asFault } from './faults.ts';
import { type CheckedInputs, checkInputs, databaseInput, filesOf, scanningInputs } from './inputs.ts';
import { keepTimes, readBudgets, readTimes } from './ledger.ts';
import { type Output, takeOutput } from './output.ts';
import { programsOn } from './programs.ts';
import { renderPlain, renderTty } from './render.ts';
import { withEngine } from './session.ts';
import { checkRepository, checkSubjectFile } from './subject.ts';
import type { Terminal } from './terminal.ts';
import { checkOutput, trackedIn } from './tracked.ts';

/** How many damaged things of the cache a run makes again, one after another, before it gives up. */
const MOST_DAMAGED = 20;

/** Run what was asked for. Returns the exit code; a run that could not begin has a report too. */
export async function runStages(
  invocation: StageInvocation,
  root: string,
  terminal: Terminal,
  onFinished: (run: RunResult) => void = () => {},
): Promise<number> {
  const { options } = invocation;
  const startedMs = Date.now();
  const output = resolve(options.output);
  checkRepository(root);
  checkSubjectFile(root);
  checkOutput(root, output);
  const inputs = checkInputs(options);
  const secrets = readSecrets(options.delivery);
  const budgets = readBudgets(root);
  const timing = { past: readTimes(output), budgets };
  const deploying = options.runtime === 'compose' ? await composeDeployment() : undefined;
  const screen = options.json ? terminal.err : terminal.out;
  const isLive = options.progress === 'tty' || (options.progress === 'auto' && screen.isTerminal);
  const shown = shownPath(output);
  const renderer = (isLive ? renderTty : renderPlain)({ screen, isVerbose: options.verbose, output: shown });
  const say = (text: string) => renderer.listener({ kind: 'note', text });
  const checked = { root, output, asked: askedBy(invocation) };
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
  const place = takeOutput(output, askedBy(invocation), filesOf(inputs));
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
        },
        (chosen) => {
          const { listener } = renderer;
          const places = { root, output, inputs, secrets, timing, listener, runtime: deploying?.runtime };
          return runOn(chosen, invocation, { ...places, place });
        },
      );
    let run = await once();
    // What was damaged is gone now, so that a new session makes it again; there may be more of it.
    for (let more = 0; run.error?.code === 'CACHE_DAMAGED' && more < MOST_DAMAGED; more += 1) {
      renderer.listener({ kind: 'note', text: `${run.error.message}: all is looked at again` });
      run = await once();
    }
    place.settle(run.exitCode);
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
      ...nothingKnown(),
    });
    writeTexts(place.aside, run);
    place.settle(run.exitCode);
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

export type Places = {
  root: string;
  output: string;
  inputs: CheckedInputs;
  secrets: ReturnType<typeof readSecrets>;
  timing: Timing;
  listener: Listener;
  runtime: Runtime | undefined;
};

/** Everything that talks to the engine. Loaded late, because the SDK comes with it. */
async function runOn(
  engine: EngineFacts,
  invocation: StageInvocation,
  { root, output, inputs, secrets, timing, listener, runtime, place }: Places & { place: Output },
): Promise<RunResult> {
  const [{ dag }, { run }, { listen }] = await Promise.all([
    import('@dagger.io/dagger'),
    import('../src/stages/run.ts'),
    import('../src/stages/progress.ts'),
  ]);
  const stop = listen(listener);
  try {
    const options = optionsOn(dag, engine, invocation, { root, output, inputs, secrets, runtime });
    const { report, result } = await run(askedBy(invocation), { ...options, timing });
    const { error } = result;
    if (error !== null && WRONG_USE.has(error.code)) throw new PipelineError(error.code, error.message, error.hint);
    await report.export(place.aside);
    remember(result, output, listener);
    return result;
  } finally {
    stop();
  }
}

/** A run is as good without a record of how long it took. */
function remember(run: RunResult, output: string, listener: Listener): void {
  const times = timedRun(run);
  if (times === null) return;
  try {
    keepTimes(output, times);
  } catch (error) {
    listener({ kind: 'note', text: `how long this run took is not kept: ${reasonOf(error)}` });
  }
}

/** What the stages take, from the command line and this machine. */
export function optionsOn(
  dag: Client,
  engine: EngineFacts,
  { function: name, options }: StageInvocation,
  { root, output, inputs, secrets, runtime }: Omit<Places, 'listener' | 'timing'>,
): RunOptions {
  const host = dag.host();
  return {
    function: name,
    programs: programsOn(host),
    source: host.directory(root, { exclude: [...SOURCE_IGNORE, ...inside(root, output)], gitignore: true }),
    tracked: trackedIn(host, root, inside(root, output)),
    repo: host.directory(root, engine.kind === 'embedded' ? {} : UPLOADED_FOR_GIT).asGit(),
    images: inputs.images === null ? undefined : host.directory(inputs.images, { include: ['*.tar'] }),
    platforms: options.platforms,
    // The embedded engine asks mirrors itself, and what they lack it finds elsewhere.
    mirrors: engine.kind === 'embedded' ? [] : options.mirrors,
    strict: options.strict,
    compare: inputs.compare === null ? undefined : host.file(inputs.compare),
    engine,
    ...(engine.kind === 'embedded' ? { tools: () => toolPackages(host) } : {}),
    ...(name === 'capsule' ? { capsule: { stages: stagesInCapsule(options.stage), thin: options.thin } } : {}),
    ...deliveryOptions(dag, name, options.delivery, secrets, inputs),
    ...(runtime === undefined ? {} : { runtime }),
    scanning: {
      ...scanningInputs(host, inputs),
      base: options.base,
      rehearsal: options.rehearsal,
      database: databaseInput(host, inputs, options.mirrors),
    },
  };
}

export function askedBy({ function: name, options }: StageInvocation): AskedStage[] {
  return stagesOf(name, {
    image: options.image !== null,
    replay: options.replay !== null,
    run: options.run !== null,
    stage: options.stage,
    selection: options.selection,
  });
}

/** All that git tracks: whatever were left out here would look deleted. The embedded engine asks git where the folder is. */
const UPLOADED_FOR_GIT = { exclude: ['**/node_modules'], gitignore: true };

/** The output folder as a pattern, when it is a part of the source: what a run wrote is not what the next one reads. */
function inside(root: string, folder: string): string[] {
  const path = relative(root, folder);
  return path === '' || path.startsWith('..') ? [] : [path.split('\\').join('/')];
}

/** A folder as a person would name it from here. */
export function shownPath(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path.startsWith('..') ? folder : path || '.';
}

/** The report of a run that no engine can write. */
function writeTexts(output: string, run: RunResult): void {
  for (const [path, text] of renderReport(run, new Map(), new Map())) {
    mkdirSync(dirname(join(output, path)), { recursive: true });
    writeFileSync(join(output, path), text);
  }
}
