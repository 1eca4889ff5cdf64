// Writes the capsule of a run: all that its stages read, in one file that runs them again anywhere, without a network.// Writes the capsule of a run: all that its stages read, in one file that runs them again anywhere, without a network.
import { type Container, type Directory, dag, type File } from '@dagger.io/dagger';
import { fingerprintOf } from '../core/capsule/fingerprint.ts';
import {
  CAPSULE_VERSION,
  type CapsuleImage,
  type CapsuleManifest,
  type CapsulePackage,
  DATABASE_INPUT,
  IMAGE_INPUT,
  imageFile,
  LOGS_FOLDER,
  PACKAGES_FILE,
  SOURCE_FOLDER,
  TOOLS_FOLDER,
  VERDICT_INPUT,
} from '../core/capsule/manifest.ts';
import { backingImages, isCaptured, type Needs, needsOf } from '../core/capsule/needs.ts';
import { lockedPackages } from '../core/capsule/packages.ts';
import { PipelineError } from '../core/errors.ts';
import { NPM_CACHE } from '../core/manager.ts';
import type { CapsuleResult, RunResult, StageName, StageResult } from '../core/model.ts';
import { lockFileOf, type PackageSet, packageSets, setsFor } from '../core/package-sets.ts';
import type { PackSpec } from '../oci/capsule.ts';
import { imageName, type PinName, pinned } from '../pins.ts';
import type { PackageContext } from './context.ts';
import { contentsIfAny, notToBeHad } from './engine.ts';
import type { Known } from './found.ts';
import { ENVIRONMENT, nodeContainer } from './install.ts';
import { settled } from './settled.ts';
import { hasPlatform } from './smoke.ts';

export type CapsuleOptions = {
  /** Which stages, whatever became of them; those that failed, if none is named. */
  stages: readonly StageName[];
  /** Leave out the images, which pins name. */
  thin: boolean;
  /** Packages of the engine's own programs, where it is the embedded one and has them. */
  tools: Directory | null;
  /** What the run was asked for, for the record. */
  arguments: CapsuleManifest['arguments'];
  /** Names of the secrets that it had. */
  secrets: readonly string[];
};

export type Capsuled = { file: File; capsule: CapsuleResult };

const PROGRAMS = '/programs/oci';
const PROGRAM = `${PROGRAMS}/capsule.ts`;
const WORK = '/capsule';

/** Which stages of a run a capsule of it holds: those that were named, else those that failed and can be run from a file. */
export function capturedStages({ stages }: Pick<RunResult, 'stages'>, named: readonly StageName[]): StageResult[] {
  const wanted = ({ name, status }: StageResult) => (named.length > 0 ? named.includes(name) : status === 'failed');
  return stages.filter((stage) => wanted(stage) && isCaptured(stage.name));
}

/** Stages whose commands run in images that a Dockerfile or drydock.yaml names, where a service is no npm package. */
const IN_OWN_IMAGES: readonly StageName[] = ['lint', 'test', 'build'];

/** A replay has no network, and an engine takes such images from nowhere else. */
function checkImages({ subject: { service } }: PackageContext, names: readonly StageName[]): void {
  const name = names.find((stage) => IN_OWN_IMAGES.includes(stage));
  if (service.project !== null || name === undefined) return;
  throw new PipelineError(
    'BAD_OPTION',
    `a capsule cannot hold the images that ${name} of ${service.name} runs in`,
    'run it again where they can be pulled; what looks at the image alone (sbom, scan, smoke) has capsules',
  );
}

