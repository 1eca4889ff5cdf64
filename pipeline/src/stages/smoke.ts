// Smoke: deploys docker-compose.yml with the very image that was built, and proves that the whole works, alarm included.
import { randomUUID } from 'node:crypto';
import { type Container, type Directory, dag, type File } from '@dagger.io/dagger';
import type { Backing } from '../core/backing.ts';
import { withEnvFiles } from '../core/compose/env-file.ts';
import type { ComposeFile, ComposeService } from '../core/compose/model.ts';
import { COMPOSE_FILE, readCompose } from '../core/compose/read.ts';
import type { Variables } from '../core/compose/variables.ts';
import { PipelineError } from '../core/errors.ts';
import type { SmokeResult, SmokeRow, StageResult, StandIn, StepResult } from '../core/model.ts';
import { HEALTH_LABEL } from '../core/service.ts';
import { ALONE, isPlatform } from '../core/smoke/alone.ts';
import { DRILL_ALERT, drillAlertmanager, drillCommand, drillPrometheus, drillRules } from '../core/smoke/drill.ts';
import { judgeRows } from '../core/smoke/rows.ts';
import { SUBJECT_FILE, USUAL } from '../core/subject-file.ts';
import { PIN_NAMES, type PinName, pinned } from '../pins.ts';
import { type Backed, backedBy } from './backing.ts';
import { type Checked, checkAlertmanager, checkNginx, checkPrometheus, configOf, receiversOf } from './checks.ts';
import type { RunContext } from './context.ts';
import { ADDRESSES, type Deployed, type Expected, prove } from './deployment.ts';
import { contentsIfAny, notToBeHad } from './engine.ts';
import { sourceOf } from './mounts.ts';
import type { Previous } from './releases.ts';
import type { Runtime } from './runtime.ts';
import { SessionPlatform } from './session.ts';
import { timedStage } from './timed.ts';

export type SmokeInputs = {
  /** The exact bytes that ship. */
  archive: File;
  deployed: Deployed;
  /** What is released now: the deployment goes back to it once, and forward again. */
  previous?: Previous | null;
  /** The session, if none is named. */
  runtime?: Runtime;
  /** What the service needs beside what docker-compose.yml names. */
  backing: Backing;
};

export type Smoked = { stage: StageResult; smoke: SmokeResult | null; standIns: StandIn[] };

export const SESSION: Runtime = {
  name: 'session',
  platform: (context, deployment) => new SessionPlatform(context, deployment),
};

/** What stands in docker-compose.yml for the image that was built. */
const APP_IMAGE = 'drydock/built';

export async function smoke(context: RunContext, inputs: SmokeInputs): Promise<Smoked> {
  const output: Omit<Smoked, 'stage'> = { smoke: null, standIns: [] };
  const stage = await timedStage(context, 'smoke', async () => {
    const { deployed, backing, runtime = SESSION } = inputs;
    const [need] = backing.needs;
    if (runtime.name === 'compose' && need !== undefined)
      throw new PipelineError(
        'BAD_COMPOSE',
        `${SUBJECT_FILE} says that the service needs ${need.name}, and Docker Compose deploys ${COMPOSE_FILE} alone`,
        'leave out --runtime compose',
      );
    if (runtime.name === 'compose' && !(await hasPlatform(context.source)))
      throw new PipelineError(
        'BAD_COMPOSE',
        `there is no ${COMPOSE_FILE} with a service whose image is \${APP_IMAGE}, for Docker Compose to deploy`,
        'leave out --runtime compose: the service is deployed alone then',
      );
    const compose = await readDeployment(context, deployed);
    checkNames(compose, backing);
    const details = await passedOver(context);
    const found = await obtainImages(context, compose, inputs.archive);
    output.standIns = found.standIns;
    const rows = await checkFiles(context, found);
    const steps: StepResult[] = [];
    const backed = await backedBy(context, backing, `smoke-${randomUUID()}`);
    output.standIns.push(...backed.standIns);
    if (backed.missing !== null) found.missing.set(found.app, backed.missing);
    if (!rows.some(({ status }) => status === 'failed'))
      rows.push(...(await context.inTurn(() => deploy(context, compose, { ...found, backed }, inputs, steps))));
    // What a session takes note of, Docker Compose enforces; that it does has rows of its own.
    const noted = runtime.name === 'session' ? compose.noted : [];
    output.smoke = { image: deployed.digest, runtime: runtime.name, rows, noted };
    return { steps, details, ...judgeRows(rows, steps) };
  });
  return { stage, ...output };
}

/** Whether docker-compose.yml can be carried out at all. Throws `BAD_COMPOSE`. */
export async function checkDeployment(context: RunContext): Promise<void> {
  const { services } = await readDeployment(context, { commit: '', built: '', digest: '' });
  for (const service of services) if (service.image !== APP_IMAGE) pinOf(service);
}

