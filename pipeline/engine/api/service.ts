// Fields of Service, and the three kinds of it: a container, a port of the host for steps, a service's port for the host.
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { EngineError } from '../errors.ts';
import { whenReady } from '../run/container-service.ts';
import { forwardConnections, forwardDatagrams } from '../run/forward.ts';
import { TailOutputs } from '../run/outputs.ts';
import type { StepRequest } from '../run/runner.ts';
import type { Instance, Port, ServiceEnd } from '../run/services.ts';
import type { Session } from '../session.ts';
import { keyOf } from '../store/store.ts';
import {
  type Binding,
  type ContainerState,
  type ContainerValue,
  FactValue,
  lazy,
  ready,
  type ServiceRecipe,
  ServiceValue,
} from '../values.ts';
import { holdBindings } from './bindings.ts';
import { healthTest } from './healthcheck.ts';
import type { Resolvers } from './resolvers.ts';
import { rootfsToRun, stepKey, stepRequest } from './step.ts';

interface PortForward {
  readonly backend: number;
  readonly frontend?: number;
  readonly protocol?: Port['protocol'];
}

/** Names that go into a hosts file and DNS. */
const NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

function checkedName(name: string): string {
  if (name.length > 200 || !NAME.test(name))
    throw new EngineError(`${JSON.stringify(name)} is not a host name`, 'use letters, digits, dots and hyphens');
  return name;
}

/** A name made of a key: equal services have equal names, in every session. */
const hostnameOf = (key: string) =>
  BigInt(`0x${key.slice(0, 16)}`)
    .toString(32)
    .padStart(13, '0');

// ── A container ──────────────────────────────────────────────────────────────────────────────

interface ContainerCommand {
  readonly command: () => Promise<readonly string[]>;
  readonly noInit: boolean;
}

export function containerService(
  session: Session,
  container: ContainerValue,
  options: ContainerCommand,
  named?: string,
): ServiceRecipe {
  const ports = lazy(async () => portsOf(await container.state()));
  const key = lazy(async () => {
    const state = await container.state();
    const command = { args: await options.command(), noInit: options.noInit };
    const step = await stepKey(session, state, await state.rootfs(), command);
    return keyOf({ service: step, ports: await ports(), ...(named === undefined ? {} : { named }) });
  });
  const hostname = named === undefined ? lazy(async () => hostnameOf(await key())) : ready(named);
  return {
    kind: 'container',
    key,
    hostname,
    ports,
    prepare: key,
    launch: async () => launchContainer(session, container, options, { key: await key(), hostname: await hostname() }),
    renamed: (name) => containerService(session, container, options, checkedName(name)),
  };
}

const portsOf = ({ settings }: ContainerState) => settings.ports.filter(({ isDeclared }) => !isDeclared);

async function launchContainer(
  session: Session,
  container: ContainerValue,
  { command, noInit }: ContainerCommand,
  { key, hostname }: { key: string; hostname: string },
): Promise<Instance> {
  const undo: (() => unknown)[] = [];
  const clean = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const sockets = session.network.sockets();
    sockets.catch(() => {}); // told where they are used
    const state = { ...(await container.state()), volatileVariables: new Map<string, string>() };
    const test = healthTest(state.settings.other);
    const bound = await holdBindings(session, state.bindings);
    undo.push(bound.release);
    const network = await session.network.attach(key);
    undo.push(network.release);
    const upper = session.store.scratchFolder('service');
    let outputs = new TailOutputs([]);
    let secrets: readonly Buffer[] = [];
    const args = await command();
    const request = await stepRequest(
      session,
      state,
      await rootfsToRun(session, state),
      { args, noInit },
      {
        upper,
        outputs: (all) => {
          secrets = all;
          outputs = new TailOutputs(all);
          return outputs;
        },
        network,
        hostname,
        hosts: [[network.address, hostname], ...bound.hosts],
        atEnd: (release) => undo.push(release),
        signal: bound.signal,
      },
    );
    undo.push(() => Promise.all(uppersOf(request).map((folder) => rm(folder, { recursive: true, force: true }))));
    undo.push(session.network.names.add([hostname], network.address));
    const instance = await whenReady({
      name: hostname,
      command: args,
      step: session.runner.start(request),
      outputs,
      secrets,
      address: network.address,
      ports: portsOf(state),
      test,
      sockets,
      signal: session.signal,
      readyMs: session.options.serviceReadyMs,
    });
    const ended = instance.ended.then(async (end): Promise<ServiceEnd> => {
      await clean();
      return bound.signal.aborted ? { reason: (bound.signal.reason as Error).message } : end;
    });
    return {
      ...instance,
      ended,
      stop: async (options) => {
        await instance.stop(options);
        await ended;
      },
    };
  } catch (error) {
    await clean();
    throw error;
  }
}