export async function writeCapsule(
  context: PackageContext,
  result: RunResult,
  known: Known,
  options: CapsuleOptions,
): Promise<Capsuled> {
  const stages = capturedStages(result, options.stages);
  const names = stages.map(({ name }) => name);
  checkImages(context, names);
  const needs = needsOf(names, await hasPlatform(context.source));
  const [backing, images, packages, locked] = await settled([
    Promise.all(backingImages(names, context.subject).map((image) => holdNamed(context, image, options))),
    options.thin ? thinly(known, needs) : Promise.all(needs.images.map((name) => holdImage(context, name))),
    holdPackages(context, known, setsOf(context, needs)),
    lockedIn(context, setsOf(context, needs)),
  ]);
  const held = [...images, ...backing];
  const manifest: Omit<CapsuleManifest, 'files'> = {
    format: 'drydock-capsule',
    version: CAPSULE_VERSION,
    tool: result.tool,
    function: result.function,
    arguments: options.arguments,
    clock: result.startedAt,
    engine: result.engine,
    source: result.source,
    images: held.map(({ facts }) => facts),
    packages: locked,
    standIns: result.standIns,
    tools: Object.fromEntries(result.scanners.map(({ name, version }) => [name, version])),
    database: needs.database ? (known.used?.facts.sha256 ?? null) : null,
    environment: Object.keys(ENVIRONMENT),
    secrets: [...options.secrets],
    stages: stages.map((stage) => ({
      name: stage.name,
      status: stage.status,
      reason: stage.reason,
      steps: stage.steps.map(({ name, command, exitCode, seconds, log }) => ({
        name,
        command,
        exitCode,
        seconds,
        log,
      })),
      fingerprint: fingerprintOf(stage, result.smoke),
    })),
  };
  const files = new Map<string, File>(held.flatMap(({ facts, file }) => (file ? [[imageFile(facts.name), file]] : [])));
  if (packages !== null) files.set(PACKAGES_FILE, packages);
  for (const [path, file] of inputFiles(context, known, needs)) files.set(path, file);
  const folders = new Map([
    [SOURCE_FOLDER, context.source],
    [LOGS_FOLDER, logsOf(context, names)],
    ...(options.tools === null || options.thin ? [] : [[TOOLS_FOLDER, options.tools] as const]),
  ]);
  const file = pack(context, manifest, files, folders).withName(`capsule-${names.join('-')}.tar`);
  const capsule = {
    file: `capsule-${names.join('-')}.tar`,
    bytes: await file.size(),
    stages: names,
    thin: options.thin,
  };
  return { file, capsule };
}

/** Our programs, in the container that everything of ours runs in. */
function packer(context: PackageContext): Container {
  return nodeContainer(context).withMountedDirectory(PROGRAMS, context.programs.directory('oci'));
}

type Held = { facts: CapsuleImage; file: File | null };

async function holdImage(context: PackageContext, name: PinName): Promise<Held> {
  const facts = { name, pin: pinned(name), standIn: null, held: false };
  try {
    const [{ recipe: standIn } = { recipe: null }] = await context.images.standIns(name);
    const platform = await dag.defaultPlatform();
    // An engine may make an image's layers anew: what is not the pin's own is fetched from where the pin says.
    const file = packer(context)
      .withMountedFile('/image.tar', context.images.archive(name, platform))
      .withExec([
        ...['node', PROGRAM, 'image', '--file', '/image.tar', '--pin', pinned(name), '--platform', platform],
        ...context.images.mirrors.flatMap((mirror) => ['--mirror', mirror]),
        ...['--out', `${WORK}/out`],
      ])
      .file(`${WORK}/out`);
    await file.size();
    return { facts: { ...facts, standIn, held: true }, file };
  } catch (error) {
    if (notToBeHad(error) === undefined) throw error;
    return { facts, file: null };
  }
}

/** An image that the repository names: as the engine has it, since it may be named by a tag alone. */
async function holdNamed(context: PackageContext, image: string, { thin }: CapsuleOptions): Promise<Held> {
  const facts = { name: imageName(image), pin: image, standIn: null, held: false };
  try {
    const { container, standIns } = await context.images.named(image);
    const [{ recipe: standIn } = { recipe: null }] = standIns;
    if (thin) return { facts: { ...facts, standIn }, file: null };
    const file = compressed(packer(context).withMountedFile('/image.tar', container.asTarball()), [
      'compress',
      '--file',
      '/image.tar',
    ]);
    await file.size();
    return { facts: { ...facts, standIn, held: true }, file };
  } catch (error) {
    if (notToBeHad(error) === undefined) throw error;
    return { facts, file: null };
  }
}

const compressed = (to: Container, args: readonly string[]): File =>
  to.withExec(['node', PROGRAM, ...args, '--out', `${WORK}/out`]).file(`${WORK}/out`);

async function thinly(known: Known, needs: Needs): Promise<Held[]> {
  const recipes = new Map(known.standIns.map(({ pin, recipe }) => [pin, recipe]));
  return needs.images.map((name) => {
    const pin = pinned(name);
    return { facts: { name, pin, standIn: recipes.get(pin) ?? null, held: false }, file: null };
  });
}

