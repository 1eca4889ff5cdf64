// Runs a container's command, or finds that it ran before: the key of a step is made of everything that can change its outcome.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, ExecError } from '../errors.ts';
import type { StepNetwork } from '../run/network.ts';
import type { StepMount, StepRequest } from '../run/runner.ts';
import type { Session } from '../session.ts';
import { readBytes } from '../store/host.ts';
import { onTop, type Stack } from '../store/layers.ts';
import { keyOf } from '../store/store.ts';
import { fileNode } from '../store/tree.ts';
import type { ContainerState, Content, ExecOutcome, Mount } from '../values.ts';
import { accountOf, digestOf, fileIn, groupOf, lowerFolders, ownerIn, supplementaryGroups } from './content.ts';

export interface ExecOptions {
  readonly args: readonly string[];
  readonly expect: 'SUCCESS' | 'FAILURE' | 'ANY';
  readonly stdin?: string;
  readonly redirectStdin?: string;
  readonly redirectStdout?: string;
  readonly redirectStderr?: string;
}

/** What is kept of a step that ran. */
interface ExecRecord {
  readonly exitCode: number;
  readonly layer: string | null;
  readonly mounts: Readonly<Record<string, string>>;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';

export async function execute(session: Session, state: ContainerState, options: ExecOptions): Promise<ExecOutcome> {
  const rootfs = await state.rootfs();
  const stdin = await stdinOf(session, rootfs, options);
  const key = await stepKey(session, state, rootfs, options, stdin);
  const record = await session.once(`exec ${key}`, async () => {
    const known = readRecord(session, key);
    if (known !== undefined && isExpected(known.exitCode, options.expect)) {
      session.progress({ kind: 'cached', key, args: options.args });
      return known;
    }
    return run(session, state, rootfs, options, stdin, key);
  });
  // A step that another caller ran with other expectations may still be wrong for this one.
  if (!isExpected(record.exitCode, options.expect))
    throw execError(session.store.execPath(key), options.args, record.exitCode);
  return redirect(session, await outcomeOf(session, state, rootfs, key, record), options);
}

const isExpected = (exitCode: number, expect: ExecOptions['expect']) =>
  expect === 'ANY' || (expect === 'SUCCESS' ? exitCode === 0 : exitCode !== 0);

async function stdinOf(session: Session, rootfs: Stack, options: ExecOptions): Promise<string | undefined> {
  if (options.redirectStdin === undefined) return options.stdin;
  const file = await fileIn(session, { stack: rootfs, path: '/' }, options.redirectStdin);
  return (await readBytes(file.bytes)).toString();
}

async function stepKey(
  session: Session,
  state: ContainerState,
  rootfs: Stack,
  options: ExecOptions,
  stdin: string | undefined,
): Promise<string> {
  const { settings } = state;
  return keyOf({
    step: 1,
    rootfs: rootfs.key,
    args: options.args,
    env: [...settings.env],
    secrets: [...state.secretVariables].map(([name, secret]) => [name, secret.name]),
    user: settings.user,
    workdir: settings.workdir,
    platform: state.platform,
    stdin: stdin ?? null,
    mounts: await Promise.all(state.mounts.map((mount) => mountKey(session, mount))),
  });
}

async function mountKey(session: Session, mount: Mount): Promise<unknown> {
  const { kind, path } = mount;
  switch (mount.kind) {
    case 'directory':
      return { kind, path, content: await digestOf(session, await mount.content()), readOnly: mount.readOnly };
    case 'file':
      return { kind, path, content: await digestOf(session, await mount.content()), name: mount.name };
    case 'cache':
      return { kind, path, volume: mount.volume.key, owner: mount.owner };
    case 'secret':
      return { kind, path, secret: mount.secret.name, owner: mount.owner, mode: mount.mode };
    case 'temp':
      return { kind, path, size: mount.size ?? null };
  }
}

function readRecord(session: Session, key: string): ExecRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(session.store.execPath(key), 'result.json'), 'utf8')) as ExecRecord;
    const layers = [record.layer, ...Object.values(record.mounts)].filter((id) => id !== null);
    return layers.every((id) => session.store.hasLayer(id)) ? record : undefined;
  } catch {
    return undefined;
  }
}

