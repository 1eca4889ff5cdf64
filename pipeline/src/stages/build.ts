// Build: compile the service, put it together with what it ships with, and assemble the image by our own program.
import { posix } from 'node:path';
import { type Container, type Directory, dag, type ExistsType, type File } from '@dagger.io/dagger';
import { differences } from '../core/delivery/compare.ts';
import { SOURCE } from '../core/ignore.ts';
import { isModernYarn } from '../core/manager.ts';
import type { ImageResult, StageResult, StandIn, StepResult } from '../core/model.ts';
import { placeOf, type ServicePackage } from '../core/package.ts';
import { copiedIn } from '../core/package-sets.ts';
import type { Project } from '../core/project.ts';
import { imageSpec, parseServiceManifest, SERVICE } from '../core/service.ts';
import { shipped } from '../core/shipped.ts';
import { entryOf, filesOf, type Start } from '../core/start.ts';
import type { AssembledImage } from '../oci/image-files.ts';
import { PINS, pinned } from '../pins.ts';
import { APP, assemble, imageIn, placesOf } from './assemble.ts';
import { makeByCommands } from './commands.ts';
import type { PackageContext } from './context.ts';
import { makeByDockerfile } from './dockerfile.ts';
import { folderOf } from './install.ts';
import { IMAGE_FILE, type Made, type Making } from './made.ts';
import { commandOf, withSource } from './package.ts';
import { type Ran, runStep, stepFolder } from './step.ts';
import { timedStage } from './timed.ts';

/** Where things stand in the container that gathers. */
const PROGRAMS = '/assembly/oci';
const BUILT = '/assembly/built';

export type Built = {
  stage: StageResult;
  archive: File | null;
  image: ImageResult | null;
  standIns: StandIn[];
  /** The archive, for the report. */
  files: Map<string, File>;
};
export type BuildInputs = {
  /** What is installed for it, and for what it ships with; null for a service that its Dockerfile makes. */
  packages: Packages | null;
  platforms: readonly string[];
  manifest: string | null;
  /** What another run built, to be held against this one. */
  other: ImageResult | null;
};
type Packages = { own: Container; production: Container };

export async function build(context: PackageContext, inputs: BuildInputs): Promise<Built> {
  const output: Omit<Built, 'stage'> = { archive: null, image: null, standIns: [], files: new Map() };
  const stage = await timedStage(context, 'build', async () => {
    const { service } = context.subject;
    const manifest = parseServiceManifest(inputs.manifest, service);
    const { platforms, packages, other } = inputs;
    const made = await make(context, packages, { manifest, platforms });
    const { steps, folder, fault = null, remark = null } = made;
    if (folder === null) return { steps, fault };
    const archive = folder.file(IMAGE_FILE);
    const image = describe(await folder.file('image.json').contents(), made);
    Object.assign(output, image, { archive, files: new Map([[IMAGE_FILE, archive]]) });
    if (other === null) return { steps, remark };
    const [first, ...more] = differences(image.image, other);
    if (first === undefined) return { steps, remark: 'the same image as in the other run' };
    return { steps, fault: `not the image of the other run: ${first}`, details: more };
  });
  return { stage, ...output };
}

async function make(context: PackageContext, packages: Packages | null, making: Making): Promise<Made> {
  const { docker, checks } = context.subject.service;
  if (docker !== null) return await makeByDockerfile(context, making);
  if (packages !== null) return await makeOfPackages(context, { ...making, packages });
  if (checks !== null && 'image' in checks) return await makeByCommands(context, checks.image, making);
  throw new Error('nothing makes the image of this service');
}

async function makeOfPackages(
  context: PackageContext,
  { manifest, platforms, packages }: Making & { packages: Packages },
): Promise<Made> {
  const pin = pinned('runtime');
  const about = {
    base: pin,
    standIns: (recipes: readonly string[]) => recipes.map((recipe) => ({ image: PINS.runtime.image, pin, recipe })),
  };
  const compiled = await compile(context, packages.own);
  const before = compiled.result === null ? [] : [compiled.result];
  if (compiled.result !== null && compiled.result.exitCode !== 0) return { ...about, steps: before, folder: null };
  const { app, steps: gathered } = await appFolder(context, packages, compiled.container, manifest.starts);
  const steps = [...before, ...gathered];
  if (app === null) return { ...about, steps, folder: null };
  const [start, hasHealthcheck] = await Promise.all([startIn(app, manifest.starts), app.exists(SERVICE.healthcheck)]);
  if (start === undefined)
    return { ...about, steps, folder: null, fault: noStart(context.subject.service, manifest.starts) };
  const archives = placesOf(platforms.map((platform) => [platform, context.images.archive('runtime', platform)]));
  const { port, health } = context.subject.service;
  const spec = imageSpec({
    ...{ manifest, start, port, health, pin, hasHealthcheck, app: APP, platforms: [...platforms], offline: false },
    ...{ archives: archives.map(({ path }) => path), mirrors: [...context.images.mirrors] },
  });
  const assembled = await assemble(context, { app, spec, archives });
  return { ...about, steps: [...steps, assembled.result], folder: imageIn(assembled) };
}

