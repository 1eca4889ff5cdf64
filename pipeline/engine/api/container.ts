// Fields of Container.
import { join, posix } from 'node:path';
import type { Credentials } from '../../src/oci/registry.ts';
import { EngineError, notSupported } from '../errors.ts';
import { exportImage } from '../images/export.ts';
import { importArchive } from '../images/import.ts';
import { publishImage } from '../images/publish.ts';
import { NO_RIGHTS, registryHost } from '../images/registry.ts';
import { resolveImage } from '../images/resolve.ts';
import type { Port } from '../run/services.ts';
import type { Session } from '../session.ts';
import { ensureIntact, textIn } from '../store/bytes.ts';
import { writeHostFile } from '../store/host.ts';
import { EMPTY_STACK, type Stack } from '../store/layers.ts';
import type { Filter } from '../store/patterns.ts';
import { type Attributes, DEFAULT_DIR, dirNode, fileNode, map, type Node } from '../store/tree.ts';
import type { Sharing } from '../store/volumes.ts';
import {
  CacheVolumeValue,
  type ContainerState,
  ContainerValue,
  type Content,
  DirectoryValue,
  type ExecOutcome,
  FactValue,
  FileValue,
  type ImageSettings,
  lazy,
  type Mount,
  NO_SETTINGS,
  type RegistryRights,
  ready,
  SecretValue,
  ServiceValue,
  wholeTree,
} from '../values.ts';
import { fileIn, ownerIn, stackOf, statusOf, subfolder } from './content.ts';
import { copied, copiedFile, type ExistsArgs, existsIn, linkNode, statValue } from './directory.ts';
import { type ExecOptions, execute, noCommand } from './exec.ts';
import { fromHealthcheck, type HealthcheckArgs, toHealthcheck } from './healthcheck.ts';
import { changedAt, locate, stackWith, stackWithout } from './places.ts';
import { HOST_PLATFORM, normalized, requireRunnable } from './platform.ts';
import type { Resolvers } from './resolvers.ts';
import { bindingTo, containerService, type UpArgs, up } from './service.ts';
import { openTerminal } from './terminal.ts';

interface Expandable {
  readonly expand?: boolean;
}
interface PathArgs extends Expandable {
  readonly path: string;
}
interface OwnedArgs extends PathArgs {
  readonly owner?: string;
  readonly permissions?: number;
}
interface ExecArgs extends Expandable, Partial<Omit<ExecOptions, 'args' | 'of'>> {
  readonly args: readonly string[];
  readonly useEntrypoint?: boolean;
  readonly experimentalPrivilegedNesting?: boolean;
}
type AsServiceArgs = Partial<ExecArgs>;
type Privilege = 'experimentalPrivilegedNesting' | 'insecureRootCapabilities';

export function newContainer(named?: string): ContainerValue {
  const platform = named === undefined ? HOST_PLATFORM : normalized(named);
  return new ContainerValue(
    ready<ContainerState>({
      platform,
      settings: NO_SETTINGS,
      rootfs: ready(EMPTY_STACK),
      mounts: [],
      secretVariables: new Map(),
      volatileVariables: new Map(),
      bindings: [],
      hasOwnArgs: false,
      registryRights: NO_RIGHTS,
    }),
    platform,
  );
}

