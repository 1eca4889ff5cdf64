// docker-compose.yml as services of the engine's session: no Docker, no privileges. Started by name and never bound: when a bound
// service stops, everything that is bound to it fails.
import { randomUUID } from 'node:crypto';
import { type CacheVolume, type Container, dag, type Service } from '@dagger.io/dagger';
import { backingFault } from '../core/backing.ts';
import { type ComposeService, type Condition, inOrder, patienceOf } from '../core/compose/model.ts';
import { reasonOf } from '../core/errors.ts';
import { logPath, type SmokeRow, type StepResult } from '../core/model.ts';
import { checkFile, endFile, healthFile, logFile, START, socketsFile, wrapper } from '../core/smoke/wrapper.ts';
import { type Backed, stopBacking, withBacking } from './backing.ts';
import type { RunContext } from './context.ts';
import { DASHBOARDS, type Platform, type Probe, RECEIVER } from './deployment.ts';
import { causeOf } from './engine.ts';
import { HIDING } from './hiding.ts';
import { nodeContainer } from './install.ts';
import { withBinds } from './mounts.ts';
import type { Deployment } from './runtime.ts';
import { runStep, stepFolder } from './step.ts';

/** Where every service of a run writes its log. */
const SHARED = '/drydock/shared';
const TOOLS = '/drydock/tools';
const PROGRAMS = '/probes';

/** The service's image may have no shell, and no C library: these two bring what they need, and nothing else sees it. */
const LENT = ['dash', 'sleep'] as const;
const LIBRARY = 'libc.so.6';
/** What loads them, by architecture; it lies beside the library. */
const X86 = { folder: '/usr/lib/x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' };
const ARM = { folder: '/usr/lib/aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' };
const lent = (tool: (typeof LENT)[number]) => [`${TOOLS}/loader`, '--library-path', TOOLS, `${TOOLS}/${tool}`];

/** Docker's name server is not here; nginx asks the session's, which knows full names only. */
const NGINX_RESOLVES = `resolved() { awk -v key=$1 '$1 == key { print $2; exit }' /etc/resolv.conf; }
export NGINX_RESOLVER=$(resolved nameserver) NGINX_UPSTREAM=app.$(resolved search)`;

/** How long a service may take that others wait for to end. */
const COMPLETION_SECONDS = 300;

const COLLECT_LOGS = `${HIDING}folder=/logs; cp -r "$1" "$folder" && rm -rf "$1" && hide_proxies`;

export class SessionPlatform implements Platform {
  readonly missing: ReadonlyMap<string, string>;
  readonly steps: StepResult[] = [];
  readonly #context: RunContext;
  readonly #inputs: Deployment;
  readonly #running = new Map<string, Service>();
  readonly #starts = new Map<string, number>();
  /** Those that nobody asks whether they are well, their image included. */
  readonly #unchecked = new Set<string>();
  #release: 'before' | 'deployed' = 'deployed';
  readonly #run = randomUUID();
  readonly #folder = `${SHARED}/${this.#run}`;
  readonly #shared: CacheVolume = dag.cacheVolume('drydock-smoke');
  readonly #node: Container;

