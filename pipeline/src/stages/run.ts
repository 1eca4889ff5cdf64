// One run: the stages that were asked for, what they share, and the report. Both doors and all functions come through here.
import { type Directory, dag, type File, type GitRepository } from '@dagger.io/dagger';
import { imageOf } from '../core/delivery/compare.ts';
import type { PipelineError } from '../core/errors.ts';
import { isolationFault } from '../core/isolation.ts';
import type { AskedStage, EngineFacts, RunResult, SourceFacts } from '../core/model.ts';
import { parsePlatforms } from '../core/platforms.ts';
import { renderReport } from '../core/report.ts';
import { runResult } from '../core/result.ts';
import type { Subject } from '../core/subject.ts';
import { type Timing, withOverruns } from '../core/times/budgets.ts';
import { describeGiven } from './archive.ts';
import { type CapsuleOptions, capturedStages, writeCapsule } from './capsule.ts';
import type { PackageContext, RunContext } from './context.ts';
import type { DatabaseOptions } from './database.ts';
import { Delivery, type DeliveryOptions } from './delivery.ts';
import { asPipelineError } from './engine.ts';
import { replayGate } from './gate.ts';
import { Images } from './images.ts';
import { type Known, keepGate, nothingKnown } from './known.ts';
import { Plan } from './plan.ts';
import { readDeciding } from './policy.ts';
import { emit } from './progress.ts';
import { type RollbackOptions, runRollback } from './rollback.ts';
import type { Runtime } from './runtime.ts';
import { settled } from './settled.ts';
import { checkDeployment, SESSION } from './smoke.ts';
import { checkManifests, gitFacts, sourceOf, subjectOf } from './source.ts';
import { runVerify, type VerifyOptions } from './verify.ts';

export type RunOptions = {
  /** The name under which the run was asked for. */
  function: string;
  source: Directory;
  /** The tool's own programs for bytes and probes. */
  programs: Directory;
  /** What git tracks of it, and would leave out otherwise; null where there is no such thing. Not said: it is asked of `repo`. */
  tracked?: Directory | null;
  repo: GitRepository;
  /** What that is, where it is known already. */
  facts?: SourceFacts;
  images: Directory | undefined;
  platforms: readonly string[];
  /** For the images that stages use; an engine may ask mirrors itself. */
  mirrors: readonly string[];
  strict: boolean;
  /** The result.json of another run: its image has to be the one that is built. */
  compare?: File | undefined;
  /** Known on the laptop only. */
  engine?: EngineFacts;
  /** So is how long earlier runs took. */
  timing?: Timing;
  delivery?: DeliveryOptions;
  verification?: VerifyOptions;
  rollback?: RollbackOptions;
  left?: RunContext['left'];
  /** Gives the packages of the engine's own programs, for a capsule: asked for where one is written. */
  tools?: () => Promise<Directory | null>;
  /** Install all packages, whatever the stages need. */
  isInstalling?: boolean;
  /** Of a run again from a capsule: what its images were pinned to. */
  pins?: ReadonlyMap<string, string>;
  /** And npm's cache. */
  packages?: Directory | undefined;
  /** Which stages go into a capsule; those that failed, if it is not said. Null: none, whatever happens. */
  capsule?: Pick<CapsuleOptions, 'stages' | 'thin'> | null;
  /** What only the stages behind build take. */
  scanning?: ScanningOptions;
  /** Where smoke deploys, if not in the session. */
  runtime?: Runtime;
};

export type ScanningOptions = {
  /** An image archive to look at, instead of building one. */
  image: File | undefined;
  database: DatabaseOptions;
  /** The base branch of a pull request: policy and VEX come from there. Empty outside of one. */
  base: string;
  baseline: File | undefined;
  /** A recorded verdict, to decide again; nothing is scanned then. */
  replay: File | undefined;
  /** By the policy of the source, not by the one that was recorded. */
  redecide?: boolean;
  rehearsal: boolean;
};

/** For functions that scan nothing. */
export const NO_SCANNING: ScanningOptions = {
  image: undefined,
  database: { folder: undefined, reference: '', service: undefined, mirrors: [] },
  base: '',
  baseline: undefined,
  replay: undefined,
  rehearsal: false,
};

export type Outcome = { report: Directory; result: RunResult };

/** Run the stages. A red verdict, wrong configuration and an engine that fails are results, not exceptions. */
export async function run(asked: readonly AskedStage[], options: RunOptions): Promise<Outcome> {
  const startedMs = Date.now();
  const context: RunContext = {
    source: await sourceOf(options),
    programs: options.programs,
    images: new Images({ archives: options.images, mirrors: options.mirrors, pins: options.pins }),
    packages: options.packages,
    left: options.left,
    startedMs,
    emit,
    engine: options.engine ?? null,
    logs: new Map(),
  };
  const known = nothingKnown();
  const replay = options.scanning?.replay;
  let error: PipelineError | undefined;
  let subject: Subject | undefined;
  try {
    const shared = isolationFault(context.engine, options.rollback === undefined ? asked : ['rollback']);
    if (shared !== undefined) throw shared;
    if (options.verification !== undefined) await runVerify(context, options.verification, known);
    else if (options.rollback !== undefined) await runRollback(context, options.rollback, known);
    else if (replay !== undefined) await runReplay(context, replay, known, options);
    else {
      subject = await subjectOf(context.source);
      await runStages({ ...context, subject }, asked, options, known);
    }
  } catch (thrown) {
    error = asPipelineError(thrown);
    if (error === undefined) throw thrown;
  }
  const plain = runResult({
    function: options.function,
    asked,
    engine: context.engine,
    strict: options.strict,
    startedMs,
    finishedMs: Date.now(),
    error: error ?? null,
    ...known,
  });
  const result = options.timing === undefined ? plain : withOverruns(plain, options.timing);
  if (options.capsule !== null && subject !== undefined)
    await addCapsule({ ...context, subject }, result, known, options);
  return { report: writeReport(result, known, context.logs), result };
}

