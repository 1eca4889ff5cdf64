// Build: compile the service, put it together with what it ships with, and assemble the image by our own program.
import { posix } from 'node:path';
import { type Container, type Directory, dag, type File } from '@dagger.io/dagger';
import { differences } from '../core/delivery/compare.ts';
import { SOURCE } from '../core/ignore.ts';
import type { ImageResult, StageResult, StandIn, StepResult } from '../core/model.ts';
import { imageSpec, parseServiceManifest, SERVICE, type ServiceManifest } from '../core/service.ts';
import { fileOf, placeOf } from '../core/subject.ts';
import type { AssembledImage } from '../oci/assemble.ts';
import { PINS, pinned } from '../pins.ts';
import type { PackageContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { commandOf, withSource } from './package.ts';
import { type Ran, runStep, stepFolder } from './step.ts';
import { timedStage } from './timed.ts';

/** Name of the archive in the report. */
export const IMAGE_FILE = 'image.tar';

/** Where things stand in the container that assembles. */
const APP = '/assembly/app';
const SPEC = '/assembly/spec.json';
const PROGRAMS = '/assembly/oci';
const BUILT = '/assembly/built';
const OUT = `${stepFolder('assemble')}/image`;

export type Built = {
  stage: StageResult;
  archive: File | null;
  image: ImageResult | null;
  standIns: StandIn[];
  /** The archive, for the report. */
  files: Map<string, File>;
};
export type BuildInputs = {
  service: Container;
  production: Container;
  platforms: readonly string[];
  manifest: string;
  /** What another run built, to be held against this one. */
  other: ImageResult | null;
};

export async function build(context: PackageContext, inputs: BuildInputs): Promise<Built> {
  const output: Omit<Built, 'stage'> = { archive: null, image: null, standIns: [], files: new Map() };
  const stage = await timedStage(context, 'build', async () => {
    const manifest = parseServiceManifest(inputs.manifest, context.subject.service);
    const compiled = await compile(context, inputs.service);
    if (compiled.result.exitCode !== 0) return { steps: [compiled.result] };
    const { app, steps: gathered } = await appFolder(context, inputs, compiled.container);
    if (app === null) return { steps: [compiled.result, ...gathered] };
    const [hasMain, hasHealthcheck] = await Promise.all([app.exists(manifest.main), app.exists(SERVICE.healthcheck)]);
    if (!hasMain) {
      const place = fileOf(context.subject.service, 'package.json');
      const fault = `${place} says that main is ${manifest.main}, but the build wrote no such file: it has to lie in dist/`;
      return { steps: [compiled.result, ...gathered], fault };
    }
    const assembled = await assemble(context, { app, manifest, hasHealthcheck, platforms: inputs.platforms });
    if (assembled.result.exitCode === 0) {
      const text = await assembled.container.file(`${OUT}/image.json`).contents();
      const archive = assembled.container.file(`${OUT}/${IMAGE_FILE}`);
      Object.assign(output, describe(text), { archive, files: new Map([[IMAGE_FILE, archive]]) });
    }
    const steps = [compiled.result, ...gathered, assembled.result];
    if (output.image === null || inputs.other === null) return { steps };
    const [first, ...more] = differences(output.image, inputs.other);
    if (first === undefined) return { steps, remark: 'the same image as in the other run' };
    return { steps, fault: `not the image of the other run: ${first}`, details: more };
  });
  return { stage, ...output };
}

async function compile(context: PackageContext, installed: Container) {
  const { service } = context.subject;
  const command = commandOf(withSource(context, installed, service), service, service.build);
  return await runStep(context, { stage: 'build', step: 'compile', ...command });
}

type App = { app: Directory | null; steps: StepResult[] };

/** What goes into the image, and nothing else. */
async function appFolder(context: PackageContext, inputs: BuildInputs, compiled: Container): Promise<App> {
  const { path, project } = context.subject.service;
  const licence = dag.directory().withDirectory('/', context.source.filter({ include: ['LICENSE'] }));
  if (project.members.length > 0) {
    const { result, container } = await gather(context, inputs, compiled);
    const app = licence.withDirectory('/', container.directory(`${stepFolder('gather')}/app`));
    return { app: result.exitCode === 0 ? app : null, steps: [result] };
  }
  const place = placeOf(path);
  const app = licence
    .withDirectory('/', inputs.production.directory(place).filter({ include: ['package.json', 'node_modules/**'] }))
    .withDirectory('/', compiled.directory(place).filter({ include: ['dist/**'] }));
  return { app, steps: [] };
}

/** Of a project of several packages what its service needs, with real files in place of links. */
async function gather(context: PackageContext, { production }: BuildInputs, compiled: Container): Promise<Ran> {
  const { path, project } = context.subject.service;
  const service = posix.relative(project.root, path);
  // Of one workspace npm installs what it needs; of their root, what all of them need.
  const isPruned = service === '' && project.hasWorkspaces;
  const built = compiled.directory(SOURCE).filter({ exclude: ['**/node_modules'] });
  const args = [
    ...[
      'node',
      `${PROGRAMS}/gather.ts`,
      '--installed',
      placeOf(project.root),
      '--built',
      posix.join(BUILT, project.root),
    ],
    ...['--service', service, '--out', `${stepFolder('gather')}/app`, ...(isPruned ? ['--prune'] : [])],
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

type Assembly = { app: Directory; manifest: ServiceManifest; hasHealthcheck: boolean; platforms: readonly string[] };

async function assemble(context: PackageContext, { app, manifest, hasHealthcheck, platforms }: Assembly) {
  const archives = platforms.map((platform) => ({
    platform,
    path: `/assembly/base/${platform.replaceAll('/', '-')}.tar`,
  }));
  const { port, health } = context.subject.service;
  const spec = imageSpec({
    ...{ manifest, port, health },
    pin: pinned('runtime'),
    archives: archives.map(({ path }) => path),
    app: APP,
    platforms: [...platforms],
    mirrors: [...context.images.mirrors],
    offline: false,
    hasHealthcheck,
  });
  const prepared = nodeContainer(context)
    .withMountedDirectory(PROGRAMS, context.programs.directory('oci'))
    .withMountedDirectory(APP, app)
    .withNewFile(SPEC, JSON.stringify(spec));
  const container = archives.reduce(
    (mounted, { platform, path }) => mounted.withMountedFile(path, context.images.archive('runtime', platform)),
    prepared,
  );
  return await runStep(context, {
    stage: 'build',
    step: 'assemble',
    container,
    args: ['node', `${PROGRAMS}/assemble.ts`, '--spec', SPEC, '--out', `${OUT}/${IMAGE_FILE}`],
    shown: `node oci/assemble.ts --spec ${SPEC}`,
  });
}

/** The assembler's own account, in the words of the result model. */
function describe(text: string): Pick<Built, 'image' | 'standIns'> {
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
    base: pinned('runtime'),
    standIn: raw.standIn.length > 0,
    file: IMAGE_FILE,
  };
  const standIns = raw.standIn.map((recipe) => ({ image: PINS.runtime.image, pin: pinned('runtime'), recipe }));
  return { image, standIns };
}
