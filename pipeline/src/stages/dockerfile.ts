// A service's image as its Dockerfile makes it: built by the engine, and repacked so that equal content has an equal digest.
import { type Container, dag, type File, type ImageLayerCompression, type Platform } from '@dagger.io/dagger';
import { baseOf, type DockerStage, imagesOf, isPinned, stagesOf } from '../core/dockerfile.ts';
import { PipelineError, reasonOf } from '../core/errors.ts';
import { logPath, type StageName, type StandIn, type StepResult } from '../core/model.ts';
import { type DockerBuild, fileOf, type ServicePackage } from '../core/package.ts';
import { HEALTH_LABEL, labelsOf, repoTagOf } from '../core/service.ts';
import { stepResult } from '../core/verdict.ts';
import type { RepackedImage, RepackSpec } from '../oci/repack.ts';
import { STAND_IN_LABEL } from '../oci/types.ts';
import type { PackageContext } from './context.ts';
import { asPipelineError, causeOf, contentsIfAny } from './engine.ts';
import { folderOf, nodeContainer } from './install.ts';
import { IMAGE_FILE, type Made, type Making } from './made.ts';
import { runStep, stepFolder } from './step.ts';

const PROGRAMS = '/repacking/oci';
const SPEC = '/repacking/spec.json';
const OUT = `${stepFolder('repack')}/image`;

/** The image of one platform, and what it starts from. */
type BuiltImage = { platform: string; archive: File; base: File | null };

export async function makeByDockerfile(context: PackageContext, making: Making): Promise<Made> {
  const { service } = context.subject;
  const build = dockerBuildOf(service);
  const stages = stagesOf(await readDockerfile(context, service, build), build.args);
  const from = baseOf(stages, build.target);
  const steps: StepResult[] = [];
  const images: BuiltImage[] = [];
  for (const platform of making.platforms) {
    const name = making.platforms.length > 1 ? `${STEP}-${platform.replaceAll('/', '-')}` : STEP;
    const { step, container } = await buildStep(context, {
      stage: 'build',
      name,
      service,
      target: build.target,
      platform,
    });
    steps.push(step);
    if (container === null) return { steps, folder: null, base: from ?? 'scratch', standIns: () => [] };
    const base =
      from === null
        ? null
        : dag
            .container({ platform: platform as Platform })
            .from(from)
            .asTarball();
    images.push({ platform, archive: container.asTarball(PLAIN), base });
  }
  const found = await standInsAmong(stages, build);
  const repacked = await repackStep(context, making, images, found, from);
  const about = { steps: [...steps, repacked.result], base: from ?? 'scratch', standIns: () => found };
  if (repacked.result.exitCode !== 0) return { ...about, folder: null };
  const folder = repacked.container.directory(OUT);
  const remark = phraseUnequal(JSON.parse(await folder.file('image.json').contents()) as RepackedImage);
  return { ...about, folder, ...(remark === null ? {} : { remark }) };
}

const PLAIN = { forcedCompression: 'Uncompressed' as ImageLayerCompression };

function dockerBuildOf({ name, docker }: ServicePackage): DockerBuild {
  if (docker === null) throw new Error(`${name} has no Dockerfile`);
  return docker;
}

async function readDockerfile(
  { source }: PackageContext,
  service: ServicePackage,
  { file }: DockerBuild,
): Promise<string> {
  const path = fileOf(service, file);
  const text = await contentsIfAny(source, path);
  if (text !== null) return text;
  throw new PipelineError(
    'BAD_SUBJECT',
    `there is no ${path}, which ${service.name} is built by`,
    'name it: dockerfile: FILE',
  );
}

type BuiltStep = { step: StepResult; container: Container | null };

/** The step that builds it. */
const STEP = 'dockerfile';

export type BuildQuestion = {
  stage: StageName;
  /** Of the step, where that is not the only one. */
  name?: string;
  service: ServicePackage;
  /** Of its Dockerfile; empty for the last. */
  target: string;
  /** The engine's own, if none is named. */
  platform?: string | undefined;
};

/** The engine builds it in one question; that it could not is told as any step that fails. */
export async function buildStep(
  context: PackageContext,
  { stage, name = STEP, service, target, platform }: BuildQuestion,
): Promise<BuiltStep> {
  const { file, args } = dockerBuildOf(service);
  const command = shown(service, target, name === STEP ? undefined : platform);
  const startedMs = Date.now();
  context.emit({ kind: 'step-started', stage, step: name, command, atMs: startedMs });
  const container = folderOf(context, service.path).dockerBuild({
    dockerfile: file,
    buildArgs: Object.entries(args).map(([key, value]) => ({ name: key, value })),
    ...(platform === undefined ? {} : { platform: platform as Platform }),
    ...(target === '' ? {} : { target }),
  });
  const failure = await container.sync().then(() => null, failureOf);
  const record = { exitCode: failure?.exitCode ?? 0, startedMs, endedMs: Date.now() };
  const log = failure?.log ?? '';
  const result = stepResult({ stage, name, command, record, log }, context.startedMs);
  const { firstErrors } = result;
  const step =
    failure === null ? result : { ...result, firstErrors: [failure.where, ...without(firstErrors, failure)] };
  context.logs.set(logPath(stage, name), log);
  context.emit({ kind: 'step-finished', stage, step, log });
  return { step, container: failure === null ? container : null };
}