/** A failure is a file. That it cannot be written is worth a word, and changes nothing about the failure. */
async function addCapsule(
  context: PackageContext,
  result: RunResult,
  known: Known,
  options: RunOptions,
): Promise<void> {
  const { stages, thin } = options.capsule ?? { stages: [], thin: false };
  if (result.error !== null || capturedStages(result, stages).length === 0) return;
  try {
    const { file, capsule } = await writeCapsule(context, result, known, {
      stages,
      thin,
      tools: (await options.tools?.()) ?? null,
      arguments: {
        platforms: [...options.platforms],
        strict: options.strict,
        rehearsal: options.scanning?.rehearsal ?? false,
        base: options.scanning?.base ?? '',
      },
      secrets: secretNames(options),
    });
    known.files.set(capsule.file, file);
    result.capsule = capsule;
  } catch (error) {
    const fault = asPipelineError(error);
    if (fault === undefined || stages.length > 0) throw error;
    emit({ kind: 'note', text: `no capsule of this failure: ${fault.message}` });
  }
}

function secretNames({ delivery, verification, rollback }: RunOptions): string[] {
  const { token, signing } = { signing: undefined, ...delivery, ...(verification ?? rollback) };
  const secrets = { token, ...signing };
  return Object.entries(secrets).flatMap(([name, secret]) => (secret === undefined ? [] : [name]));
}

async function runStages(
  context: PackageContext,
  asked: readonly AskedStage[],
  options: RunOptions,
  known: Known,
): Promise<void> {
  const { source, subject, images } = context;
  const { base, baseline, rehearsal, database, ...scanned } = options.scanning ?? NO_SCANNING;
  const delivery = options.delivery === undefined ? null : await Delivery.prepare(context, known, options.delivery);
  const image = delivery?.recorded?.archive ?? scanned.image;
  const platforms = parsePlatforms(options.platforms);
  const other = options.compare === undefined ? null : imageOf(await options.compare.contents());
  const facts = (options.facts === undefined ? gitFacts(options.repo) : Promise.resolve(options.facts)).then(
    (found) => {
      known.source = found;
    },
  );
  // Policy and archive too: what is wrong with them is said before anything is installed, however long the rest would take.
  const [manifest, deciding, given] = await settled([
    checkManifests(source, subject),
    asked.includes('scan') ? readDeciding(source, options.repo, base) : null,
    image === undefined
      ? null
      : describeGiven(image, delivery?.recorded ? 'image.tar in the folder of --run' : undefined),
    // What is delivered or deployed names its commit; the others do not wait for git, which looks at every file.
    delivery !== null || asked.includes('smoke') ? facts : null,
    verifyImages(context, asked, platforms),
    asked.includes('smoke') ? checkDeployment(context) : null,
  ]);
  const plan = new Plan(
    context,
    {
      platforms,
      manifest,
      strict: options.strict,
      deciding,
      database,
      baseline,
      rehearsal: rehearsal || (delivery?.isRehearsal ?? false),
      delivery,
      other,
      runtime: options.runtime ?? SESSION,
      isInstalling: options.isInstalling ?? false,
      given: image === undefined || given === null ? null : { archive: image, ...given },
    },
    known,
    asked,
  );
  const standIn = images.standIn('node').then((found) => {
    if (found !== null) known.standIns.unshift(found);
  });
  const installing = plan.install();
  try {
    await settled([
      standIn,
      facts,
      installing?.then((result) => known.stages.set('install', result)),
      ...asked.map(async (name) => known.stages.set(name, await plan.stage(name))),
    ]);
  } finally {
    await delivery?.close();
  }
}

async function runReplay(context: RunContext, record: File, known: Known, options: RunOptions): Promise<void> {
  const deciding = options.scanning?.redecide ? await readDeciding(context.source, options.repo, '') : undefined;
  const gated = await replayGate(context, record, { deciding });
  keepGate(known, gated);
  known.stages.set('gate', gated.stage);
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

/** The report as a folder: texts, the logs that are too large for one, and the files that containers wrote. */
function writeReport(result: RunResult, known: Known, logs: RunContext['logs']): Directory {
  const texts = new Map([...logs].filter((log): log is [string, string] => typeof log[1] === 'string'));
  const files = [...logs].filter((log): log is [string, File] => typeof log[1] !== 'string');
  let report = dag.directory();
  for (const [path, text] of [...renderReport(result, known.cases, texts), ...known.texts])
    report = report.withNewFile(path, text);
  for (const [path, file] of [...files, ...known.files]) report = report.withFile(path, file);
  return report;
}
