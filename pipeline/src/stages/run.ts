// One run: what was asked for, done, and its report. Both doors and all functions come through here.
import { type Directory, dag, type File } from '@dagger.io/dagger';
import { COMMAND } from '../command.ts';
import { imageOf } from '../core/delivery/compare.ts';
import { PipelineError } from '../core/errors.ts';
import type { RunEvent } from '../core/events.ts';
import { isolationFault } from '../core/isolation.ts';
import { joinRuns } from '../core/join.ts';
import type { SuiteCases } from '../core/junit.ts';
import type { AskedStage, ReportTexts, RunResult } from '../core/model.ts';
import { inPart } from '../core/parts.ts';
import { parsePlatforms } from '../core/platforms.ts';
import { renderReport } from '../core/report.ts';
import { runResult } from '../core/result.ts';
import { type Subject, subjectsIn } from '../core/subject.ts';
import { withOverruns } from '../core/times/budgets.ts';
import { describeGiven } from './archive.ts';
import { capturedStages, writeCapsule } from './capsule.ts';
import type { PackageContext, RunContext } from './context.ts';
import { Delivery } from './delivery.ts';
import { askIdsOnce, asPipelineError } from './engine.ts';
import { type Found, type Keep, type Known, together } from './found.ts';
import { replayGate } from './gate.ts';
import { Images } from './images.ts';
import { Plan } from './plan.ts';
import { readDeciding } from './policy.ts';
import { emit } from './progress.ts';
import { askedIn, type DecideRequest, type RunRequest, type SharedRequest, type StagesRequest } from './request.ts';
import { runRollback } from './rollback.ts';
import { oneAtATime, settled } from './settled.ts';
import { checkDeployment, hasPlatform, SESSION } from './smoke.ts';
import { checkManifests, gitFacts, repositoryIn, sourceOf } from './source.ts';
import { runVerify } from './verify.ts';

export type Outcome = { report: Directory; result: RunResult };

/** Do what was asked for. A red verdict, wrong configuration and an engine that fails are results, not exceptions. */
export async function run(request: RunRequest): Promise<Outcome> {
  askIdsOnce(dag);
  const context = await contextOf(request);
  if (request.kind !== 'stages')
    return await ended(context, request, async (keep) => await runOther(context, request, keep));
  let subjects: Subject[] = [];
  const described = await attempt(async () => {
    subjects = subjectsIn(await repositoryIn(context.source), request.services);
    if (subjects.length > 1) await checkForSeveral(context, request, subjects);
  });
  if (described !== undefined) return await ended(context, request, () => Promise.reject(described));
  const [first, ...more] = subjects as [Subject, ...Subject[]];
  if (more.length === 0) return await runOne(context, request, first);
  const { timing, ...untimed } = request;
  const parts = await settled(
    subjects.map(async (subject) => {
      const { name } = subject.service;
      const own = {
        ...context,
        logs: new Map(),
        emit: (event: RunEvent) => emit('stage' in event ? { ...event, part: name } : event),
      };
      return { name, ...(await runOne(own, partOf(untimed, name), subject)) };
    }),
  );
  const joined = joinRuns(parts);
  return joinReports(timing === undefined ? joined : withOverruns(joined, timing), parts);
}

async function runOther(context: RunContext, request: Exclude<RunRequest, StagesRequest>, keep: Keep): Promise<void> {
  if (request.kind === 'verify') await runVerify(context, request.verification, keep);
  else if (request.kind === 'rollback') await runRollback(context, request.rollback, keep);
  else keep(await decideAgain(context, request));
}

async function runOne(context: RunContext, request: StagesRequest, subject: Subject): Promise<Ended> {
  const packages = { ...context, subject };
  return await ended(
    packages,
    request,
    async (keep) => await runStages(packages, request, keep),
    async (result, known) => await addCapsule(packages, result, known, request),
  );
}

/** A run with what its report is made of, to be joined with others. */
type Ended = Outcome & { cases: SuiteCases; texts: ReportTexts };