/** As a person would build it. */
function shown({ path, ...service }: ServicePackage, target: string, platform: string | undefined): string {
  const { file, args } = dockerBuildOf({ path, ...service });
  const words = [
    ...(platform === undefined ? [] : [`--platform ${platform}`]),
    ...(file === 'Dockerfile' ? [] : [`--file ${fileOf({ path }, file)}`]),
    ...(target === '' ? [] : [`--target ${target}`]),
    ...Object.entries(args).map(([name, value]) => `--build-arg ${name}=${value}`),
  ];
  return ['docker build', ...words, path || '.'].join(' ');
}

/** `where` is the line of the Dockerfile, as the engine says it. */
type Failure = { exitCode: number; log: string; where: string };

const without = (lines: readonly string[], { where }: Failure) => lines.filter((line) => !line.includes(where));

/** What the Dockerfile, or a command of it, is at fault for; throws what this place is. */
function failureOf(error: unknown): Failure {
  const fault = asPipelineError(error);
  if (fault?.code !== 'ENGINE_FAILED') throw error;
  const { exitCode, stdout, stderr } = error as { exitCode?: unknown; stdout?: unknown; stderr?: unknown };
  const whole = reasonOf(causeOf(error));
  const said = [stdout, stderr, whole].filter((text) => typeof text === 'string' && text !== '');
  const [where = ''] = whole.split('\n');
  return { exitCode: Number(exitCode) || 1, log: `${said.join('\n')}\n`, where };
}

/** Every image that the Dockerfile of a service names, where one makes it. */
export async function dockerfileImages(context: PackageContext): Promise<string[]> {
  const { service } = context.subject;
  const { docker, checks } = service;
  if (docker === null) return [];
  const stages = stagesOf(await readDockerfile(context, service, docker), docker.args);
  const targets = [docker.target, ...(checks !== null && 'target' in checks ? [checks.target] : [])];
  return [...new Set(targets.flatMap((target) => imagesOf(stages, target)))];
}

/** Of all images that take part in the build, also by a stage that is only copied from. */
async function standInsAmong(stages: readonly DockerStage[], { target }: DockerBuild): Promise<StandIn[]> {
  const found = await Promise.all(
    imagesOf(stages, target).map(async (pin): Promise<StandIn[]> => {
      const recipe = await dag.container().from(pin).label(STAND_IN_LABEL);
      return recipe ? [{ image: pin.replace(/@.*/, ''), pin, recipe }] : [];
    }),
  );
  return found.flat();
}

async function repackStep(
  context: PackageContext,
  { manifest }: Making,
  images: readonly BuiltImage[],
  standIns: readonly StandIn[],
  from: string | null,
) {
  const { port, health, start } = context.subject.service;
  const placed = images.map(({ platform, archive, base }, index) => ({
    ...{
      platform,
      archive: `/repacking/${index}/image.tar`,
      base: base === null ? null : `/repacking/${index}/base.tar`,
    },
    files: [archive, base],
  }));
  const spec: RepackSpec = {
    images: placed.map(({ platform, archive, base }) => ({ platform, archive, base })),
    pin: from !== null && isPinned(from) ? from : null,
    repoTag: repoTagOf(manifest),
    env: { PORT: String(port) },
    labels: { ...labelsOf(manifest), [HEALTH_LABEL]: health },
    entrypoint: start,
    standIn: standIns.length === 0 ? null : standIns.map(({ recipe }) => recipe).join('; '),
  };
  const prepared = nodeContainer(context)
    .withMountedDirectory(PROGRAMS, context.programs.directory('oci'))
    .withNewFile(SPEC, JSON.stringify(spec));
  const container = placed.reduce((mounted, { archive, base, files: [built, below] }) => {
    const withBuilt = mounted.withMountedFile(archive, built as File);
    return base === null ? withBuilt : withBuilt.withMountedFile(base, below as File);
  }, prepared);
  return await runStep(context, {
    stage: 'build',
    step: 'repack',
    container,
    args: ['node', `${PROGRAMS}/repack.ts`, '--spec', SPEC, '--out', `${OUT}/${IMAGE_FILE}`],
    shown: `node oci/repack.ts --spec ${SPEC}`,
  });
}

const MOST_NAMED = 3;

/** Why another build may have another digest; null where all that is known of was made equal. */
function phraseUnequal({ dated, mixed }: RepackedImage): string | null {
  const more = dated.length > MOST_NAMED ? ` and ${dated.length - MOST_NAMED} more` : '';
  const named = `${dated.slice(0, MOST_NAMED).join(', ')}${more}`;
  const reasons = [
    ...(dated.length === 0
      ? []
      : [`files say when they were written (${named}): remove them in the RUN that writes them`]),
    ...(mixed.length === 0 ? [] : ['the layers of its base were made again by this engine']),
  ];
  return reasons.length === 0 ? null : `another build may have another digest: ${reasons.join('; ')}`;
}
