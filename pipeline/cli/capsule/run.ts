// Runs stages of a capsule on an engine of its own: an empty store, no network, and nothing to read but the capsule.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Directory } from '@dagger.io/dagger';
import { badCapsule, type CapsuleImage } from '../../src/core/capsule/manifest.ts';
import { backingImages, CAPTURED, needsOf } from '../../src/core/capsule/needs.ts';
import { COMPOSE_FILE } from '../../src/core/compose/read.ts';
import type { Listener } from '../../src/core/events.ts';
import { SOURCE_IGNORE } from '../../src/core/ignore.ts';
import type { AskedStage, EngineFacts, RunResult, StageName } from '../../src/core/model.ts';
import { PRODUCTION, setOf, setsFor } from '../../src/core/package-sets.ts';
import { isPlatform } from '../../src/core/smoke/alone.ts';
import { type Subject, subjectsIn } from '../../src/core/subject.ts';
import { archiveOf, imageName } from '../../src/pins.ts';
import { NO_SCANNING, type SharedRequest, type StagesRequest } from '../../src/stages/request.ts';
import type { EngineOptions } from '../arguments.ts';
import { textIn } from '../plain-files.ts';
import { programsOn } from '../programs.ts';
import { withEngine } from '../session.ts';
import { repositoryAt } from '../subject.ts';
import type { Terminal } from '../terminal.ts';
import { trackedIn } from '../tracked.ts';
import type { OpenCapsule } from './open.ts';

type ReplayRequest = {
  stages: readonly StageName[];
  /** The folder of the source: the capsule's own, or one to try. */
  source: string;
  /** A source that is not the capsule's decides by its own policy. */
  isOther: boolean;
  /** Archives that a thin capsule does not hold. */
  images: string | null;
  /** Told each step as it was left. */
  left?: SharedRequest['left'];
};

type Replayed = { report: Directory; result: RunResult };
export type ReplayRun = (capsule: OpenCapsule, request: ReplayRequest) => Promise<Replayed>;

type Around = {
  folder: string;
  terminal: Terminal;
  options: Pick<EngineOptions, 'stepTimeout' | 'verbose'>;
  listener: Listener;
};

export async function withReplayEngine<T>(
  { folder, terminal, options, listener }: Around,
  work: (run: ReplayRun) => Promise<T>,
): Promise<T> {
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  try {
    const session = {
      engine: 'embedded' as const,
      offline: true,
      mirrors: [],
      ...options,
      root: folder,
      interrupted: terminal.interrupted,
      say: (text: string) => listener({ kind: 'note', text }),
      onEngine: () => {},
      onEvent: listener,
    };
    return await withEngine(session, async (engine) => {
      const { listen } = await import('../../src/stages/progress.ts');
      const stop = listen(listener);
      try {
        return await work(async (capsule, request) => await runRequest(engine, capsule, request));
      } finally {
        stop();
      }
    });
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  }
}

async function runRequest(engine: EngineFacts, capsule: OpenCapsule, request: ReplayRequest): Promise<Replayed> {
  const [{ dag }, { run }] = await Promise.all([import('@dagger.io/dagger'), import('../../src/stages/run.ts')]);
  const host = dag.host();
  const { arguments: given, images } = capsule.manifest;
  const shared: SharedRequest = {
    function: 'replay',
    programs: programsOn(host),
    source: host.directory(request.source, { exclude: SOURCE_IGNORE, gitignore: true }),
    // What is in a capsule is all of the source, and in a folder to try, what git tracks.
    tracked: request.isOther ? trackedIn(host, request.source) : host.directory(request.source),
    repo: host.directory(request.source, { include: ['.git'] }).asGit(),
    // A capsule holds no repository, but says what its own was.
    ...(request.isOther ? {} : { facts: capsule.manifest.source }),
    images: host.directory(request.images ?? capsule.images, { include: ['*.tar'] }),
    pins: new Map(images.map(({ name, pin }) => [name, pin])),
    packages: capsule.packages === null ? undefined : host.directory(capsule.packages),
    mirrors: [],
    strict: given.strict,
    engine,
    left: request.left,
  };
  const folder = capsule.database === null ? undefined : host.directory(capsule.database);
  const isGiven = capsule.image !== null && !request.stages.includes('build');
  const isInstalling = request.stages.includes('install');
  const asked = request.stages.filter((name): name is AskedStage => name !== 'install' && name !== 'gate');
  const stages: StagesRequest = {
    kind: 'stages',
    ...shared,
    asked,
    services: given.service === undefined ? [] : [given.service],
    platforms: given.platforms,
    isInstalling,
    capsule: null,
    scanning: {
      ...NO_SCANNING,
      image: isGiven ? host.file(capsule.image as string) : undefined,
      database: { ...NO_SCANNING.database, folder },
      rehearsal: given.rehearsal,
    },
  };
  const inContainers = asked.length === 0 && !isInstalling ? null : await run(stages);
  if (!request.stages.includes('gate') || capsule.verdict === null) {
    if (inContainers === null) throw badCapsule(`${basename(capsule.file)} holds nothing that could be run`);
    return inContainers;
  }
  const verdict = host.file(capsule.verdict);
  const decided = await run({ kind: 'decide', ...shared, verdict, byOwnPolicy: request.isOther });
  return inContainers === null ? decided : withGate(inContainers, decided);
}

function withGate(ran: Replayed, { result: decided }: Replayed): Replayed {
  const gate = decided.stages.filter(({ name }) => name === 'gate');
  const stages = ran.result.stages.map((stage) => (stage.name === 'gate' ? (gate[0] ?? stage) : stage));
  return { report: ran.report, result: { ...ran.result, stages, gate: decided.gate } };
}

/** The stages that can be run from what the capsule holds, and the images that were given. */
export async function stagesHeld(capsule: OpenCapsule, given: string | null): Promise<StageName[]> {
  const { manifest, packages, image, verdict } = capsule;
  const { service } = manifest.arguments;
  const [subject] = subjectsIn(await repositoryAt(capsule.source), service === undefined ? [] : [service]) as [Subject];
  const recorded = manifest.stages.map(({ name }) => name);
  const hasPlatform = isPlatform(textIn(capsule.source, COMPOSE_FILE));
  return CAPTURED.filter((name) => {
    if (recorded.includes(name)) return true;
    // The others install what they need.
    if (name === 'install') return false;
    const needs = needsOf([name], hasPlatform);
    const sets = new Set(manifest.packages.map(({ set }) => set));
    return (
      (needs.packages.length === 0 || packages !== null) &&
      setsFor(subject, name).every((set) => sets.has(set === PRODUCTION ? setOf(subject.service) : set)) &&
      [...needs.images, ...backingImages([name], subject).map(imageName)].every((image) =>
        existsSync(join(given ?? capsule.images, archiveOf(image))),
      ) &&
      (!needs.image || image !== null) &&
      (!needs.verdict || verdict !== null)
    );
  });
}

/** Images that the recorded stages used, and neither the capsule nor the given folder has. */
export function missingImages({ manifest, images }: OpenCapsule, given: string | null): CapsuleImage[] {
  const left = manifest.images.filter(({ held, standIn }) => !held && (standIn !== null || isThin(manifest.images)));
  return left.filter(({ name }) => !existsSync(join(given ?? images, archiveOf(name))));
}

const isThin = (images: OpenCapsule['manifest']['images']) => images.length > 0 && images.every(({ held }) => !held);