/** In one network a name is one host. */
function checkNames({ services }: ComposeFile, { needs }: Backing): void {
  const twice = needs.find(({ name }) => services.some((service) => service.name === name));
  if (twice === undefined) return;
  throw new PipelineError(
    'BAD_COMPOSE',
    `${SUBJECT_FILE} and ${COMPOSE_FILE} both name a service ${twice.name}`,
    `call it otherwise in ${SUBJECT_FILE}, in needs and in env`,
  );
}

/** A compose file that smoke has no use for is worth a word: somebody may have thought that it is deployed. */
async function passedOver({ source }: RunContext): Promise<string[]> {
  if ((await hasPlatform(source)) || !(await source.exists(COMPOSE_FILE))) return [];
  return [
    `the service was deployed alone: no service of ${COMPOSE_FILE} has the image \${APP_IMAGE}, which stands for the one that was built`,
  ];
}

/** Whether the repository says how its service is deployed, with others. */
export async function hasPlatform(source: Directory): Promise<boolean> {
  return isPlatform(await contentsIfAny(source, COMPOSE_FILE));
}

async function readDeployment(context: RunContext, { commit, built, digest }: Deployed): Promise<ComposeFile> {
  const text = await contentsIfAny(context.source, COMPOSE_FILE);
  const variables = { APP_IMAGE, APP_COMMIT: commit, APP_BUILT: built, APP_DIGEST: digest };
  if (!isPlatform(text)) return readCompose(ALONE, variables);
  const compose = await withFiles(context.source, readCompose(text, variables), variables);
  const missing = ['app', 'nginx', 'prometheus', 'alertmanager', 'grafana'].filter(
    (name) => !compose.services.some((service) => service.name === name),
  );
  if (missing.length === 0) return compose;
  throw new PipelineError(
    'BAD_COMPOSE',
    `${COMPOSE_FILE} has no service ${missing.join(', ')}`,
    'the probes ask each of them',
  );
}

/** Services with what their files of variables bring. Throws `BAD_COMPOSE`. */
async function withFiles(source: Directory, compose: ComposeFile, variables: Variables): Promise<ComposeFile> {
  const paths = compose.services.flatMap(({ envFiles }) => envFiles.map(({ path }) => path));
  const texts = await Promise.all(paths.map((path) => contentsIfAny(source, path)));
  const contents = new Map(paths.map((path, at) => [path, texts[at] ?? undefined]));
  const services = compose.services.map((service) => withEnvFiles(service, variables, (path) => contents.get(path)));
  return { ...compose, services };
}

/** The services whose images are at hand, and why the others are not. */
type Found = {
  checked: Map<string, Checked>;
  pins: Map<string, PinName>;
  missing: Map<string, string>;
  app: string;
  standIns: StandIn[];
};

async function obtainImages(context: RunContext, compose: ComposeFile, archive: File): Promise<Found> {
  const found: Found = { checked: new Map(), pins: new Map(), missing: new Map(), app: '', standIns: [] };
  for (const service of compose.services) {
    if (service.image === APP_IMAGE) {
      found.app = service.name;
      found.checked.set(service.name, { service, image: dag.container().import_(archive) });
      continue;
    }
    const pin = pinOf(service);
    try {
      await context.images.obtain(pin);
    } catch (error) {
      const why = notToBeHad(error);
      if (why === undefined) throw error;
      // The digest says nothing to whoever asks what is missing.
      found.missing.set(service.name, why.replace(/@sha256:[0-9a-f]{64}/, ''));
      continue;
    }
    found.checked.set(service.name, { service, image: context.images.container(pin) });
    found.pins.set(service.name, pin);
    found.standIns.push(...(await context.images.standIns(pin)));
  }
  return found;
}

function pinOf({ name, image, place }: ComposeService): PinName {
  const pin = PIN_NAMES.find((candidate) => pinned(candidate) === image);
  if (pin !== undefined) return pin;
  throw new PipelineError(
    'BAD_COMPOSE',
    `${place}: services.${name}.image is ${image}, which is not pinned`,
    'smoke deploys images that drydock has pinned: add tag and digest to its pipeline/src/pins.ts',
  );
}

async function checkFiles(context: RunContext, { checked }: Found): Promise<SmokeRow[]> {
  const [nginx, prometheus, alertmanager] = ['nginx', 'prometheus', 'alertmanager'].map((name) => checked.get(name));
  const rows = await Promise.all([
    nginx === undefined ? [] : checkNginx(context, nginx),
    prometheus === undefined ? [] : checkPrometheus(context, prometheus),
    alertmanager === undefined ? [] : checkAlertmanager(context, alertmanager),
  ]);
  return rows.flat();
}