/** What Go's os.Expand takes for a variable; a brace that nothing closes is dropped. */
const VARIABLE = /\$(?:\{([^}]+)\}|\{\}?|([A-Za-z_]\w*|[\d*#$@!?-]))/g;

/** `$NAME` and `${NAME}` replaced by the container's variables where that is asked for; unknown ones by nothing. */
function expanded(
  text: string,
  { settings, secretVariables, volatileVariables }: ContainerState,
  expand?: boolean,
): string {
  if (!expand) return text;
  return text.replace(VARIABLE, (_, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? '';
    const kind = secretVariables.has(name) ? 'secret' : volatileVariables.has(name) ? 'volatile' : undefined;
    if (kind !== undefined) throw new EngineError(`expand cannot be used with ${kind} env variable "${name}"`);
    return settings.env.get(name) ?? '';
  });
}

/** A path as the container means it: relative to its working directory. */
const absolute = (state: ContainerState, path: string, expand?: boolean) =>
  posix.resolve('/', state.settings.workdir, expanded(path, state, expand));

const without = <V>(from: ReadonlyMap<string, V>, name: string) => new Map([...from].filter(([key]) => key !== name));

interface Putting {
  /** What a file is called in a folder that is at the path already. */
  readonly name?: string;
  /** Mounts that give way to what is put at their very path. */
  readonly replaced?: readonly Mount['kind'][];
}

/** The container with something put into its file system, or into the mount that covers the path. */
function putting(
  self: ContainerValue,
  session: Session,
  args: PathArgs & { owner?: string },
  make: (owner: Partial<Attributes>) => Promise<Node>,
  { name, replaced }: Putting = {},
): ContainerValue {
  return self.with((state) => {
    const target = absolute(state, args.path, args.expand) + (args.path.endsWith('/') ? '/' : '');
    const change = async (stack: Stack, path: string) => {
      const owner = args.owner
        ? await ownerIn(session, { stack: await state.rootfs(), path: '/' }, expanded(args.owner, state, args.expand))
        : {};
      const place = target.endsWith('/') && !path.endsWith('/') ? `${path}/` : path;
      return stackWith(session, stack, place, await make(owner), name);
    };
    return changedAt(session, state, target, change, replaced);
  });
}

function removing(self: ContainerValue, session: Session, paths: readonly string[], expand?: boolean): ContainerValue {
  return paths.reduce(
    (container, path) =>
      container.with((state) =>
        changedAt(session, state, absolute(state, path, expand), (stack, place) => stackWithout(session, stack, place)),
      ),
    self,
  );
}

/** The container with something mounted: in the place of what was at its path, and of what was mounted below it. */
const mounting = (self: ContainerValue, args: PathArgs, make: (path: string, state: ContainerState) => Mount) =>
  self.with((state) => {
    const mount = make(absolute(state, args.path, args.expand), state);
    const isHidden = (other: Mount) => other.path === mount.path || other.path.startsWith(`${mount.path}/`);
    return { mounts: [...state.mounts.filter((other) => other.kind === 'secret' || !isHidden(other)), mount] };
  });

/** What is run: the given words, or the default ones, after the entrypoint where that is asked for. */
function commandOf(state: ContainerState, { args = [], useEntrypoint, expand }: AsServiceArgs): string[] {
  const { cmd, entrypoint } = state.settings;
  const words = args.length > 0 ? args.map((word) => expanded(word, state, expand)) : cmd;
  const command = [...(useEntrypoint ? entrypoint : []), ...words];
  if (command.length === 0) throw noCommand();
  return command;
}

/** A service runs what its image would: also the entrypoint, unless words were given in its place. */
function serviceCommandOf(state: ContainerState, args: AsServiceArgs): string[] {
  const { cmd, entrypoint } = state.settings;
  const hasWords = (args.args ?? []).length > 0;
  if (!hasWords && cmd.length + entrypoint.length === 0) throw new EngineError('no service command has been set');
  return commandOf(state, { ...args, useEntrypoint: args.useEntrypoint || !(hasWords || state.hasOwnArgs) });
}

function refuse(field: string, args: AsServiceArgs, privileges: readonly Privilege[]): void {
  for (const name of privileges) if (args[name]) throw notSupported(`${field}(${name}: true)`);
}

function asService(self: ContainerValue, args: AsServiceArgs, session: Session): ServiceValue {
  refuse('asService', args, ['experimentalPrivilegedNesting', 'insecureRootCapabilities']);
  requireRunnable(self.platform);
  return new ServiceValue(
    containerService(session, self, {
      command: async () => serviceCommandOf(await self.state(), args),
      noInit: args.noInit ?? false,
    }),
  );
}

interface TerminalArgs extends AsServiceArgs {
  readonly cmd?: readonly string[];
}

/** The container as it is; when it is asked for, somebody has looked around in it first. */
function terminal(self: ContainerValue, args: TerminalArgs, session: Session): ContainerValue {
  refuse('terminal', args, ['experimentalPrivilegedNesting']);
  requireRunnable(self.platform);
  return self.with((state) => {
    const command = { args: args.cmd ?? ['sh'], insecureRootCapabilities: args.insecureRootCapabilities };
    const looked = lazy(() => openTerminal(session, state, command));
    return {
      rootfs: lazy(async () => {
        await looked();
        return state.rootfs();
      }),
    };
  });
}

function withExec(self: ContainerValue, args: ExecArgs, session: Session): ContainerValue {
  refuse('withExec', args, ['experimentalPrivilegedNesting']);
  requireRunnable(self.platform);
  if (args.stdin && args.redirectStdin) throw new EngineError('cannot set both stdin and redirectStdin');
  const made: ContainerValue = self.with((state) => {
    const command = commandOf(state, args);
    const at = (path: string | undefined) => (path === undefined ? undefined : absolute(state, path, args.expand));
    const exec = lazy(() =>
      execute(session, state, {
        args: command,
        of: made,
        expect: args.expect ?? 'SUCCESS',
        ...defined({
          stdin: args.stdin,
          redirectStdin: at(args.redirectStdin),
          redirectStdout: at(args.redirectStdout),
          redirectStderr: at(args.redirectStderr),
          noInit: args.noInit,
          insecureRootCapabilities: args.insecureRootCapabilities,
        }),
      }),
    );
    const afterwards = (mount: Mount): Mount =>
      mount.kind === 'directory' || mount.kind === 'file'
        ? { ...mount, content: lazy(async () => (await exec()).mounts.get(mount.path) ?? (await mount.content())) }
        : mount;
    return { exec, rootfs: lazy(async () => (await exec()).rootfs), mounts: state.mounts.map(afterwards) };
  });
  return made;
}

/** An object without its undefined fields. */
function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

async function outcome(self: ContainerValue): Promise<ExecOutcome> {
  const { exec } = await self.state();
  if (exec === undefined) throw noCommand();
  return exec();
}

const output = (stream: 'stdout' | 'stderr' | 'combined') => async (self: ContainerValue) =>
  textIn(join((await outcome(self)).outputs, stream), 'what the command said');

/** Runs all that the container is made of, so that faults show. */
async function evaluate(self: ContainerValue): Promise<ContainerState> {
  const state = await self.state();
  await state.exec?.();
  await state.rootfs();
  return state;
}

const pairs = (type: 'EnvVariable' | 'Label', map: ReadonlyMap<string, string>) =>
  [...map].map(([name, value]) => new FactValue(type, { name, value }));
const settings =
  <T>(pick: (settings: ImageSettings) => T) =>
  async (self: ContainerValue) =>
    pick((await self.state()).settings);

/** An image in the place of a container's file system and settings. */
function imported(state: ContainerState, image: ContainerState): ContainerState {
  const { mounts, secretVariables, volatileVariables, bindings, hasOwnArgs, registryRights } = state;
  const { annotations } = state.settings;
  const kept = { ...image, mounts, secretVariables, volatileVariables, bindings, hasOwnArgs, registryRights };
  if (annotations.size === 0) return kept;
  const { original: _, ...rest } = kept;
  return { ...rest, settings: { ...image.settings, annotations } };
}

/** The same for an image that was pulled; of the settings, variables, labels and ports that the container was given before are kept. */
export function startedFrom(state: ContainerState, image: ContainerState): ContainerState {
  const { env, labels, ports, annotations } = state.settings;
  const kept = imported(state, image);
  if (env.size + labels.size + ports.length + annotations.size === 0) return kept;
  const { original: _, ...rest } = kept;
  const settings = {
    ...image.settings,
    env: new Map([...env, ...image.settings.env]),
    labels: new Map([...labels, ...image.settings.labels]),
    ports: [...ports, ...image.settings.ports],
    annotations,
  };
  return { ...rest, settings };
}

interface ExportArgs {
  readonly platformVariants?: readonly string[];
  readonly forcedCompression?: string;
  readonly mediaTypes?: string;
}

function asTarball(self: ContainerValue, args: ExportArgs, session: Session): FileValue {
  if (args.forcedCompression === 'Zstd' || args.forcedCompression === 'EStarGZ')
    throw notSupported(`compression ${args.forcedCompression}`);
  const variants = (args.platformVariants ?? []).map((id) => session.load(id, ContainerValue));
  return new FileValue(
    'container.tar',
    lazy(async () => {
      const all = await Promise.all([self, ...variants].map(evaluate));
      const hasFiles = await Promise.all(all.map(async ({ rootfs }) => (await rootfs()) !== EMPTY_STACK));
      const states = all.filter((_, index) => hasFiles[index]);
      return exportImage(session, states, {
        ...(args.forcedCompression === undefined
          ? {}
          : { compression: args.forcedCompression === 'Uncompressed' ? 'none' : 'gzip' }),
        docker: args.mediaTypes?.startsWith('D') ?? false,
      });
    }),
  );
}

interface RegistryAuthArgs {
  readonly address: string;
  readonly username: string;
  readonly secret: string;
}

/** The same image still: what it may ask of registries is no part of it. */
const withRights = (self: ContainerValue, change: (rights: RegistryRights) => RegistryRights) =>
  new ContainerValue(
    lazy(async () => {
      const state = await self.state();
      return { ...state, registryRights: change(state.registryRights) };
    }),
    self.platform,
  );

export const containerFields: Resolvers<ContainerValue> = {
  sync: async (self) => {
    await evaluate(self);
    return self.id;
  },
  platform: async (self) => (await self.state()).platform,
  from: (self, { address, registryService }: { address: string; registryService?: string }, session) => {
    if (registryService !== undefined) throw notSupported('from(registryService)');
    return self.with(async (state) =>
      startedFrom(state, await resolveImage(session, address, state.platform, state.registryRights)),
    );
  },
  import: (self, { source, tag }: { source: string; tag?: string }, session) =>
    self.with(async (state) => {
      const archive = await session.load(source, FileValue).node();
      return imported(state, await importArchive(session, archive, state.platform, tag));
    }),
  imageRef: async (self) => {
    const { imageRef } = await self.state();
    if (imageRef === undefined)
      throw new EngineError(
        "Image reference can only be retrieved immediately after the 'Container.From' call. Error in fetching imageRef as the container image is changed",
      );
    return imageRef;
  },
  rootfs: (self) => new DirectoryValue(lazy(async () => ({ stack: await (await self.state()).rootfs(), path: '/' }))),
  withRootfs: (self, { directory }: { directory: string }, session) =>
    self.with(() => ({
      rootfs: lazy(async () => stackOf(session, await session.load(directory, DirectoryValue).content())),
    })),
  directory: (self, { path, expand }: PathArgs, session) =>
    new DirectoryValue(
      lazy(async () => {
        const state = await self.state();
        const asked = absolute(state, path, expand);
        const placed = await locate(state, asked);
        return subfolder(session, placed.content, placed.path, asked);
      }),
      { path },
    ),
  file: (self, { path, expand }: PathArgs, session) =>
    new FileValue(
      posix.basename(path),
      lazy(async () => {
        const state = await self.state();
        const asked = absolute(state, path, expand);
        const placed = await locate(state, asked);
        return fileIn(session, placed.content, placed.path, asked);
      }),
    ),
  exists: async (self, { path, expand, ...rest }: ExistsArgs & Expandable, session) => {
    const state = await self.state();
    const placed = await locate(state, absolute(state, path, expand));
    return existsIn(session, placed.content, { ...rest, path: placed.path });
  },
  stat: async (self, { path, doNotFollowSymlinks }: ExistsArgs, session) => {
    const { content, path: place } = await locate(await self.state(), absolute(await self.state(), path));
    return statValue(await statusOf(session, content, place, !doNotFollowSymlinks), path);
  },

  withError: (self, { err }: { err: string }) => {
    if (err !== '') throw new EngineError(err);
    return self;
  },
  withExec,
  terminal,
  exitCode: async (self) => (await outcome(self)).exitCode,
  stdout: output('stdout'),
  stderr: output('stderr'),
  combinedOutput: output('combined'),

  user: settings(({ user }) => user),
  withUser: (self, { name }: { name: string }) => self.withSettings(() => ({ user: name })),
  withoutUser: (self) => self.withSettings(() => ({ user: '' })),
  workdir: settings(({ workdir }) => workdir),
  withWorkdir: (self, { path, expand }: PathArgs) =>
    self.with((state) => ({ settings: { ...state.settings, workdir: absolute(state, path, expand) } })),
  withoutWorkdir: (self) => self.withSettings(() => ({ workdir: '' })),
  entrypoint: settings(({ entrypoint }) => entrypoint),
  withEntrypoint: (self, { args, keepDefaultArgs }: { args: string[]; keepDefaultArgs?: boolean }) =>
    self.withSettings(({ cmd }) => ({ entrypoint: args, cmd: keepDefaultArgs ? cmd : [] })),
  withoutEntrypoint: (self, { keepDefaultArgs }: { keepDefaultArgs?: boolean }) =>
    self.withSettings(({ cmd }) => ({ entrypoint: [], cmd: keepDefaultArgs ? cmd : [] })),
  defaultArgs: settings(({ cmd }) => cmd),
  withDefaultArgs: (self, { args }: { args: string[] }) =>
    self.with(({ settings }) => ({ settings: { ...settings, cmd: args }, hasOwnArgs: true })),
  withoutDefaultArgs: (self) =>
    self.with(({ settings }) => ({ settings: { ...settings, cmd: [] }, hasOwnArgs: false })),
  envVariable: async (self, { name }: { name: string }) => (await self.state()).settings.env.get(name) ?? null,
  envVariables: async (self) => pairs('EnvVariable', (await self.state()).settings.env),
  withEnvVariable: (self, { name, value, expand }: { name: string; value: string } & Expandable) =>
    self.with((state) => ({
      settings: { ...state.settings, env: new Map(state.settings.env).set(name, expanded(value, state, expand)) },
    })),
  withoutEnvVariable: (self, { name }: { name: string }) =>
    self.withSettings(({ env }) => ({ env: without(env, name) })),
  withSecretVariable: (self, { name, secret }: { name: string; secret: string }, session) =>
    self.with(({ secretVariables }) => ({
      secretVariables: new Map(secretVariables).set(name, session.load(secret, SecretValue)),
    })),
  withoutSecretVariable: (self, { name }: { name: string }) =>
    self.with(({ secretVariables }) => ({ secretVariables: without(secretVariables, name) })),
  withVolatileVariable: (self, { name, value }: { name: string; value: string }) =>
    self.with(({ volatileVariables }) => ({ volatileVariables: new Map(volatileVariables).set(name, value) })),
  withoutVolatileVariable: (self, { name }: { name: string }) =>
    self.with(({ volatileVariables }) => ({ volatileVariables: without(volatileVariables, name) })),
  label: async (self, { name }: { name: string }) => (await self.state()).settings.labels.get(name) ?? null,
  labels: async (self) => pairs('Label', (await self.state()).settings.labels),
  withLabel: (self, { name, value }: { name: string; value: string }) =>
    self.withSettings(({ labels }) => ({ labels: new Map(labels).set(name, value) })),
  withoutLabel: (self, { name }: { name: string }) =>
    self.withSettings(({ labels }) => ({ labels: without(labels, name) })),
  withAnnotation: (self, { name, value }: { name: string; value: string }) =>
    self.withSettings(({ annotations }) => ({ annotations: new Map(annotations).set(name, value) })),
  withoutAnnotation: (self, { name }: { name: string }) =>
    self.withSettings(({ annotations }) => ({ annotations: without(annotations, name) })),
  exposedPorts: async (self) => (await self.state()).settings.ports.map((port) => new FactValue('Port', { ...port })),
  withExposedPort: (
    self,
    { port, protocol = 'TCP', description, experimentalSkipHealthcheck = false }: Partial<Port> & { port: number },
  ) =>
    self.withSettings(({ ports }) => {
      const made: Port = { port, protocol, description: description ?? null, experimentalSkipHealthcheck };
      const isSame = (other: Port) => other.port === port && other.protocol === protocol;
      return { ports: ports.some(isSame) ? ports.map((other) => (isSame(other) ? made : other)) : [...ports, made] };
    }),
  withoutExposedPort: (self, { port, protocol = 'TCP' }: { port: number; protocol?: string }) =>
    self.withSettings(({ ports }) => ({
      ports: ports.filter((other) => other.port !== port || other.protocol !== protocol),
    })),

  dockerHealthcheck: async (self) => fromHealthcheck((await self.state()).settings.other.Healthcheck),
  withDockerHealthcheck: (self, args: HealthcheckArgs) => {
    const healthcheck = toHealthcheck(args);
    return self.withSettings(({ other }) => ({ other: { ...other, Healthcheck: healthcheck } }));
  },
  withoutDockerHealthcheck: (self) => self.withSettings(({ other: { Healthcheck: _, ...other } }) => ({ other })),

  withDirectory: (self, args: OwnedArgs & Filter & { source: string }, session) =>
    putting(
      self,
      session,
      args,
      (owner) => copied(session, session.load(args.source, DirectoryValue), args, owner, args.permissions),
      { replaced: ['file'] },
    ),
  withFile: (self, args: OwnedArgs & { source: string }, session) => {
    const file = session.load(args.source, FileValue);
    return putting(self, session, args, (owner) => copiedFile(file, owner, args.permissions), file);
  },
  withFiles: (self, { sources, ...args }: OwnedArgs & { sources: string[] }, session) =>
    sources.reduce((container, id) => {
      const file = session.load(id, FileValue);
      const path = posix.join(args.path, file.name);
      return putting(container, session, { ...args, path }, (owner) => copiedFile(file, owner, args.permissions), file);
    }, self),
  withNewFile: (self, args: OwnedArgs & { contents: string }, session) =>
    putting(
      self,
      session,
      args,
      async (owner) => fileNode(Buffer.from(args.contents), { mode: args.permissions ?? 0o644, ...owner }),
      { name: posix.basename(args.path) },
    ),
  withSymlink: (self, { target, linkName, expand }: { target: string; linkName: string } & Expandable, session) =>
    putting(self, session, { path: linkName, ...defined({ expand }) }, async () => linkNode(target)),
  withoutDirectory: (self, { path, expand }: PathArgs, session) => removing(self, session, [path], expand),
  withoutFile: (self, { path, expand }: PathArgs, session) => removing(self, session, [path], expand),
  withoutFiles: (self, { paths, expand }: { paths: string[] } & Expandable, session) =>
    removing(self, session, paths, expand),

  mounts: async (self) =>
    (await self.state()).mounts.filter((mount) => mount.kind !== 'secret').map((mount) => mount.path),
  withMountedDirectory: (self, args: OwnedArgs & { source: string; readOnly?: boolean }, session) =>
    mounting(self, args, (path, state) => {
      const source = session.load(args.source, DirectoryValue);
      return {
        kind: 'directory',
        path,
        content: args.owner ? owned(session, source, state, args.owner) : source.content,
        readOnly: args.readOnly ?? false,
      };
    }),
  withMountedFile: (self, args: OwnedArgs & { source: string }, session) =>
    mounting(self, args, (path, state) => {
      const file = session.load(args.source, FileValue);
      const content = lazy<Content>(async () => {
        const owner = args.owner ? await ownerIn(session, { stack: await state.rootfs(), path: '/' }, args.owner) : {};
        return wholeTree(dirNode(DEFAULT_DIR, new Map([['file', await copiedFile(file, owner)]])));
      });
      return { kind: 'file', path, content, name: 'file' };
    }),
  withMountedCache: (
    self,
    { owner, ...args }: OwnedArgs & { cache: string; source?: string; sharing?: Sharing },
    session,
  ) =>
    mounting(self, args, (path) => {
      const volume = session.load(args.cache, CacheVolumeValue);
      const source = args.source === undefined ? volume.source : session.load(args.source, DirectoryValue);
      return {
        kind: 'cache',
        path,
        volume,
        owner: owner ?? volume.owner,
        sharing: args.sharing ?? volume.sharing,
        ...(source === undefined ? {} : { source }),
      };
    }),
  withMountedTemp: (self, args: PathArgs & { size?: number }) =>
    mounting(self, args, (path) => ({ kind: 'temp', path, ...defined({ size: args.size as number }) })),
  withMountedSecret: (self, args: OwnedArgs & { source: string; mode?: number }, session) =>
    mounting(self, args, (path) => ({
      kind: 'secret',
      path,
      secret: session.load(args.source, SecretValue),
      owner: args.owner ?? '',
      mode: args.mode ?? 0o400,
    })),
  withoutMount: (self, { path, expand }: PathArgs) =>
    self.with((state) => ({ mounts: state.mounts.filter((mount) => mount.path !== absolute(state, path, expand)) })),

  asService,
  up: (self, { ports, random, ...args }: AsServiceArgs & UpArgs, session) =>
    up(session, asService(self, args, session), { ports, random }),
  withServiceBinding: (self, { alias, service }: { alias: string; service: string }, session) => {
    const binding = bindingTo(alias, session.load(service, ServiceValue));
    return self.with(({ bindings }) => ({
      bindings: [...bindings.filter((other) => other.alias !== alias), binding],
    }));
  },

  withRegistryAuth: (self, { address, username, secret }: RegistryAuthArgs, session) => {
    const { plaintext } = session.load(secret, SecretValue);
    const credentials = async (): Promise<Credentials> => {
      const password = (await plaintext()).toString();
      return { kind: 'password', username, password };
    };
    return withRights(self, (rights) => new Map(rights).set(registryHost(address), credentials));
  },
  withoutRegistryAuth: (self, { address }: { address: string }) =>
    withRights(self, (rights) => without(rights, registryHost(address))),
  publish: async (self, { address, ...args }: ExportArgs & { address: string }, session) => {
    const { registryRights: rights, standIn } = await self.state();
    const archive = async () => {
      const { bytes } = await asTarball(self, args, session).node();
      await ensureIntact(bytes);
      return (bytes as { path: string }).path;
    };
    return publishImage(session, { address, rights, standIn }, archive);
  },

  asTarball,
  export: async (self, { path, expand, ...args }: ExportArgs & PathArgs, session) => {
    const target = session.hostPath(expanded(path, await self.state(), expand));
    await writeHostFile(await asTarball(self, args, session).node(), target);
    return target;
  },
};

/** A folder's content given to another owner, by the names that the container knows. */
const owned = (session: Session, source: DirectoryValue, state: ContainerState, owner: string) =>
  lazy<Content>(async () => {
    const ids = await ownerIn(session, { stack: await state.rootfs(), path: '/' }, owner);
    return wholeTree(map(await copied(session, source, {}, {}), (attributes) => ({ ...attributes, ...ids })) as never);
  });