function setsOf({ subject }: PackageContext, { packages }: Needs): PackageSet[] {
  const names = packages.flatMap((stage) => setsFor(subject, stage));
  return packageSets(subject).filter(({ name }) => names.includes(name));
}

/** What npm fetched for the sets that the stages need; null where they need none, or nothing was installed. */
async function holdPackages(context: PackageContext, known: Known, sets: readonly PackageSet[]): Promise<File | null> {
  const installed = sets.flatMap(({ name }) => {
    const container = known.packages.get(name);
    return container === undefined ? [] : [{ name, container }];
  });
  const folders: { name: string; cache: Directory }[] = [];
  for (const { name, container } of installed)
    if (await container.exists(NPM_CACHE)) folders.push({ name, cache: container.directory(NPM_CACHE) });
  if (folders.length === 0) return null;
  const mounted = folders.reduce(
    // Its logs and what it was in the middle of are nothing that an install reads.
    (to, { name, cache }) => to.withMountedDirectory(`/caches/${name}`, cache.filter(KEPT_OF_CACHE)),
    packer(context),
  );
  const named = folders.flatMap(({ name }) => ['--folder', `/caches/${name}`]);
  return mounted.withExec(['node', PROGRAM, 'folder', ...named, '--out', `${WORK}/out`]).file(`${WORK}/out`);
}

/** No links, which Yarn makes of programs and Bun of versions, and which both do without. */
const KEPT_OF_CACHE = {
  include: [
    '_cacache/content-v2',
    '_cacache/index-v5',
    'yarn',
    'pnpm/*/files',
    'pnpm/*/index',
    'pnpm/*/index.db',
    'bun/**/*@@@*/**',
  ],
  exclude: ['yarn/**/.bin'],
};

async function lockedIn(context: PackageContext, sets: readonly PackageSet[]): Promise<CapsulePackage[]> {
  const found = await Promise.all(
    sets
      .filter(({ isProduction }) => !isProduction)
      .map(async (set) => {
        const lock = await contentsIfAny(context.source, lockFileOf({ root: set.path, manager: set.manager }));
        return lockedPackages(set.name, lock ?? '{}', set.manager.name);
      }),
  );
  return found.flat();
}

function inputFiles(context: PackageContext, known: Known, needs: Needs): [string, File][] {
  const { archive, used } = known;
  const verdict = known.texts.get('verdict.json');
  const inputs: [string, File][] = [];
  if (needs.image && archive !== null) {
    const mounted = packer(context).withMountedFile('/image.tar', archive);
    inputs.push([IMAGE_INPUT, compressed(mounted, ['compress', '--file', '/image.tar'])]);
  }
  if (needs.database && used !== null) {
    const mounted = packer(context).withMountedDirectory('/database', used.folder);
    inputs.push([DATABASE_INPUT, compressed(mounted, ['folder', '--folder', '/database'])]);
  }
  if (needs.verdict && verdict !== undefined)
    inputs.push([VERDICT_INPUT, dag.directory().withNewFile('verdict.json', verdict).file('verdict.json')]);
  return inputs;
}

function logsOf({ logs }: PackageContext, stages: readonly StageName[]): Directory {
  const own = [...logs].filter(([path]) => stages.some((name) => path.startsWith(`logs/${name}-`)));
  return own.reduce((folder, [path, log]) => {
    const name = path.slice('logs/'.length);
    return typeof log === 'string' ? folder.withNewFile(name, log) : folder.withFile(name, log);
  }, dag.directory());
}

function pack(
  context: PackageContext,
  manifest: Omit<CapsuleManifest, 'files'>,
  files: ReadonlyMap<string, File>,
  folders: ReadonlyMap<string, Directory>,
): File {
  const spec: PackSpec = {
    manifest,
    folders: [...folders.keys()].map((path) => ({ path, from: `${WORK}/${path}` })),
    files: [...files.keys()].map((path) => ({ path, from: `${WORK}/${path}` })),
  };
  const withFolders = [...folders].reduce(
    (to, [path, folder]) => to.withMountedDirectory(`${WORK}/${path}`, folder),
    packer(context).withNewFile(`${WORK}/spec.json`, JSON.stringify(spec)),
  );
  return [...files]
    .reduce((to, [path, file]) => to.withMountedFile(`${WORK}/${path}`, file), withFolders)
    .withExec(['node', PROGRAM, 'pack', '--spec', `${WORK}/spec.json`, '--out', '/out/capsule.tar'])
    .file('/out/capsule.tar');
}
