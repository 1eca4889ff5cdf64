// Starts docker-compose.yml with the image that was built, by the real Docker Compose, and waits until all of it is healthy. What was
// started is stopped again if that fails: there is no half a platform.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { $ } from 'zx';
import { COMMAND } from '../../src/command.ts';
import { EXIT, PipelineError, reasonOf } from '../../src/core/errors.ts';
import { phraseRow, phraseSeconds } from '../../src/core/phrases.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { OciError } from '../../src/oci/errors.ts';
import { archiveOf, PIN_NAMES, type PinName, pinned } from '../../src/pins.ts';
import { nearest } from '../../src/suggest.ts';
import type { UpInvocation } from '../arguments.ts';
import { archivesOf } from '../images.ts';
import { checkInputs } from '../inputs.ts';
import { runStages } from '../stages.ts';
import type { Terminal } from '../terminal.ts';
import { type Docker, openDocker } from './docker.ts';
import { firstBad, healthOf, withNeeds } from './health.ts';
import { BUILT, hasImage, type Loaded, loadBuilt, loadPinned, nameBuilt } from './load.ts';
import { type ConfiguredService, Project } from './project.ts';

/** As docker-compose.yml says. */
export const PROJECT = 'drydock';

export async function up({ services: asked, build }: UpInvocation, root: string, terminal: Terminal): Promise<number> {
  checkInputs(build.options);
  const stopping = new AbortController();
  // Not raced against: whatever is under way ends by this, and puts its things away first.
  terminal.interrupted.catch(() => stopping.abort());
  const docker = await openDocker({ env: process.env, signal: stopping.signal });
  const project = new Project(docker, { name: PROJECT, folder: root, env: { APP_IMAGE: BUILT } });
  const services = await project.config();
  const names = withNeeds(services, checkNames(services, asked));
  const folder = await mkdtemp(join(tmpdir(), 'drydock-up-'));
  try {
    return await deploy({ docker, project, services, names, folder, build, root, terminal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function checkNames(services: ReadonlyMap<string, ConfiguredService>, asked: readonly string[]): readonly string[] {
  const known = [...services.keys()];
  const unknown = asked.find((name) => !services.has(name));
  if (unknown === undefined) return asked.length === 0 ? known : asked;
  const near = nearest(unknown, known);
  throw new PipelineError(
    'BAD_OPTION',
    `docker-compose.yml has no service ${JSON.stringify(unknown)}`,
    near === undefined ? `services: ${known.join(', ')}` : `did you mean ${near}?`,
  );
}

type Deploying = {
  docker: Docker;
  project: Project;
  services: ReadonlyMap<string, ConfiguredService>;
  names: readonly string[];
  /** For what is needed in between. */
  folder: string;
  build: UpInvocation['build'];
  root: string;
  terminal: Terminal;
};

async function deploy(deploying: Deploying): Promise<number> {
  const { docker, project, names, folder, build, root, terminal } = deploying;
  // First, since they are known in seconds, and a build may take minutes.
  const images = await obtainImages(deploying);
  if (build.options.image === null) {
    const exitCode = await runStages(build, root, terminal);
    if (exitCode !== EXIT.ok) return exitCode;
  }
  const built = await loadImage(docker, resolve(build.options.image ?? join(build.options.output, 'image.tar')));
  await nameBuilt(docker, built);
  const override = join(folder, 'images.json');
  const changed = [...images].map(([name, image]) => [name, { image }]);
  await writeFile(override, JSON.stringify({ services: Object.fromEntries(changed) }));
  const ready = project.with({
    overrides: [override],
    env: {
      APP_IMAGE: BUILT,
      APP_COMMIT: await commitOf(root),
      APP_BUILT: new Date().toISOString(),
      APP_DIGEST: built.digests[0] ?? '',
    },
  });
  await start(ready, names, terminal);
  return EXIT.ok;
}

/** What Docker is to run instead of what the file names, by service: nothing where Docker has the image, or gets it. */
async function obtainImages({
  docker,
  services,
  names,
  folder,
  build,
  root,
  terminal,
}: Deploying): Promise<Map<string, string>> {
  const { options } = build;
  const images = new Map<string, string>();
  const wanted = new Map<string, PinName>();
  for (const name of names) {
    const { image = BUILT } = services.get(name) ?? {};
    if (image === BUILT || (await hasImage(docker, image))) continue;
    const pin = PIN_NAMES.find((candidate) => pinned(candidate) === image);
    if (pin !== undefined && options.images !== null) images.set(name, await fromFolder(docker, pin, options.images));
    else if (options.offline || (await docker.run(['pull', '--quiet', image])).exitCode !== 0) {
      if (pin === undefined) throw missingImage(name, `${image} cannot be pulled`, names);
      wanted.set(name, pin);
    }
  }
  if (wanted.size === 0) return images;
  const around = { root, terminal };
  const archives = await archivesOf(
    [...wanted.values()],
    { ...options, output: folder, platforms: [docker.platform] },
    around,
  );
  for (const [name, pin] of wanted) {
    const written = archives.find((archive) => archive.name === pin);
    if (written === undefined || 'reason' in written) throw missingImage(name, shortly(written?.reason), names);
    images.set(name, await loadPinned(docker, pin, written.file));
    if (written.standIn !== null) terminal.out.write(`substitute for ${name}, assembled here: ${written.standIn}\n`);
  }
  return images;
}

async function fromFolder(docker: Docker, pin: PinName, images: string): Promise<string> {
  try {
    return await loadPinned(docker, pin, join(resolve(images), archiveOf(pin)));
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    const hint = `write the folder again: ${COMMAND} images --output DIR`;
    throw new PipelineError('BAD_IMAGES', `the --images folder: ${reasonOf(cause)}`, hint, { cause });
  }
}

/** Of several ways that failed, the first; a digest says nothing to whoever asks what is missing. */
function shortly(reason = 'it is not known why'): string {
  return (reason.split('; ')[0] ?? reason).replace(/@sha256:[0-9a-f]{64}/, '');
}

function missingImage(service: string, reason: string, names: readonly string[]): PipelineError {
  const others = names.filter((name) => name !== service);
  const hint = `start what is available: ${COMMAND} up ${others.join(' ')}; or give the archive with --images DIR`;
  return new PipelineError('MISSING_IMAGE', `the image of ${service} is not available: ${reason}`, hint);
}

async function loadImage(docker: Docker, archive: string): Promise<Loaded> {
  try {
    return await loadBuilt(docker, archive);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    const hint = 'give the image.tar that `build` wrote';
    throw new PipelineError('BAD_ARCHIVE', `what --image names is not an OCI archive: ${reasonOf(cause)}`, hint, {
      cause,
    });
  }
}

async function commitOf(root: string): Promise<string> {
  return (await $({ cwd: root, nothrow: true, quiet: true })`git rev-parse HEAD`).stdout.trim();
}

/** All of it, or nothing that was not there before. */
async function start(project: Project, names: readonly string[], terminal: Terminal): Promise<void> {
  const before = await project.containers();
  try {
    await upUntilBad(project, names);
    const rows = names.map(async (name) => {
      const row = await healthOf(project, name);
      const lines = row.status === 'passed' ? [await describe(project, name, row.seconds)] : phraseRow(row);
      terminal.out.write(asLines(lines));
      return row;
    });
    const bad = (await Promise.all(rows)).filter(({ status }) => status !== 'passed');
    if (bad.length === 0) return;
    const what = bad.map(({ name }) => name.replace(/ is healthy$/, '')).join(', ');
    throw new PipelineError(
      'DEPLOY_FAILED',
      `not healthy: ${what}; what was started is stopped again`,
      'its last log lines are above',
    );
  } catch (error) {
    await undo(project.unstoppable(), before);
    throw error;
  }
}

/** Docker Compose waits for as long as a check may take; what ends again and again needs no such patience. */
async function upUntilBad(project: Project, names: readonly string[]): Promise<void> {
  const ending = new AbortController();
  const started = project.endedBy(ending.signal).up(names);
  const isBad = await Promise.race([started.then(() => false), firstBad(project, names, ending.signal)]);
  ending.abort();
  if (isBad) await started.catch(() => {});
}

async function describe(project: Project, name: string, seconds: number): Promise<string> {
  const { Ports = {} } = (await project.containers()).get(name)?.NetworkSettings ?? {};
  const addresses = Object.values(Ports).flatMap((at) => {
    const [first] = at ?? [];
    return first === undefined
      ? []
      : [`http://${first.HostIp === '0.0.0.0' ? '127.0.0.1' : first.HostIp}:${first.HostPort}`];
  });
  return [`ok    ${name.padEnd(12)} healthy after ${phraseSeconds(seconds)}`, ...addresses].join(' · ');
}

async function undo(project: Project, before: Awaited<ReturnType<Project['containers']>>): Promise<void> {
  if (before.size === 0) return await project.down();
  const ran = new Set([...before.values()].filter(({ State }) => State.Status === 'running').map(({ Id }) => Id));
  const started = [...(await project.containers()).values()].filter(({ Id }) => !ran.has(Id)).map(({ Id }) => Id);
  if (started.length > 0) await project.docker.run(['stop', ...started]);
}