async function run(
  session: Session,
  state: ContainerState,
  rootfs: Stack,
  options: ExecOptions,
  stdin: string | undefined,
  key: string,
): Promise<ExecRecord> {
  const { store } = session;
  const folder = store.scratchFolder('exec');
  const upper = store.scratchFolder('upper');
  const network = await session.network();
  const request = await stepRequest(session, state, rootfs, options, { upper, outputs: folder, stdin, network });
  session.progress({ kind: 'started', key, args: options.args });
  const outcome = await session.runner.run(request).finally(() => network?.release());
  session.progress({ kind: 'ended', key, args: options.args, exitCode: outcome.exitCode });
  if (outcome.startError !== undefined) {
    throw new ExecError(
      { command: [...options.args], exitCode: 127, stdout: '', stderr: outcome.startError },
      `could not start the command: ${outcome.startError}`,
    );
  }
  if (outcome.signalled || !isExpected(outcome.exitCode, options.expect))
    throw execError(folder, options.args, outcome.exitCode);
  const mounts: Record<string, string> = {};
  for (const mount of request.mounts) {
    if (mount.kind !== 'overlay') continue;
    const id = `${keyOf([key, mount.path]).slice(0, 40)}`;
    store.commitLayer(id, mount.upper);
    mounts[mount.path] = id;
  }
  const layer = key.slice(0, 40);
  store.commitLayer(layer, upper);
  const record: ExecRecord = { exitCode: outcome.exitCode, layer, mounts };
  writeFileSync(join(folder, 'result.json'), JSON.stringify(record));
  store.commitExec(key, folder);
  return record;
}

function execError(outputs: string, args: readonly string[], exitCode: number): ExecError {
  const read = (name: string) => readFileSync(join(outputs, name), 'utf8');
  return new ExecError({ command: [...args], exitCode, stdout: read('stdout'), stderr: read('stderr') });
}

interface StepPlaces {
  readonly upper: string;
  readonly outputs: string;
  readonly stdin: string | undefined;
  readonly network: StepNetwork | undefined;
}

async function stepRequest(
  session: Session,
  state: ContainerState,
  rootfs: Stack,
  options: ExecOptions,
  { upper, outputs, stdin, network }: StepPlaces,
): Promise<StepRequest> {
  const content: Content = { stack: rootfs, path: '/' };
  const lowers = await lowerFolders(session, content);
  const [user = '', group] = state.settings.user.split(':');
  const account = await accountOf(session, content, user).catch((error: Error) => {
    throw new ExecError(
      { command: [...options.args], exitCode: 126, stdout: '', stderr: error.message },
      error.message,
    );
  });
  const gid = group === undefined ? account.gid : await groupOf(session, content, group);
  const env = new Map(state.settings.env);
  const secrets: string[] = [];
  for (const [name, secret] of state.secretVariables) {
    const value = await secret.plaintext();
    secrets.push(value);
    env.set(name, value);
  }
  const mounts: StepMount[] = [];
  for (const mount of [...state.mounts].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    mounts.push(await stepMount(session, content, mount));
    if (mount.kind === 'secret') secrets.push(await mount.secret.plaintext());
  }
  for (const [name, value] of session.stepEnvironment()) if (!env.has(name)) env.set(name, value);
  if (!env.has('PATH')) env.set('PATH', DEFAULT_PATH);
  if (!env.has('HOME')) env.set('HOME', account.home);
  return {
    args: options.args,
    env,
    cwd: state.settings.workdir || '/',
    identity: { uid: account.uid, gid, groups: await supplementaryGroups(session, content, account.name) },
    lowers,
    upper,
    mounts: [...hostFiles(session, lowers, network?.resolver), ...mounts],
    ...(stdin === undefined ? {} : { stdin }),
    secrets: [...secrets, ...session.secretValues()],
    outputs,
    hostname: 'step',
    ...(network === undefined ? {} : { network: network.path }),
    signal: session.signal,
  };
}