  constructor(context: RunContext, inputs: Deployment) {
    this.#context = context;
    this.#inputs = inputs;
    this.missing = inputs.missing;
    const node = nodeContainer(context)
      // What is asked of services is not what it was the last time.
      .withEnvVariable('DRYDOCK_RUN', this.#run)
      .withMountedDirectory(PROGRAMS, context.programs.directory('probes'))
      .withMountedCache(SHARED, this.#shared);
    const hasDashboards = inputs.services.some(({ name }) => name === 'grafana');
    const dashboards = hasDashboards ? context.source.directory('monitoring/grafana/dashboards') : null;
    this.#node = dashboards === null ? node : node.withMountedDirectory(DASHBOARDS, dashboards);
  }

  async up(): Promise<SmokeRow[]> {
    // Services write as users of their own.
    await this.#node.withExec(['install', '-d', '-m', '1777', this.#folder]).sync();
    await this.#startReceiver();
    const needed = await Promise.all(this.#inputs.backed.services.map((each) => this.#startBacking(each)));
    if (needed.some(({ status }) => status === 'failed')) return needed;
    const rows = new Map<string, Promise<SmokeRow>>();
    for (const service of inOrder(this.#inputs.services)) rows.set(service.name, this.#upAfter(service, rows));
    // Whatever fails, nothing is still about to start when everything is stopped.
    await Promise.allSettled(rows.values());
    return [...needed, ...(await Promise.all(rows.values()))];
  }

  /** Started, not only bound: it keeps what the service put into it while that restarts. */
  async #startBacking({ need, service }: Backed['services'][number]): Promise<SmokeRow> {
    const from = performance.now();
    const row = (status: SmokeRow['status'], detail: string): SmokeRow => ({
      ...{ name: `${need.name} is ready`, status, detail },
      seconds: Math.round(performance.now() - from) / 1000,
    });
    try {
      await service.start();
      return row('passed', `${need.image.replace(/@.*/, '')}, port ${need.port}`);
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      const said = `start ${need.name} (aliased as ${need.name}): ${reasonOf(causeOf(error))}`;
      return row('failed', (backingFault(said, `${stdout}\n${stderr}`) ?? [said]).join('\n'));
    }
  }

  async #startReceiver(): Promise<void> {
    const receiver = this.#node
      .asService({ args: ['node', `${PROGRAMS}/receiver.ts`, '--port', String(RECEIVER.port)] })
      .withHostname(RECEIVER.host);
    this.#running.set(RECEIVER.host, await receiver.start());
  }

  async #upAfter(service: ComposeService, rows: ReadonlyMap<string, Promise<SmokeRow>>): Promise<SmokeRow> {
    const row = { name: `${service.name} is healthy`, seconds: 0 };
    const conditions = Object.entries(service.dependsOn);
    const needed = await Promise.all(conditions.map(([name, condition]) => this.#isMet(condition, name, rows)));
    const bad = needed.find((other) => other !== undefined && other.status !== 'passed');
    if (bad !== undefined) return { ...row, status: bad.status, detail: `not started: it waits until ${bad.name}` };
    const why = this.missing.get(service.name);
    if (why !== undefined) return { ...row, status: 'not evaluated', detail: why };
    return await this.start(service.name);
  }

  async #isMet(
    condition: Condition,
    name: string,
    rows: ReadonlyMap<string, Promise<SmokeRow>>,
  ): Promise<SmokeRow | undefined> {
    const row = await rows.get(name);
    if (row?.status !== 'passed' || condition === 'service_started') return row;
    if (condition === 'service_healthy') return this.#unchecked.has(name) ? { ...row, status: 'failed' } : row;
    const end = ['--service', name, '--end', endFile(this.#folder, name, 1)];
    const [completed] = await this.probe({
      name: `completed-${name}`,
      program: 'completed.ts',
      args: [...end, '--log', logFile(this.#folder, name), '--seconds', String(COMPLETION_SECONDS)],
    });
    return completed ?? { ...row, name: `${name} completes`, status: 'failed' };
  }

  use(which: 'before' | 'deployed'): void {
    this.#release = which;
  }

  async start(name: string): Promise<SmokeRow> {
    const { service, image } = this.#toStart(name);
    if (service === undefined || image === undefined) throw new Error(`there is no service ${name} to start`);
    const start = (this.#starts.get(name) ?? 0) + 1;
    this.#starts.set(name, start);
    const from = performance.now();
    const row = await this.#started(service, image, start);
    return { ...row, name: `${name} is healthy`, seconds: Math.round(performance.now() - from) / 1000 };
  }

  #toStart(name: string): { service: ComposeService | undefined; image: Container | undefined } {
    const { services, images, app, before } = this.#inputs;
    const service = services.find((other) => other.name === name);
    if (name !== app || this.#release === 'deployed' || before === null || service === undefined)
      return { service, image: images.get(name) };
    const { commit, built, digest } = before.deployed;
    const environment = { ...service.environment, APP_COMMIT: commit, APP_BUILT: built, APP_DIGEST: digest };
    return { service: { ...service, environment }, image: before.image };
  }

  async #started(service: ComposeService, image: Container, start: number): Promise<SmokeRow> {
    const test = await this.#testOf(service, image);
    // Ours is asked by its own path where it has no check, unless the file says that it wants none.
    const isAsked = test === null && service.healthcheck !== null && service.name === this.#inputs.app;
    if (test === null && !isAsked) this.#unchecked.add(service.name);
    const instance = await this.#service(service, image, { start, test });
    try {
      this.#running.set(service.name, await instance.start());
    } catch (error) {
      const detail = `it could not be started: ${reasonOf(error)}`;
      return { name: service.name, status: 'failed', seconds: 0, detail };
    }
    return await this.#healthy(service, start, isAsked);
  }

  async stop(name: string): Promise<void> {
    await this.#running.get(name)?.stop();
    this.#running.delete(name);
  }

  async ended(name: string): Promise<SmokeRow[]> {
    const end = endFile(this.#folder, name, this.#starts.get(name) ?? 1);
    return await this.probe({ name: 'ended', program: 'ended.ts', args: ['--end', end] });
  }

  async probe({ name, program, args }: Probe): Promise<SmokeRow[]> {
    const out = `${stepFolder(name)}/rows.json`;
    const ran = await runStep(this.#context, {
      stage: 'smoke',
      step: name,
      container: this.#node,
      args: ['node', `${PROGRAMS}/${program}`, '--out', out, ...args],
      shown: `node probes/${program} ${args.join(' ')}`,
    });
    this.steps.push(ran.result);
    if (ran.result.exitCode !== 0) return [];
    return JSON.parse(await ran.container.file(out).contents()) as SmokeRow[];
  }

  async more(): Promise<SmokeRow[]> {
    return [];
  }

  async down(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map((service) => service.stop()));
    this.#running.clear();
    await stopBacking(this.#inputs.backed);
    const logs = this.#node.withExec(['sh', '-c', COLLECT_LOGS, 'logs', this.#folder]).directory('/logs');
    for (const file of (await logs.entries()).filter((entry) => entry.endsWith('.log')))
      this.#context.logs.set(logPath('smoke', file.replace(/\.log$/, '')), logs.file(file));
  }

  /** The image with what the file says of it. It exposes no port and has no check: an engine would wait for them, and have no end to that. */
  async #service(
    service: ComposeService,
    image: Container,
    { start, test }: { start: number; test: string[] | null },
  ): Promise<Service> {
    const { name } = service;
    const isApp = name === this.#inputs.app;
    const [ports, entrypoint, defaults] = await Promise.all([
      image.exposedPorts().then((all) => Promise.all(all.map((port) => port.port()))),
      image.entrypoint(),
      image.defaultArgs(),
    ]);
    const command = service.command ?? (service.entrypoint === null ? defaults : []);
    let container = ports.reduce((with_, port) => with_.withoutExposedPort(port), image.withoutDockerHealthcheck());
    for (const [key, value] of Object.entries(service.environment)) container = container.withEnvVariable(key, value);
    if (isApp) container = withBacking(container, this.#inputs.backing, this.#inputs.backed);
    if (service.user !== null) container = container.withUser(service.user);
    if (service.workdir !== null) container = container.withWorkdir(service.workdir);
    container = (await withBinds(container, service, this.#inputs.source))
      .withMountedCache(SHARED, this.#shared)
      .withEnvVariable(START, String(start));
    if (isApp) container = await this.#withLent(container);
    const script = wrapper({
      folder: this.#folder,
      service: name,
      test,
      sleep: isApp ? lent('sleep') : ['sleep'],
      before: name === 'nginx' ? NGINX_RESOLVES : '',
    });
    const shell = isApp ? lent('dash') : ['sh'];
    return container
      .asService({ args: [...shell, '-c', script, name, ...(service.entrypoint ?? entrypoint), ...command] })
      .withHostname(name);
  }

  async #withLent(container: Container): Promise<Container> {
    const node = this.#context.images.container('node');
    const { folder, loader } = /arm64/.test(await dag.defaultPlatform()) ? ARM : X86;
    const tools = LENT.map((tool) => [tool, `/usr/bin/${tool}`] as const);
    return [...tools, ['loader', `${folder}/${loader}`] as const, [LIBRARY, `${folder}/${LIBRARY}`] as const].reduce(
      (with_, [name, path]) => with_.withMountedFile(`${TOOLS}/${name}`, node.file(path)),
      container,
    );
  }

  /** What the file asks, or the image itself. */
  async #testOf({ healthcheck }: ComposeService, image: Container): Promise<string[] | null> {
    if (healthcheck === null || healthcheck.test !== null) return healthcheck?.test ?? null;
    const check = image.dockerHealthcheck();
    const [args, isShell] = await Promise.all([check.args(), check.shell()]);
    // An image without a check has no words for one, whatever the SDK's types say.
    const [first] = (args as string[] | null) ?? [];
    return first === undefined || first === 'NONE' ? null : [isShell ? 'CMD-SHELL' : 'CMD', ...args];
  }

  async #healthy({ name, healthcheck }: ComposeService, start: number, isAsked: boolean): Promise<SmokeRow> {
    const row = { name, seconds: 0 };
    if (healthcheck === null || this.#unchecked.has(name))
      return { ...row, status: 'passed', detail: 'it runs, and has no check' };
    const files = [
      ...['--health', healthFile(this.#folder, name, start), '--end', endFile(this.#folder, name, start)],
      ...['--check', checkFile(this.#folder, name), '--sockets', socketsFile(this.#folder, name)],
    ];
    const args = ['--service', name, ...files, '--log', logFile(this.#folder, name)];
    const [found] = await this.probe({
      name: start === 1 ? `healthy-${name}` : `healthy-${name}-${start}`,
      program: 'healthy.ts',
      args: [...args, '--seconds', String(patienceOf(healthcheck)), '--ask', isAsked ? this.#inputs.health : ''],
    });
    return found ?? { ...row, status: 'failed', detail: 'the probe failed' };
  }
}