/** Some work to its end, whichever that is, and the account of it. */
async function ended(
  context: RunContext,
  request: RunRequest,
  work: (keep: Keep) => Promise<void>,
  finish: (result: RunResult, known: Known) => Promise<void> = async () => {},
): Promise<Ended> {
  const asked = askedIn(request);
  const found: Found[] = [];
  const error = await attempt(async () => {
    const shared = isolationFault(context.engine, asked);
    if (shared !== undefined) throw shared;
    await work((part) => void found.push(part));
  });
  const known = together(found);
  const { startedMs } = context;
  const facts = { function: request.function, asked, engine: context.engine, strict: request.strict };
  const plain = runResult({ ...facts, startedMs, finishedMs: Date.now(), error: error ?? null, ...known });
  const result = request.timing === undefined ? plain : withOverruns(plain, request.timing);
  await finish(result, known);
  const texts = textsOf(context.logs);
  return { report: writeReport(result, known, context.logs), result, cases: known.cases, texts };
}

/** What stopped some work, where that is a fault that is told; others are thrown on. */
async function attempt(work: () => Promise<void>): Promise<PipelineError | undefined> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    const error = asPipelineError(thrown);
    if (error === undefined) throw thrown;
    return error;
  }
}

/** Throws `BAD_OPTION` for what can be said of one service only. */
async function checkForSeveral(
  { source }: RunContext,
  { function: name, scanning, compare, asked }: StagesRequest,
  subjects: readonly Subject[],
): Promise<void> {
  const names = subjects.map(({ service }) => service.name);
  const refuse = (what: string) => {
    const problem = `${what} is about one service, and there are ${names.length}: ${names.join(', ')}`;
    return new PipelineError('BAD_OPTION', problem, `name one: ${COMMAND} ${name} ${names[0]}`);
  };
  if (scanning.image !== undefined) throw refuse('--image');
  if (compare !== undefined) throw refuse('--compare');
  if (asked.includes('smoke') && (await hasPlatform(source))) throw refuse('docker-compose.yml');
}

/** The request, as it is made of one service among others: delivered under its own name. */
function partOf(request: StagesRequest, name: string): StagesRequest {
  const { delivery } = request;
  if (delivery === undefined) return { ...request, services: [name] };
  const own = { repository: `${delivery.repository}/${name}`, run: delivery.run?.directory(name) };
  return { ...request, services: [name], delivery: { ...delivery, ...own } };
}

async function contextOf(request: SharedRequest): Promise<RunContext> {
  const startedMs = Date.now();
  return {
    source: await sourceOf(request),
    programs: request.programs,
    images: new Images({ archives: request.images, mirrors: request.mirrors, pins: request.pins }),
    packages: request.packages,
    secrets: request.secrets ?? new Map(),
    loopback: request.loopback ?? null,
    left: request.left,
    startedMs,
    emit,
    engine: request.engine ?? null,
    inTurn: oneAtATime(),
    logs: new Map(),
  };
}

/** A failure is a file. That it cannot be written is worth a word, and changes nothing about the failure. */
async function addCapsule(
  context: PackageContext,
  result: RunResult,
  known: Known,
  request: StagesRequest,
): Promise<void> {
  if (request.capsule === null) return;
  const { stages, thin } = request.capsule ?? { stages: [], thin: false };
  if (result.error !== null || capturedStages(result, stages).length === 0) return;
  const { platforms, strict, scanning } = request;
  const id = `capsule ${context.subject.service.name}`;
  emit({ kind: 'activity', id, name: 'capsule', what: 'writing the failure to a file' });
  try {
    const { file, capsule } = await writeCapsule(context, result, known, {
      stages,
      thin,
      tools: (await request.tools?.()) ?? null,
      arguments: {
        ...{ platforms: [...platforms], strict, rehearsal: scanning.rehearsal, base: scanning.base },
        service: context.subject.service.name,
      },
      secrets: secretNames(request),
    });
    known.files.set(capsule.file, file);
    result.capsule = capsule;
  } catch (error) {
    const fault = asPipelineError(error);
    if (fault === undefined || stages.length > 0) throw error;
    emit({ kind: 'note', text: `no capsule of this failure: ${fault.message}` });
  } finally {
    emit({ kind: 'activity-ended', id });
  }
}