/** What the host lends to every step, whatever its image: name resolution and certificates. None of it is part of a key. */
function hostFiles(session: Session, lowers: readonly string[], resolver: string | undefined): StepMount[] {
  const data = (path: string, text: string | Buffer): StepMount => ({
    kind: 'data',
    path,
    data: Buffer.from(text),
    mode: 0o644,
    uid: 0,
    gid: 0,
  });
  const files = [
    data('/etc/hosts', '127.0.0.1 localhost\n::1 localhost ip6-localhost\n'),
    data('/etc/resolv.conf', resolver === undefined ? '' : `nameserver ${resolver}\n`),
  ];
  const certificates = session.hostCertificates();
  if (certificates !== undefined && lowers.some((folder) => existsSync(join(folder, CA_BUNDLE))))
    files.push(data(CA_BUNDLE, certificates));
  return files;
}

async function stepMount(session: Session, rootfs: Content, mount: Mount): Promise<StepMount> {
  const { path } = mount;
  switch (mount.kind) {
    case 'directory':
      return {
        kind: 'overlay',
        path,
        lowers: await lowerFolders(session, await mount.content()),
        upper: session.store.scratchFolder('upper'),
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
        source: await session.cacheVolume(
          mount,
          mount.owner === '' ? { uid: 0, gid: 0 } : await ownerIn(session, rootfs, mount.owner),
        ),
      };
    case 'secret': {
      const owner = mount.owner === '' ? { uid: 0, gid: 0 } : await ownerIn(session, rootfs, mount.owner);
      return { kind: 'data', path, data: Buffer.from(await mount.secret.plaintext()), mode: mount.mode, ...owner };
    }
    case 'temp':
      return { kind: 'tmpfs', path, ...(mount.size === undefined ? {} : { size: mount.size }) };
  }
}

async function outcomeOf(
  session: Session,
  state: ContainerState,
  rootfs: Stack,
  key: string,
  record: ExecRecord,
): Promise<ExecOutcome> {
  const mounts = new Map<string, Content>();
  for (const mount of state.mounts) {
    const layer = record.mounts[mount.path];
    if (layer === undefined || (mount.kind !== 'directory' && mount.kind !== 'file')) continue;
    const below = await mount.content();
    const stack = 'stack' in below && below.path === '/' ? below.stack : await baseOf(session, below);
    mounts.set(mount.path, { stack: onTop(stack, layer, keyOf([key, mount.path])), path: '/' });
  }
  return {
    exitCode: record.exitCode,
    outputs: session.store.execPath(key),
    rootfs: record.layer === null ? rootfs : onTop(rootfs, record.layer, key),
    mounts,
  };
}

async function baseOf(session: Session, content: Content): Promise<Stack> {
  const tree = 'tree' in content ? content.tree : await session.layers.treeAt(content.stack, content.path);
  const layer = await session.layers.layerOf(tree);
  return { layers: [layer], key: layer };
}

/** Puts what a command said where it was told to, in its own file system. */
async function redirect(session: Session, outcome: ExecOutcome, options: ExecOptions): Promise<ExecOutcome> {
  let { rootfs } = outcome;
  const targets = [
    [options.redirectStdout, 'stdout'],
    [options.redirectStderr, 'stderr'],
  ] as const;
  for (const [path, stream] of targets) {
    if (path === undefined) continue;
    const node = fileNode(readFileSync(join(outcome.outputs, stream)));
    rootfs = onTop(rootfs, await session.layers.putLayer(rootfs, path, node));
  }
  return { ...outcome, rootfs };
}

export const noCommand = () => new EngineError('no command has been set');