async function deploy(
  context: RunContext,
  compose: ComposeFile,
  { checked, missing, app, pins, backed }: Found & { backed: Backed },
  { archive, deployed, backing, previous = null, runtime = SESSION }: SmokeInputs,
  steps: StepResult[],
): Promise<SmokeRow[]> {
  const { source, expected } = await readyForDrill(context, compose, checked, deployed);
  const before = previous ? toDeployment(previous) : null;
  expected.before = before?.deployed ?? null;
  const images = new Map<string, Container>([...checked].map(([name, { image }]) => [name, image]));
  const services = compose.services.map((service) =>
    service.name === 'prometheus' ? { ...service, command: drillCommand(service.command ?? []) } : service,
  );
  const health = await healthOf(expected, images.get(app));
  const released = { app, archive, deployed, health, before };
  const deployment = { services, source, images, missing, pins, backing, backed, ...released };
  const platform = runtime.platform(context, deployment);
  try {
    const rows = await prove(platform, expected);
    await platform.down();
    return rows;
  } catch (error) {
    // Why it failed is worth more than why it could not be tidied up; the session's end takes what is left.
    await platform.down().catch(() => {});
    throw error;
  } finally {
    steps.push(...platform.steps);
  }
}

/** The release before, as it was deployed. One without a record has no commit that it could name. */
function toDeployment({ archive, digest, release }: Previous): { image: Container; deployed: Deployed } {
  const deployed = { commit: release?.source.commit ?? '', built: release?.built ?? '', digest };
  return { image: dag.container().import_(archive), deployed };
}

/** The repository with the drill's copies in it, and what the drill expects of them. */
async function readyForDrill(
  context: RunContext,
  compose: ComposeFile,
  checked: Found['checked'],
  deployed: Deployed,
): Promise<{ source: Directory; expected: Expected }> {
  let source = context.source;
  const expected: Expected = {
    ...{ deployed, before: null, jobs: [], labels: {}, receivers: [], paths: new Map() },
    services: compose.services.map(({ name }) => name),
    port: await portOf(compose, checked),
  };
  const [prometheus, alertmanager] = [checked.get('prometheus'), checked.get('alertmanager')];
  if (prometheus !== undefined) {
    const file = configFile(prometheus.service);
    const drill = drillPrometheus(file, await context.source.file(file).contents());
    source = source.withNewFile(file, drill.text);
    expected.jobs = drill.jobs;
    const folder = file.replace(/[^/]*$/, '');
    for (const path of (
      await Promise.all(drill.ruleFiles.map((glob) => context.source.glob(`${folder}${glob}`)))
    ).flat()) {
      const rules = drillRules(path, await context.source.file(path).contents());
      source = source.withNewFile(path, rules.text);
      if (rules.labels !== null) expected.labels = { ...rules.labels, job: 'app' };
    }
    if (!('alertname' in expected.labels))
      throw new PipelineError(
        'BAD_MONITORING',
        `${file} has no rule ${DRILL_ALERT}`,
        'the drill makes it fire: add it, by this name',
      );
  }
  if (alertmanager !== undefined) {
    const file = configFile(alertmanager.service);
    const drill = drillAlertmanager(file, await context.source.file(file).contents(), ADDRESSES.receiver);
    source = drill.credentials.reduce(
      (with_, path) => {
        const credential = sourceOf(alertmanager.service, path);
        return credential === undefined ? with_ : with_.withNewFile(credential, 'of-the-drill');
      },
      source.withNewFile(file, drill.text),
    );
    expected.paths = drill.paths;
    expected.receivers = await receiversOf(context.source, alertmanager, expected.labels);
  }
  return { source, expected };
}

/** Where the service listens: as it is told, or as its image says. */
async function portOf({ services }: ComposeFile, checked: Found['checked']): Promise<number> {
  const app = services.find(({ image }) => image === APP_IMAGE);
  const told = app?.environment.PORT ?? (await checked.get(app?.name ?? '')?.image.envVariable('PORT'));
  return Number(told || USUAL.port);
}

/** As its image says it, where it was made by a Dockerfile. */
async function healthOf({ port }: Expected, image: Container | undefined): Promise<string> {
  return `http://app:${port}${(await image?.label(HEALTH_LABEL)) || USUAL.health}`;
}

/** The configuration of a service, as a file of the repository. */
function configFile(service: ComposeService): string {
  const path = configOf(service);
  const file = path === undefined ? undefined : sourceOf(service, path);
  if (file !== undefined) return file;
  throw new PipelineError(
    'BAD_COMPOSE',
    `${service.place}: services.${service.name}.command has no --config.file that is mounted from the repository`,
    'add it: the drill runs with a copy of that file',
  );
}