/** Folders that hold what a service wrote; nobody sees them after its end. */
const uppersOf = ({ upper, mounts }: StepRequest) => [
  upper,
  ...mounts.filter((mount) => mount.kind === 'overlay').map((mount) => mount.upper),
];

// ── A port of the host, for steps ────────────────────────────────────────────────────────────

export interface HostServiceArgs {
  readonly ports: readonly PortForward[];
  readonly host?: string;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

export function hostService(session: Session, args: HostServiceArgs, named?: string): ServiceRecipe {
  const { ports: forwards, host = 'localhost' } = args;
  if (forwards.length === 0) throw new EngineError('a service of the host needs at least one port');
  if (session.options.offline && !LOOPBACK.test(host))
    throw new EngineError(`${host} is not reached: the network is off`, 'run without --offline', {
      lack: 'OFFLINE',
    });
  const key = ready(keyOf({ host, forwards, ...(named === undefined ? {} : { named }) }));
  const hostname = named === undefined ? lazy(async () => hostnameOf(await key())) : ready(named);
  const ports = ready(forwards.map(({ frontend, backend, protocol }) => portOf(frontend || backend, protocol)));
  return {
    kind: 'host',
    key,
    hostname,
    ports,
    prepare: key,
    launch: async () => {
      const address = session.network.addressFor(await key());
      const withdraw = await session.network.addAddress(address);
      const forget = session.network.names.add([await hostname()], address);
      const ended = new Ending();
      ended.onEnd(forget, withdraw);
      try {
        const sockets = await session.network.sockets();
        for (const { backend, frontend, protocol } of forwards) {
          if (protocol === 'UDP') {
            const front = await sockets.datagrams(address, frontend || backend);
            ended.onEnd(forwardDatagrams(front, () => datagramsOf(host), { address: host, port: backend }));
          } else {
            const front = await sockets.listen(address, frontend || backend);
            ended.onEnd(forwardConnections(front, () => connected(connect(backend, host))));
          }
        }
      } catch (error) {
        await ended.end((error as Error).message);
        throw error;
      }
      return { address, ports: await ports(), ended: ended.promise, stop: () => ended.end('it was stopped') };
    },
    renamed: (name) => hostService(session, args, checkedName(name)),
  };
}

const portOf = (port: number, protocol: Port['protocol'] = 'TCP', description: string | null = null): Port => ({
  port,
  protocol,
  description,
  experimentalSkipHealthcheck: false,
});

async function connected(socket: Socket): Promise<Socket> {
  await once(socket, 'connect');
  return socket;
}

async function datagramsOf(host: string): Promise<Datagrams> {
  return createSocket(host.includes(':') ? 'udp6' : 'udp4');
}

/** The end of a service that lives in the engine itself: what is to be undone, in reverse order, and who waits for it. */
class Ending {
  readonly #undo: (() => unknown)[] = [];
  #resolve: (end: ServiceEnd) => void = () => {};
  readonly promise = new Promise<ServiceEnd>((resolve) => {
    this.#resolve = resolve;
  });

  onEnd(...undo: (() => unknown)[]): void {
    this.#undo.push(...undo);
  }

  async end(reason: string): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step();
    this.#resolve({ reason });
  }
}

// ── A service's port, for the host ───────────────────────────────────────────────────────────

export interface TunnelArgs {
  readonly native?: boolean;
  readonly ports?: readonly PortForward[];
}

const TUNNEL_ADDRESS = '127.0.0.1';

export function tunnel(session: Session, target: ServiceValue, args: TunnelArgs): ServiceRecipe {
  if (target.recipe.kind === 'tunnel') throw new EngineError('a tunnel leads to a service, not to another tunnel');
  const key = lazy(async () => keyOf({ tunnel: await target.recipe.key(), ...args }));
  const running = async () => {
    const instance = await session.services.running(await key());
    if (instance === undefined) throw new EngineError('the tunnel is not running', 'start() it first');
    return instance;
  };
  return {
    kind: 'tunnel',
    key,
    hostname: async () => (await running()).address,
    ports: async () => (await running()).ports,
    prepare: target.recipe.prepare,
    launch: () => launchTunnel(session, target, args),
    renamed: () => {
      throw new EngineError('a tunnel has no name: it is a port of the host');
    },
  };
}

