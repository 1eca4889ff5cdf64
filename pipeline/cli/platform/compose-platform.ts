// docker-compose.yml by the real Docker Compose, on this machine: a project of its own beside one that may run, on ports that are free.
// Probes run in a container beside the services, as they do in a session.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { logPath, type SmokeRow, type StepResult } from '../../src/core/model.ts';
import { stepResult } from '../../src/core/verdict.ts';
import { type PinName, pinned } from '../../src/pins.ts';
import type { RunContext } from '../../src/stages/context.ts';
import {
  answers,
  DASHBOARDS,
  type Expected,
  type Platform,
  type Probe,
  RECEIVER,
} from '../../src/stages/deployment.ts';
import type { Deployment, Runtime } from '../../src/stages/runtime.ts';
import { appliedRows } from './applied.ts';
import { type Docker, lastLine, openDocker } from './docker.ts';
import { healthOf } from './health.ts';
import { hasImage, type Loaded, loadBuilt, loadPinned } from './load.ts';
import { type ConfiguredService, type Inspected, Project } from './project.ts';
import { toolEnvironment } from './settings.ts';

/** The runtime for a smoke, and what ends it, whatever became of the run. */
export async function composeRuntime(
  env: NodeJS.ProcessEnv,
): Promise<{ runtime: Runtime; close: () => Promise<void> }> {
  const stopping = new AbortController();
  const docker = await openDocker({ env: toolEnvironment(env), signal: stopping.signal });
  const platforms: ComposePlatform[] = [];
  const platform = (context: RunContext, deployment: Deployment) => {
    const made = new ComposePlatform(docker, context, deployment);
    platforms.push(made);
    return made;
  };
  return {
    runtime: { name: 'compose', platform },
    close: async () => {
      stopping.abort();
      for (const made of platforms) await made.close();
    },
  };
}

const PROGRAMS = '/probes';
/** Takes an address while the service is away, so that the service comes back at another. */
const LODGER = 'lodger';
/** Any that are free. */
const PORTS = { HTTP_PORT: '0', GRAFANA_PORT: '0', PROMETHEUS_PORT: '0', ALERTMANAGER_PORT: '0' };
const RESTART_MS = 30_000;

class ComposePlatform implements Platform {
  readonly missing: ReadonlyMap<string, string>;
  readonly steps: StepResult[] = [];
  readonly #docker: Docker;
  readonly #context: RunContext;
  readonly #deployment: Deployment;
  #folder: string | undefined;
  #project: Project | undefined;
  #services: ReadonlyMap<string, ConfiguredService> = new Map();
  #built: Loaded | undefined;
  #node = '';

  constructor(docker: Docker, context: RunContext, deployment: Deployment) {
    this.#docker = docker;
    this.#context = context;
    this.#deployment = deployment;
    this.missing = deployment.missing;
  }

  async up(): Promise<SmokeRow[]> {
    const { services } = this.#deployment;
    const project = await this.#prepare();
    const names = services.map(({ name }) => name).filter((name) => !this.missing.has(name));
    await project.up([RECEIVER.host, ...names]);
    return await Promise.all(
      services.map(async ({ name }): Promise<SmokeRow> => {
        const why = this.missing.get(name);
        if (why === undefined) return await healthOf(project, name);
        return { name: `${name} is healthy`, status: 'not evaluated', seconds: 0, detail: why };
      }),
    );
  }