/** The sources among their packages, and built where there is something to build. */
async function compile(
  context: PackageContext,
  installed: Container,
): Promise<{ container: Container; result: StepResult | null }> {
  const { service } = context.subject;
  const sources = withSource(context, installed, service);
  if (service.build === null) return { container: sources, result: null };
  return await runStep(context, { stage: 'build', step: 'compile', ...commandOf(sources, service, service.build) });
}

type App = { app: Directory | null; steps: StepResult[] };

function projectOf({ name, project }: ServicePackage): Project {
  if (project === null) throw new Error(`nothing is installed for ${name}`);
  return project;
}

/** What goes into the image, and nothing else. */
async function appFolder(
  context: PackageContext,
  packages: Packages,
  compiled: Container,
  starts: readonly Start[],
): Promise<App> {
  const { service } = context.subject;
  const { path, build: command } = service;
  const project = projectOf(service);
  const place = placeOf(path);
  const whole = command === null ? folderOf(context, path) : compiled.directory(place);
  const own = dag
    .directory()
    .withDirectory('/', context.source.filter({ include: ['LICENSE'] }))
    .withDirectory('/', whole.filter(shipped(service)));
  if (project.members.length > 0 || project.manager.name !== 'npm') {
    const built = compiled.directory(SOURCE).filter({ exclude: ['**/node_modules'] });
    const { result, container } = await gather(context, packages, built, starts);
    const app = own.withDirectory('/', container.directory(`${stepFolder('gather')}/app`));
    return { app: result.exitCode === 0 ? app : null, steps: [result] };
  }
  const installed = packages.production.directory(place).filter({ include: ['package.json', 'node_modules/**'] });
  return { app: own.withDirectory('/', installed), steps: [] };
}

/** Of a project of several packages what its service needs, with real files in place of links. */
async function gather(
  context: PackageContext,
  { production }: Packages,
  built: Directory,
  starts: readonly Start[],
): Promise<Ran> {
  const { path } = context.subject.service;
  const project = projectOf(context.subject.service);
  const service = posix.relative(project.root, path);
  // Of one workspace npm installs what it needs; of their root, and the others in any case, what all of them need.
  // Yarn 2 and later install no less than all.
  const isShared = project.hasWorkspaces && (service === '' || project.manager.name !== 'npm');
  const isPruned = isShared || isModernYarn(project.manager);
  // What the service has of its own goes where its program finds it first.
  const [into = ''] = (entryOf(starts[0]?.words ?? []) ?? '').split('/').slice(0, -1);
  const args = [
    ...['node', `${PROGRAMS}/gather.ts`, '--installed', placeOf(project.root)],
    ...['--built', posix.join(BUILT, project.root)],
    ...['--service', service, '--into', into, '--out', `${stepFolder('gather')}/app`, ...(isPruned ? ['--prune'] : [])],
    ...copiedIn(project.locals).flatMap((local) => ['--copied', posix.relative(project.root, local)]),
  ];
  const container = production
    .withMountedDirectory(PROGRAMS, context.programs.directory('oci'))
    .withMountedDirectory(BUILT, built);
  return await runStep(context, {
    stage: 'build',
    step: 'gather',
    container,
    args,
    shown: `node oci/gather.ts --service ${path || '.'}`,
  });
}

async function startIn(app: Directory, starts: readonly Start[]): Promise<Start | undefined> {
  for (const start of starts) {
    const files = filesOf(entryOf(start.words) ?? '');
    const found = await Promise.all(
      files.map((file) => app.exists(file, { expectedType: 'REGULAR_TYPE' as ExistsType })),
    );
    if (found.some((isThere) => isThere)) return start;
  }
  return undefined;
}

function noStart({ include, build, ...service }: ServicePackage, starts: readonly Start[]): string {
  const said = starts.map(({ words, from }) => `${from} says ${words.join(' ')}`).join(', ');
  const ships = include?.join(', ') ?? (build === null ? 'the files of the service' : 'dist/');
  return `nothing starts the service ${service.name}: ${said}, and there is no such file in what ships (${ships})`;
}

/** The assembler's own account, in the words of the result model. */
function describe(text: string, { base, standIns }: Made): { image: ImageResult; standIns: StandIn[] } {
  const raw = JSON.parse(text) as AssembledImage;
  const image: ImageResult = {
    digest: raw.digest,
    mediaType: raw.mediaType,
    bytes: raw.size,
    platforms: raw.platforms.map(({ platform, digest, appLayer }) => ({
      platform,
      digest,
      appLayer: { digest: appLayer.digest, bytes: appLayer.size },
    })),
    assembler: raw.assembler,
    base,
    standIn: raw.standIn.length > 0,
    file: IMAGE_FILE,
  };
  return { image, standIns: standIns(raw.standIn) };
}
