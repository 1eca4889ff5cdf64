// A container's command as the runner takes it, and the key of all that can change its outcome. Steps and services alike.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ExecError } from '../errors.ts';
import type { Attachment } from '../run/network.ts';
import type { Outputs } from '../run/outputs.ts';
import type { StepMount, StepRequest } from '../run/runner.ts';
import type { Terminal } from '../run/spec.ts';
import { CA_BUNDLE, type Session } from '../session.ts';
import { onTop, type Stack } from '../store/layers.ts';
import { keyOf, sha256 } from '../store/store.ts';
import { DEFAULT_DIR, type DirNode, dirNode, emptyDir, map, segments } from '../store/tree.ts';
import type { Binding, ContainerState, Content, Mount } from '../values.ts';
import { digestOf, identityOf, lowerFolders, ownerIn, statusOf, treeOf } from './content.ts';
import { isLikeDagger, VARIABLES } from './like-dagger.ts';

/** What a command reads, and what stands for it in the key: of a secret not the value. */
export interface Input {
  readonly data: Buffer;
  readonly key: string;
}

export interface Command {
  readonly args: readonly string[];
  readonly stdin?: Input | undefined;
  readonly noInit?: boolean | undefined;
  readonly insecureRootCapabilities?: boolean | undefined;
  readonly hasNoNetwork?: boolean | undefined;
  readonly terminal?: Terminal | undefined;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export async function stepKey(
  session: Session,
  state: ContainerState,
  rootfs: Stack,
  { args, stdin, noInit, insecureRootCapabilities, hasNoNetwork }: Command,
): Promise<string> {
  const { settings, bindings } = state;
  return keyOf({
    step: 2,
    rootfs: rootfs.key,
    args,
    env: [...settings.env],
    secrets: await Promise.all([...state.secretVariables].map(async ([name, secret]) => [name, await secret.key()])),
    user: settings.user,
    workdir: settings.workdir,
    platform: state.platform,
    stdin: stdin?.key ?? null,
    mounts: await Promise.all(state.mounts.map((mount) => mountKey(session, mount))),
    ...(noInit ? { noInit } : {}),
    ...(insecureRootCapabilities ? { insecureRootCapabilities } : {}),
    ...(hasNoNetwork ? { hasNoNetwork } : {}),
    ...(bindings.length === 0 ? {} : { bindings: await Promise.all(bindings.map(bindingKey)) }),
  });
}

const bindingKey = async ({ alias, service }: Binding) => [alias, await service.recipe.key()];

async function mountKey(session: Session, mount: Mount): Promise<unknown> {
  const { kind, path } = mount;
  switch (mount.kind) {
    case 'directory':
      return { kind, path, content: await digestOf(session, await mount.content()), readOnly: mount.readOnly };
    case 'file':
      return { kind, path, content: await digestOf(session, await mount.content()), name: mount.name };
    case 'cache':
      return {
        kind,
        path,
        volume: mount.volume.key,
        owner: mount.owner,
        ...(mount.sharing === 'SHARED' ? {} : { sharing: mount.sharing }),
        ...(mount.source === undefined ? {} : { source: await digestOf(session, await mount.source.content()) }),
      };
    case 'secret':
      return { kind, path, secret: await mount.secret.key(), owner: mount.owner, mode: mount.mode };
    case 'temp':
      return { kind, path, size: mount.size ?? null };
  }
}

/** The root file system with the working directory in it: what is missing of that is made for the step's user. */
export async function rootfsToRun(session: Session, state: ContainerState): Promise<Stack> {
  const rootfs = await state.rootfs();
  const { user, workdir } = state.settings;
  if (user === '' || state.mounts.some(({ path }) => `${workdir}/`.startsWith(`${path}/`))) return rootfs;
  return withFolder(session, rootfs, workdir, user);
}

/** A stack with a folder: what is missing of it is made for a user. */
export async function withFolder(session: Session, rootfs: Stack, path: string, user: string): Promise<Stack> {
  const content: Content = { stack: rootfs, path: '/' };
  const names = segments(path);
  if (session.layers.hasFolder(rootfs, names)) return rootfs;
  let depth = 0;
  while (depth < names.length && (await statusOf(session, content, names.slice(0, depth + 1).join('/'), true))) depth++;
  const owner = depth < names.length && (await identityOf(session, content, user).catch(() => undefined));
  if (!owner) return rootfs; // of a user that is not there, the start of the step tells
  const attributes = { ...DEFAULT_DIR, uid: owner.uid, gid: owner.gid };
  const folder = names
    .slice(depth + 1)
    .reduceRight((child, name) => dirNode(attributes, new Map([[name, child]])), emptyDir(attributes));
  return onTop(rootfs, await session.layers.putLayer(rootfs, names.slice(0, depth + 1).join('/'), folder));
}

/** Names that a step finds in its /etc/hosts, with their addresses. */
export type Hosts = readonly (readonly [address: string, name: string])[];

export interface Surroundings {
  /** Folder that takes the changes to the root file system. */
  readonly upper: string;
  readonly outputs: (secrets: readonly Buffer[]) => Outputs;
  readonly network: Attachment | undefined;
  readonly hostname: string;
  readonly hosts: Hosts;
  /** Takes what is to be given back after the end. */
  readonly atEnd: (release: () => void) => void;
  readonly signal?: AbortSignal;
}

export async function stepRequest(
  session: Session,
  state: ContainerState,
  rootfs: Stack,
  command: Command,
  { upper, outputs, network, hostname, hosts, atEnd, signal }: Surroundings,
): Promise<StepRequest> {
  const content: Content = { stack: rootfs, path: '/' };
  const lowers = await lowerFolders(session, content);
  const identity = await identityOf(session, content, state.settings.user).catch((error: Error) => {
    throw new ExecError({ command: [...command.args], exitCode: -1, stdout: '', stderr: '' }, error.message);
  });
  const env = new Map([...state.settings.env, ...state.volatileVariables]);
  const secrets: Buffer[] = [];
  for (const [name, secret] of state.secretVariables) {
    const value = await secret.plaintext();
    secrets.push(value);
    env.set(name, value.toString());
  }
  const volumes = await leaseVolumes(session, content, state.mounts, atEnd);
  const mounts: StepMount[] = [];
  for (const mount of [...state.mounts].sort(byPath)) {
    mounts.push(await stepMount(session, content, mount, volumes));
    if (mount.kind === 'secret') secrets.push(await mount.secret.plaintext());
  }
  for (const [name, value] of environmentOf(session)) if (!env.has(name)) env.set(name, value);
  if (!env.has('PATH')) env.set('PATH', DEFAULT_PATH);
  if (!env.has('HOME')) env.set('HOME', identity.home);
  return {
    args: command.args,
    env,
    cwd: state.settings.workdir || '/',
    identity,
    lowers,
    upper,
    mounts: [...hostFiles(session, lowers, session.network.resolverOf(network), hostname, hosts), ...mounts],
    ...(command.stdin === undefined ? {} : { stdin: command.stdin.data }),
    outputs: outputs([...secrets, ...session.secretValues()]),
    hostname,
    ...(network === undefined ? {} : { network }),
    noInit: command.noInit ?? false,
    insecureRootCapabilities: command.insecureRootCapabilities ?? false,
    ...(command.terminal === undefined ? {} : { terminal: command.terminal }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** What a step gets without it being part of its key. */
const environmentOf = (session: Session): readonly (readonly [name: string, value: string])[] =>
  isLikeDagger() ? [...session.proxies(), ...VARIABLES] : [...session.proxies(), ...session.certificateVariables()];

/** What the host lends to every step, whatever its image: name resolution and certificates. None of it is part of a key. */
function hostFiles(
  session: Session,
  lowers: readonly string[],
  resolver: string,
  hostname: string,
  hosts: Hosts,
): StepMount[] {
  const data = (path: string, text: string | Buffer): StepMount => ({
    kind: 'data',
    path,
    data: Buffer.from(text),
    mode: 0o644,
    uid: 0,
    gid: 0,
  });
  // A service's own name has its address on the bridge, any other step's leads to itself.
  const itself = hosts.some(([, name]) => name === hostname) ? '' : ` ${hostname}`;
  const bound = hosts.map(([address, name]) => `${address} ${name}\n`).join('');
  const files = [
    data('/etc/hosts', `127.0.0.1 localhost${itself}\n::1 localhost ip6-localhost\n${bound}`),
    data('/etc/resolv.conf', resolver),
  ];
  const certificates = session.hostCertificates();
  if (certificates !== undefined && lowers.some((folder) => existsSync(join(folder, CA_BUNDLE))))
    files.push(data(CA_BUNDLE, certificates));
  return files;
}

/** From the outside in; a secret lies over what else is at its path. */
function byPath(a: Mount, b: Mount): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return Number(a.kind === 'secret') - Number(b.kind === 'secret');
}

type CacheMount = Extract<Mount, { kind: 'cache' }>;

/** The folders of the cache mounts, by mount. */
async function leaseVolumes(
  session: Session,
  rootfs: Content,
  mounts: readonly Mount[],
  atEnd: (release: () => void) => void,
): Promise<Map<Mount, string>> {
  const keyed: [string, CacheMount][] = [];
  for (const mount of mounts) {
    if (mount.kind !== 'cache') continue;
    keyed.push([await volumeKey(session, rootfs, mount), mount]);
  }
  // All steps lock volumes in the same order, or two could wait for each other for ever.
  keyed.sort(([a], [b]) => (a < b ? -1 : 1));
  const folders = new Map<Mount, string>();
  const known = new Map<string, string>();
  for (const [key, mount] of keyed) {
    const path = known.get(key);
    if (path === undefined) {
      const lease = await session.volumes.lease(key, mount.sharing, () => seedOf(session, rootfs, mount));
      atEnd(lease.release);
      known.set(key, lease.path);
    }
    folders.set(mount, known.get(key) as string);
  }
  return folders;
}

/** Which volume it is: those that began with another folder, or have another owner or way to be shared, are others. */
async function volumeKey(session: Session, rootfs: Content, { volume, source, owner, sharing }: CacheMount) {
  const from = source === undefined ? [] : [await digestOf(session, await source.content())];
  const { uid, gid } = owner === '' ? { uid: 0, gid: 0 } : await ownerIn(session, rootfs, owner);
  const more = [...(uid + gid === 0 ? [] : [`${uid}:${gid}`]), ...(sharing === 'SHARED' ? [] : [sharing])];
  return sha256([[volume.key, ...from].join(' from '), ...more].join(' as '));
}

/** What a new volume holds. */
async function seedOf(session: Session, rootfs: Content, { source, owner }: CacheMount): Promise<DirNode> {
  const tree = source === undefined ? emptyDir() : await treeOf(session, await source.content());
  if (owner === '') return tree;
  const ids = await ownerIn(session, rootfs, owner);
  return map(tree, (attributes) => ({ ...attributes, ...ids })) as DirNode;
}

async function stepMount(
  session: Session,
  rootfs: Content,
  mount: Mount,
  volumes: ReadonlyMap<Mount, string>,
): Promise<StepMount> {
  const { path } = mount;
  switch (mount.kind) {
    case 'directory':
      return {
        kind: 'overlay',
        path,
        lowers: await lowerFolders(session, await mount.content()),
        upper: session.store.scratchFolder('upper'),
        readOnly: mount.readOnly,
      };
    case 'file':
      return {
        kind: 'overlay',
        path,
        lowers: await lowerFolders(session, await mount.content()),
        upper: session.store.scratchFolder('upper'),
        subpath: mount.name,
      };
    case 'cache':
      return {
        kind: 'bind',
        path,
        source: volumes.get(mount) as string,
      };
    case 'secret': {
      const owner = mount.owner === '' ? { uid: 0, gid: 0 } : await ownerIn(session, rootfs, mount.owner);
      return { kind: 'data', path, data: await mount.secret.plaintext(), mode: mount.mode, ...owner };
    }
    case 'temp':
      return { kind: 'tmpfs', path, ...(mount.size === undefined ? {} : { size: mount.size }) };
  }
}
