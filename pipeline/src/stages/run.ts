// One run: the stages that were asked for, what they share, and the report. Both doors and all functions come through here.
import { type Directory, dag, type File, type GitRepository } from '@dagger.io/dagger';
import type { PipelineError } from '../core/errors.ts';
import { noFacts } from '../core/git.ts';
import type { SuiteCases } from '../core/junit.ts';
import type {
  AskedStage,
  EngineFacts,
  ImageResult,
  RunResult,
  SourceFacts,
  StageName,
  StageResult,
  StandIn,
} from '../core/model.ts';
import { parsePlatforms } from '../core/platforms.ts';
import { renderReport } from '../core/report.ts';
import { runResult } from '../core/result.ts';
import { skippedStage } from '../core/verdict.ts';
import { build, IMAGE_FILE } from './build.ts';
import type { RunContext } from './context.ts';
import { asPipelineError } from './engine.ts';
import { Images } from './images.ts';
import { INSTALLS, type InstallName, install, nodeContainer } from './install.ts';
import { lint } from './lint.ts';
import { emit } from './progress.ts';
import { checkManifests, gitFacts } from './source.ts';
import { test } from './test.ts';
import { timedStage } from './timed.ts';

export type RunOptions = {
  /** The name under which the run was asked for. */
  function: string;
  source: Directory;
  repo: GitRepository;
  images?: Directory | undefined;
  platforms: readonly string[];
  mirrors: readonly string[];
  strict: boolean;
  /** Known on the laptop only. */
  engine?: EngineFacts;
};

export type Outcome = { report: Directory; result: RunResult };

/** Which sets of packages a stage needs. */
const NEEDS: Record<AskedStage, readonly InstallName[]> = {
  lint: ['tools', 'service'],
  test: ['tools', 'service'],
  build: ['service', 'production'],
};

/** What is known so far; filled while the run goes on, so that a run that stops says what it had. */
type Findings = {
  source: SourceFacts;
  stages: Map<StageName, StageResult>;
  cases: SuiteCases;
  archive: File | null;
  image: ImageResult | null;
  standIns: StandIn[];
};

/** Run the stages. A red verdict, wrong configuration and an engine that fails are results, not exceptions. */
export async function run(asked: readonly AskedStage[], options: RunOptions): Promise<Outcome> {
  const startedMs = Date.now();
  const context: RunContext = {
    // Once more than the argument does it: what git ignores is uploaded otherwise.
    source: options.source.filter({ gitignore: true }),
    images: new Images({ archives: options.images, mirrors: options.mirrors }),
    startedMs,
    emit,
    logs: new Map(),
  };
  const findings: Findings = {
    source: noFacts('git was not asked'),
    stages: new Map(),
    cases: new Map(),
    archive: null,
    image: null,
    standIns: [],
  };
  let error: PipelineError | undefined;
  try {
    await runStages(context, asked, options, findings);
  } catch (thrown) {
    error = asPipelineError(thrown);
    if (error === undefined) throw thrown;
  }
  const result = runResult({
    function: options.function,
    asked,
    engine: options.engine ?? null,
    strict: options.strict,
    startedMs,
    finishedMs: Date.now(),
    error: error ?? null,
    ...findings,
  });
  const report = writeReport(result, findings, context.logs);
  return { report, result };
}

async function runStages(
  context: RunContext,
  asked: readonly AskedStage[],
  options: RunOptions,
  findings: Findings,
): Promise<void> {
  const platforms = parsePlatforms(options.platforms);
  const facts = gitFacts(options.repo).then((found) => {
    findings.source = found;
  });
  const [manifest] = await settled([checkManifests(context.source), facts, verifyImages(context, asked, platforms)]);
  const node = nodeContainer(context);
  const standIn = context.images.standIn('node').then((found) => {
    if (found !== null) findings.standIns.unshift(found);
  });
  const names = (Object.keys(INSTALLS) as InstallName[]).filter((name) =>
    asked.some((stage) => NEEDS[stage].includes(name)),
  );
  const installed = new Map<InstallName, ReturnType<typeof install>>();
  const stage = timedStage(context, 'install', async () => {
    for (const name of names) installed.set(name, install(context, node, name));
    return { steps: (await settled([...installed.values()])).map(({ result }) => result) };
  });
  /** A stage begins as soon as what it needs is there, not when everything is. */
  const ready = async (name: InstallName) => {
    const ran = await installed.get(name);
    return ran !== undefined && ran.result.exitCode === 0 ? ran.container : null;
  };
  const work = {
    lint: async () => {
      const [tools, service] = await Promise.all([ready('tools'), ready('service')]);
      return tools && service ? await lint(context, tools, service) : null;
    },
    test: async () => {
      const [tools, service] = await Promise.all([ready('tools'), ready('service')]);
      if (!tools || !service) return null;
      const tested = await test(context, tools, service);
      findings.cases = tested.cases;
      return tested.stage;
    },
    build: async () => {
      const [service, production] = await Promise.all([ready('service'), ready('production')]);
      if (!service || !production) return null;
      const built = await build(context, { service, production, platforms, manifest });
      findings.archive = built.archive;
      findings.image = built.image;
      findings.standIns.push(...built.standIns);
      return built.stage;
    },
  };
  await settled([
    standIn,
    stage.then((result) => findings.stages.set('install', result)),
    ...asked.map(async (name) => {
      findings.stages.set(name, (await work[name]()) ?? skippedStage(name, 'not reached: install failed'));
    }),
  ]);
}

async function verifyImages(
  context: RunContext,
  asked: readonly AskedStage[],
  platforms: readonly string[],
): Promise<void> {
  const own = { name: 'node', platform: await dag.defaultPlatform() } as const;
  const bases = asked.includes('build') ? platforms.map((platform) => ({ name: 'runtime', platform }) as const) : [];
  await context.images.verify([own, ...bases]);
}

/** Like Promise.all, but nothing is left running when one of them fails. */
async function settled<T extends readonly unknown[]>(
  promises: readonly [...{ [K in keyof T]: Promise<T[K]> | T[K] }],
): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}

/** The report as a folder: texts, the logs that are too large for one, and the image. */
function writeReport(result: RunResult, findings: Findings, logs: RunContext['logs']): Directory {
  const texts = new Map([...logs].filter((log): log is [string, string] => typeof log[1] === 'string'));
  const files = [...logs].filter((log): log is [string, File] => typeof log[1] !== 'string');
  let report = dag.directory();
  for (const [path, text] of renderReport(result, findings.cases, texts)) report = report.withNewFile(path, text);
  for (const [path, file] of files) report = report.withFile(path, file);
  return findings.archive === null ? report : report.withFile(IMAGE_FILE, findings.archive);
}
