// Runs a container's command, or finds that it ran before: the key of a step is made of everything that can change its outcome.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { EngineError, ExecError } from '../errors.ts';
import { FileOutputs } from '../run/outputs.ts';
import type { StepRequest } from '../run/runner.ts';
import type { Session } from '../session.ts';
import { readBytes } from '../store/bytes.ts';
import { onTop, type Stack } from '../store/layers.ts';
import { keyOf } from '../store/store.ts';
import { fileNode } from '../store/tree.ts';
import type { ContainerState, Content, ExecOutcome } from '../values.ts';
import { holdBindings } from './bindings.ts';
import { fileIn, stackOf } from './content.ts';
import { locate, mountAt, stackWith } from './places.ts';
import { type Command, stepKey, stepRequest } from './step.ts';

export interface ExecOptions {
  readonly args: readonly string[];
  readonly expect: 'SUCCESS' | 'FAILURE' | 'ANY';
  readonly stdin?: string;
  readonly redirectStdin?: string;
  readonly redirectStdout?: string;
  readonly redirectStderr?: string;
  readonly noInit?: boolean;
}

/** What is kept of a step that ran. */
interface ExecRecord {
  readonly exitCode: number;
  readonly layer: string | null;
  readonly mounts: Readonly<Record<string, string>>;
}

export async function execute(session: Session, state: ContainerState, options: ExecOptions): Promise<ExecOutcome> {
  const rootfs = await state.rootfs();
  const command = { args: options.args, stdin: await stdinOf(session, state, options), noInit: options.noInit };
  const key = await stepKey(session, state, rootfs, command);
  const record = await session.once(`exec ${key}`, async () => {
    const known = readRecord(session, key);
    if (known !== undefined && isExpected(known.exitCode, options.expect)) {
      session.progress({ kind: 'cached', key, args: options.args });
      return known;
    }
    return run(session, state, rootfs, command, options.expect, key);
  });
  // A step that another caller ran with other expectations may still be wrong for this one.
  if (!isExpected(record.exitCode, options.expect))
    throw execError(session.store.execPath(key), options.args, record.exitCode);
  return redirect(session, state, await outcomeOf(session, state, rootfs, key, record), options);
}

const isExpected = (exitCode: number, expect: ExecOptions['expect']) =>
  expect === 'ANY' || (expect === 'SUCCESS' ? exitCode === 0 : exitCode !== 0);

async function stdinOf(session: Session, state: ContainerState, options: ExecOptions): Promise<string | undefined> {
  if (options.redirectStdin === undefined) return options.stdin;
  const { content, path } = await locate(state, options.redirectStdin);
  const file = await fileIn(session, content, path);
  return readBytes(file.bytes).toString();
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
  command: Command,
  expect: ExecOptions['expect'],
  key: string,
): Promise<ExecRecord> {
  const { store } = session;
  const { args } = command;
  const folder = store.scratchFolder('exec');
  const upper = store.scratchFolder('upper');
  const releases: (() => unknown)[] = [];
  try {
    const bound = await holdBindings(session, state.bindings);
    releases.push(bound.release);
    const network = await session.network.lease();
    if (network !== undefined) releases.push(network.release);
    const request = await stepRequest(session, state, rootfs, command, {
      upper,
      outputs: (secrets) => new FileOutputs(folder, secrets),
      network,
      hostname: 'step',
      hosts: bound.hosts,
      atEnd: (release) => releases.push(release),
      signal: AbortSignal.any([session.signal, bound.signal]),
    });
    session.progress({ kind: 'started', key, args });
    const outcome = await session.runner.run(request);
    session.progress({ kind: 'ended', key, args, exitCode: outcome.exitCode });
    bound.throwIfEnded();
    if (outcome.startError !== undefined) {
      throw new ExecError(
        { command: [...args], exitCode: 127, stdout: '', stderr: outcome.startError },
        `could not start the command: ${outcome.startError}`,
      );
    }
    if (outcome.signalled || !isExpected(outcome.exitCode, expect)) throw execError(folder, args, outcome.exitCode);
    return keep(session, request, key, folder, outcome.exitCode);
  } finally {
    for (const release of releases) release();
  }
}

/** Makes what a step left behind part of the store. */
function keep(session: Session, request: StepRequest, key: string, folder: string, exitCode: number): ExecRecord {
  const { store } = session;
  const mounts: Record<string, string> = {};
  for (const mount of request.mounts) {
    if (mount.kind !== 'overlay') continue;
    const id = `${keyOf([key, mount.path]).slice(0, 40)}`;
    store.commitLayer(id, mount.upper);
    mounts[mount.path] = id;
  }
  const layer = key.slice(0, 40);
  store.commitLayer(layer, request.upper);
  const record: ExecRecord = { exitCode, layer, mounts };
  writeFileSync(join(folder, 'result.json'), JSON.stringify(record));
  store.commitExec(key, folder);
  return record;
}

function execError(outputs: string, args: readonly string[], exitCode: number): ExecError {
  const read = (name: string) => readFileSync(join(outputs, name), 'utf8');
  return new ExecError({ command: [...args], exitCode, stdout: read('stdout'), stderr: read('stderr') });
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
async function redirect(
  session: Session,
  state: ContainerState,
  outcome: ExecOutcome,
  options: ExecOptions,
): Promise<ExecOutcome> {
  let { rootfs } = outcome;
  const mounts = new Map(outcome.mounts);
  const targets = [
    [options.redirectStdout, 'stdout'],
    [options.redirectStderr, 'stderr'],
  ] as const;
  for (const [path, stream] of targets) {
    if (path === undefined) continue;
    const node = fileNode(readFileSync(join(outcome.outputs, stream)));
    const mount = mountAt(state.mounts, path);
    if (mount?.kind === 'directory') {
      const below = await stackOf(session, mounts.get(mount.path) ?? (await mount.content()));
      const stack = await stackWith(session, below, posix.relative(mount.path, path), node);
      mounts.set(mount.path, { stack, path: '/' });
    } else rootfs = await stackWith(session, rootfs, path, node);
  }
  return { ...outcome, rootfs, mounts };
}

export const noCommand = () => new EngineError('no command has been set');