async function launchTunnel(session: Session, { recipe }: ServiceValue, args: TunnelArgs): Promise<Instance> {
  const exposed = await recipe.ports();
  const forwards = forwardsOf(exposed, args);
  if (forwards.length === 0) throw new EngineError('the service exposes no port to tunnel to', 'name one in `ports`');
  const hold = await session.services.hold(await recipe.key(), recipe.launch);
  const ended = new Ending();
  ended.onEnd(hold.release);
  hold.instance.ended.then(({ reason }) => ended.end(reason));
  const ports: Port[] = [];
  try {
    const sockets = await session.network.sockets();
    const { address } = hold.instance;
    for (const { backend, frontend = 0, protocol = 'TCP' } of forwards) {
      const description = exposed.find(({ port }) => port === backend)?.description;
      if (protocol === 'UDP') {
        const front = createSocket('udp4').bind(frontend, TUNNEL_ADDRESS);
        await once(front, 'listening');
        ports.push(portOf(front.address().port, protocol, description));
        const open = () => sockets.datagrams('0.0.0.0', 0);
        ended.onEnd(forwardDatagrams(front, open, { address, port: backend }));
      } else {
        const front = createServer().listen(frontend, TUNNEL_ADDRESS);
        await once(front, 'listening');
        ports.push(portOf(listeningPort(front), protocol, description));
        ended.onEnd(forwardConnections(front, () => sockets.connect(address, backend)));
      }
    }
  } catch (error) {
    await ended.end((error as Error).message);
    const { code, port } = error as NodeJS.ErrnoException & { port?: number };
    if (code !== 'EADDRINUSE') throw error;
    throw new EngineError(
      `port ${port} of this machine is taken`,
      'choose another frontend, or none for any free port',
    );
  }
  return { address: TUNNEL_ADDRESS, ports, ended: ended.promise, stop: () => ended.end('it was stopped') };
}

const listeningPort = (server: Server) => (server.address() as { port: number }).port;

/** The service's own ports unless others are named; both where they are to be the same on the host. */
function forwardsOf(exposed: readonly Port[], { native, ports = [] }: TunnelArgs): PortForward[] {
  const all = exposed.map(({ port, protocol }) => ({ backend: port, protocol, frontend: native ? port : 0 }));
  return native || ports.length === 0 ? [...all, ...ports] : [...ports];
}

export interface UpArgs {
  readonly ports?: readonly PortForward[] | undefined;
  readonly random?: boolean | undefined;
}

/** Leads ports of the host to the service until it ends, or the session does. */
export async function up(session: Session, service: ServiceValue, { ports = [], random }: UpArgs): Promise<void> {
  const frontend = (forward: PortForward) => (random ? 0 : (forward.frontend ?? forward.backend));
  const recipe = tunnel(session, service, {
    native: !random && ports.length === 0,
    ports: ports.map((forward) => ({ ...forward, frontend: frontend(forward) })),
  });
  const instance = await session.services.start(await recipe.key(), recipe.launch);
  for (const { port, protocol } of instance.ports)
    session.log(`up: ${instance.address}:${port}${protocol === 'UDP' ? ' (UDP)' : ''}`);
  const { reason } = await instance.ended;
  session.log(`down: ${reason}`);
}

// ── Fields ───────────────────────────────────────────────────────────────────────────────────

export function bindingTo(alias: string, service: ServiceValue): Binding {
  if (service.recipe.kind === 'tunnel') throw new EngineError('a tunnel cannot be bound to a container');
  return { alias: checkedName(alias), service };
}

export const serviceFields: Resolvers<ServiceValue> = {
  sync: async (self) => {
    await self.recipe.prepare();
    return self.id;
  },
  hostname: ({ recipe }) => recipe.hostname(),
  withHostname: ({ recipe }, { hostname }: { hostname: string }) => new ServiceValue(recipe.renamed(hostname)),
  endpoint: async ({ recipe }, { port, scheme }: { port?: number; scheme?: string }) => {
    const [first] = await recipe.ports();
    const number = port || first?.port;
    if (number === undefined) throw new EngineError('the service exposes no port', 'add one with withExposedPort');
    const endpoint = `${await recipe.hostname()}:${number}`;
    return scheme ? `${scheme}://${endpoint}` : endpoint;
  },
  ports: async ({ recipe }) => (await recipe.ports()).map((port) => new FactValue('Port', { ...port })),
  start: async (self, _, session) => {
    await session.services.start(await self.recipe.key(), self.recipe.launch);
    return self.id;
  },
  stop: async (self, { kill }: { kill?: boolean }, session) => {
    await session.services.stop(await self.recipe.key(), { kill: kill ?? false });
    return self.id;
  },
  up: async (self, args: UpArgs, session) => {
    await up(session, self, args);
    return null;
  },
};