  /** The files as they are, and beside them one that says what is other in a smoke. */
  async #prepare(): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), 'drydock-compose-'));
    this.#folder = folder;
    const { archive, source, app, deployed, pins } = this.#deployment;
    const [repository, image] = [join(folder, 'repository'), join(folder, 'image.tar')];
    await source.export(repository);
    await this.#context.programs.directory('probes').export(join(folder, 'probes'));
    await archive.export(image);
    this.#built = await loadBuilt(this.#docker, image);
    this.#node = await this.#image('node');
    const images = new Map([[app, this.#built.id]]);
    for (const [service, pin] of pins) images.set(service, await this.#image(pin));
    await writeFile(join(folder, 'smoke.json'), JSON.stringify(this.#override(repository, images)));
    const { commit, built, digest } = deployed;
    const env = { ...PORTS, APP_IMAGE: this.#built.id, APP_COMMIT: commit, APP_BUILT: built, APP_DIGEST: digest };
    this.#project = new Project(this.#docker, {
      name: `drydock-smoke-${randomBytes(4).toString('hex')}`,
      folder: repository,
      overrides: [join(folder, 'smoke.json')],
      env,
      envFile: '/dev/null',
    });
    this.#services = await this.#project.config();
    return this.#project;
  }

  #override(repository: string, images: ReadonlyMap<string, string>): object {
    const { services } = this.#deployment;
    const probing = { image: this.#node, networks: ['devops'] };
    const mount = (path: string, target: string) => `${path}:${target}:ro`;
    const changed = services.flatMap(({ name, command }) => {
      const image = images.get(name);
      // The drill adds to Prometheus' arguments.
      return image === undefined ? [] : [[name, { image, ...(command === null ? {} : { command }) }]];
    });
    return {
      services: {
        ...Object.fromEntries(changed),
        [RECEIVER.host]: {
          ...probing,
          command: ['node', `${PROGRAMS}/receiver.ts`, '--port', String(RECEIVER.port)],
          volumes: [
            mount(join(repository, '../probes'), PROGRAMS),
            mount(join(repository, 'monitoring/grafana/dashboards'), DASHBOARDS),
          ],
        },
        [LODGER]: { ...probing, command: ['sleep', 'infinity'], init: true, profiles: [LODGER] },
      },
    };
  }

  /** The image by its digest where Docker has it or gets it; else the one that the engine has, substitutes among them. */
  async #image(pin: PinName): Promise<string> {
    const reference = pinned(pin);
    if (await hasImage(this.#docker, reference)) return reference;
    const isStandIn = (await this.#context.images.standIns(pin)).length > 0;
    if (!isStandIn && (await this.#docker.run(['pull', '--quiet', reference])).exitCode === 0) return reference;
    const path = join(this.#folder ?? '', `${pin}.tar`);
    await this.#context.images.archive(pin, this.#docker.platform).export(path);
    try {
      return await loadPinned(this.#docker, pin, path);
    } finally {
      await rm(path, { force: true });
    }
  }

  async start(service: string): Promise<SmokeRow> {
    const from = performance.now();
    const said = await this.#running.compose('start', service);
    const row = await healthOf(this.#running, service);
    const seconds = Math.round(performance.now() - from) / 1000;
    return said.exitCode === 0 ? { ...row, seconds } : { ...row, status: 'failed', detail: lastLine(said.stderr) };
  }

  async stop(service: string): Promise<void> {
    await this.#running.compose('stop', service);
  }

  /** Only what is delivered has a release before it, and that is proved in a session. */
  use(): void {
    throw new Error('there is no other image to start from');
  }

  async probe({ name, program, args }: Probe): Promise<SmokeRow[]> {
    const out = `/tmp/${name}.json`;
    const shown = `node probes/${program} ${args.join(' ')}`;
    this.#context.emit({ kind: 'step-started', stage: 'smoke', step: name, command: shown, atMs: Date.now() });
    const inside = ['exec', '-T', RECEIVER.host];
    const startedMs = Date.now();
    const said = await this.#running.compose(...inside, 'node', `${PROGRAMS}/${program}`, '--out', out, ...args);
    const record = { exitCode: said.exitCode ?? 1, startedMs, endedMs: Date.now() };
    const log = `${said.stdout}${said.stderr}`;
    const step = stepResult({ stage: 'smoke', name, command: shown, record, log }, this.#context.startedMs);
    this.steps.push(step);
    this.#context.logs.set(step.log, log);
    this.#context.emit({ kind: 'step-finished', stage: 'smoke', step, log });
    if (step.exitCode !== 0) return [];
    return JSON.parse((await this.#running.compose(...inside, 'cat', out)).stdout) as SmokeRow[];
  }

  async more(expected: Expected): Promise<SmokeRow[]> {
    const containers = await this.#running.containers();
    return [
      await this.#row('What runs is what was built', () => this.#sameImage(containers)),
      ...appliedRows(this.#services, containers),
      await this.#row('The service can write nothing, and has no capability', () => this.#confined(containers)),
      await this.#row('nginx finds the service at another address', () => this.#moved(expected)),
      await this.#row('What is killed is started again', () => this.#killed()),
    ];
  }

  /** By the digest of the image's configuration, which an engine calls its id; one that keeps images otherwise says the image's own. */
  #sameImage(containers: ReadonlyMap<string, Inspected>): string {
    const image = containers.get(this.#deployment.app)?.Image ?? 'nothing';
    if (this.#built?.digests.includes(image)) return image;
    throw new Error(`what runs is ${image}, not ${this.#built?.digests.join(' or ')}`);
  }

  async #confined(containers: ReadonlyMap<string, Inspected>): Promise<string> {
    const { Id = '', Path = '' } = containers.get(this.#deployment.app) ?? {};
    const said = await this.#docker.run(['exec', Id, Path, '-e', CONFINED]);
    if (said.exitCode === 0) return said.stdout.trim();
    throw new Error(said.stdout.trim() || lastLine(said.stderr));
  }

  async #moved(expected: Expected): Promise<string> {
    const { app } = this.#deployment;
    const address = async () =>
      Object.values((await this.#running.containers()).get(app)?.NetworkSettings.Networks ?? {})[0]?.IPAddress;
    const before = await address();
    await this.stop(app);
    const lodger = await this.#running.compose('up', '--detach', '--no-deps', '--pull', 'never', LODGER);
    if (lodger.exitCode !== 0) throw new Error(lastLine(lodger.stderr));
    const rows = [await this.start(app), ...(await answers(this, expected))];
    const after = await address();
    if (before === after) throw new Error(`it is still at ${after}`);
    const failed = rows.find(({ status }) => status !== 'passed');
    if (failed === undefined) return `${before} before, ${after} after`;
    throw new Error(`${failed.name}: ${failed.detail}`);
  }

  /** From outside: no signal from within its own processes ends a container's first one. */
  async #killed(): Promise<string> {
    const { app } = this.#deployment;
    const pid = (await this.#running.containers()).get(app)?.State.Pid;
    const kill = ['node', '-e', `process.kill(${pid}, 'SIGKILL')`];
    const said = await this.#docker.run(['run', '--rm', '--pid', 'host', '--network', 'none', this.#node, ...kill]);
    if (said.exitCode !== 0) throw new Error(`it could not be killed: ${lastLine(said.stderr)}`);
    const end = performance.now() + RESTART_MS;
    while ((await this.#running.containers()).get(app)?.RestartCount === 0) {
      if (performance.now() > end) throw new Error(`not within ${RESTART_MS / 1000} s`);
      await wait(100);
    }
    const { status, detail } = await healthOf(this.#running, app);
    if (status === 'passed') return 'by its restart policy, and healthy again';
    throw new Error(detail);
  }

  async #row(name: string, prove: () => string | Promise<string>): Promise<SmokeRow> {
    const from = performance.now();
    const seconds = () => Math.round(performance.now() - from) / 1000;
    try {
      const detail = await prove();
      return { name, status: 'passed', seconds: seconds(), detail };
    } catch (error) {
      return {
        name,
        status: 'failed',
        seconds: seconds(),
        detail: error instanceof Error ? error.message : String(error),
      };
    }
  }

  async down(): Promise<void> {
    if (this.#project !== undefined) {
      for (const [name, container] of await this.#project.containers())
        this.#context.logs.set(logPath('smoke', name), await this.#project.logs(container));
    }
    await this.close();
  }

  /** Stop and remove everything, if that is not done. */
  async close(): Promise<void> {
    const [project, folder] = [this.#project?.unstoppable(), this.#folder];
    [this.#project, this.#folder] = [undefined, undefined];
    await project?.down('--volumes', '--timeout', '5');
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  get #running(): Project {
    if (this.#project === undefined) throw new Error('the platform is not up');
    return this.#project;
  }
}

/** Run by the service's own Node, inside its container. */
const CONFINED = `const { readFileSync, writeFileSync } = require('node:fs');
const status = readFileSync('/proc/self/status', 'utf8');
const said = (key) => new RegExp('^' + key + ':\\\\s*(.*)$', 'm').exec(status)[1];
let write = 'it can write';
try { writeFileSync('/written', ''); } catch (error) { write = error.code; }
const [capabilities, privileges] = [said('CapEff'), said('NoNewPrivs')];
console.log(write + ', capabilities ' + capabilities + ', no new privileges: ' + privileges);
process.exitCode = write === 'EROFS' && /^0+$/.test(capabilities) && privileges === '1' ? 0 : 1;`;