function secretNames({ delivery, secrets = new Map() }: StagesRequest): string[] {
  const delivering = { token: delivery?.token, ...delivery?.signing };
  return [
    ...Object.entries(delivering).flatMap(([name, secret]) => (secret === undefined ? [] : [name])),
    ...secrets.keys(),
  ];
}

async function runStages(context: PackageContext, request: StagesRequest, keep: Keep): Promise<void> {
  const { source, subject } = context;
  const { asked } = request;
  const { base, baseline, rehearsal, database, ...scanned } = request.scanning;
  const delivery = request.delivery === undefined ? null : await Delivery.prepare(context, request.delivery);
  if (delivery !== null) keep(delivery.found);
  const image = delivery?.recorded?.archive ?? scanned.image;
  const platforms = parsePlatforms(request.platforms);
  const other = request.compare === undefined ? null : imageOf(await request.compare.contents());
  const facts = request.facts === undefined ? gitFacts(request.repo) : Promise.resolve(request.facts);
  const keepFacts = facts.then((found) => keep({ source: found }));
  // Policy and archive too: what is wrong with them is said before anything is installed, however long the rest would take.
  const [manifest, deciding, given] = await settled([
    checkManifests(source, subject),
    asked.includes('scan') ? readDeciding(source, request.repo, base) : null,
    image === undefined
      ? null
      : describeGiven(image, delivery?.recorded ? 'image.tar in the folder of --run' : undefined),
    // What is delivered or deployed names its commit; the others do not wait for git, which looks at every file.
    delivery !== null || asked.includes('smoke') ? keepFacts : null,
    verifyImages(context, asked, subject.service.project === null ? [] : platforms),
    asked.includes('smoke') ? checkDeployment(context) : null,
  ]);
  const plan = new Plan(
    context,
    {
      asked,
      platforms,
      manifest,
      facts,
      strict: request.strict,
      deciding,
      database,
      baseline,
      rehearsal: rehearsal || (delivery?.isRehearsal ?? false),
      delivery,
      other,
      runtime: request.runtime ?? SESSION,
      isInstalling: request.isInstalling ?? false,
      given: image === undefined || given === null ? null : { archive: image, ...given },
    },
    keep,
  );
  const installing = plan.install();
  try {
    await settled([plan.standIn(), keepFacts, installing, ...asked.map((name) => plan.begin(name))]);
  } finally {
    await delivery?.close();
  }
}

async function decideAgain(context: RunContext, request: DecideRequest): Promise<Found> {
  const deciding = request.byOwnPolicy ? await readDeciding(context.source, request.repo, '') : undefined;
  return await replayGate(context, request.verdict, { deciding });
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
  const files = [...logs].filter((log): log is [string, File] => typeof log[1] !== 'string');
  let report = dag.directory();
  for (const [path, text] of [...renderReport(result, known.cases, textsOf(logs)), ...known.texts])
    report = report.withNewFile(path, text);
  for (const [path, file] of [...files, ...known.files]) report = report.withFile(path, file);
  return report;
}

const textsOf = (logs: RunContext['logs']): ReportTexts =>
  new Map([...logs].filter((log): log is [string, string] => typeof log[1] === 'string'));

/** The report of all, with that of each in the folder of its name. */
function joinReports(result: RunResult, parts: readonly (Ended & { name: string })[]): Outcome {
  const cases = new Map(
    parts.flatMap((part) => [...part.cases].map(([suite, of]) => [inPart(part.name, suite), of] as const)),
  );
  const logs = new Map(
    parts.flatMap((part) => [...part.texts].map(([path, text]) => [`${part.name}/${path}`, text] as const)),
  );
  let report = parts.reduce((to, part) => to.withDirectory(part.name, part.report), dag.directory());
  for (const [path, text] of renderReport(result, cases, logs)) report = report.withNewFile(path, text);
  return { report, result };
}
