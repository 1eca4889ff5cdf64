// Runs a container's command, or finds that it ran before: the key of a step is made of everything that can change its outcome.
import { randomBytes } from 'node:crypto';
import { join, posix } from 'node:path';
import { EngineError, ExecError, errorOutputIn } from '../errors.ts';
import { FileOutputs, type Outputs } from '../run/outputs.ts';
import type { StepRequest } from '../run/runner.ts';
import { lastLogLine } from '../run/step-log.ts';
import { timedOut } from '../run/time-limit.ts';
import type { Session } from '../session.ts';
import { readBytes } from '../store/bytes.ts';
import { DiskFullError, isFull } from '../store/disk.ts';
import { type ExecRecord, readExecRecord, writeExecRecord } from '../store/execs.ts';
import { onTop, type Stack } from '../store/layers.ts';
import { removeTree } from '../store/remove.ts';
import { keyOf, sha256 } from '../store/store.ts';
import { heldFile } from '../store/tree.ts';
import type { ContainerState, ContainerValue, Content, ExecOutcome } from '../values.ts';
import { holdBindings } from './bindings.ts';
import { fileIn, identityOf, stackOf, treeOf } from './content.ts';
import { historyOf, isLikeDagger } from './like-dagger.ts';
import { locate, mountAt, stackWith } from './places.ts';
import { type Command, type Input, rootfsToRun, stepKey, stepRequest } from './step.ts';

export interface ExecOptions {
  /** The container that there is after it. */
  readonly of: ContainerValue;
  readonly args: readonly string[];
  readonly expect: 'SUCCESS' | 'FAILURE' | 'ANY';
  readonly stdin?: string;
  readonly redirectStdin?: string;
  readonly redirectStdout?: string;
  readonly redirectStderr?: string;
  readonly noInit?: boolean;
  readonly insecureRootCapabilities?: boolean;
  readonly hasNoNetwork?: boolean;
}

export async function execute(session: Session, state: ContainerState, options: ExecOptions): Promise<ExecOutcome> {
  const rootfs = await rootfsToRun(session, state);
  const { args, noInit, insecureRootCapabilities, hasNoNetwork } = options;
  const stdin = await stdinOf(session, state, options);
  const command = { args, stdin, noInit, insecureRootCapabilities, hasNoNetwork };
  const key = isLikeDagger()
    ? keyOf(['step', await historyOf(options.of)])
    : await stepKey(session, state, rootfs, command);
  const record = await session.once(`exec ${key}`, async () => {
    const known = await readExecRecord(session.store, key);
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

/** Exit codes of commands that a signal ended; nobody may expect those. */
const isSignal = (exitCode: number) => exitCode >= 128 && exitCode < 192;

const isExpected = (exitCode: number, expect: ExecOptions['expect']) =>
  expect === 'SUCCESS' ? exitCode === 0 : !isSignal(exitCode) && (expect === 'ANY' || exitCode !== 0);

async function stdinOf(session: Session, state: ContainerState, options: ExecOptions): Promise<Input | undefined> {
  const { stdin, redirectStdin } = options;
  if (redirectStdin === undefined) return stdin === undefined ? undefined : inputOf(Buffer.from(stdin));
  const secret = state.mounts.find((mount) => mount.kind === 'secret' && mount.path === redirectStdin);
  if (secret?.kind === 'secret') return { data: await secret.secret.plaintext(), key: await secret.secret.key() };
  const { content, path } = await locate(state, redirectStdin);
  return inputOf(readBytes((await fileIn(session, content, path)).bytes, redirectStdin));
}

const inputOf = (data: Buffer): Input => ({ data, key: sha256(data) });

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
  let request: StepRequest | undefined;
  let lost: unknown;
  try {
    const bound = await holdBindings(session, state.bindings);
    releases.push(bound.release);
    const network = command.hasNoNetwork ? undefined : await session.network.lease();
    if (network !== undefined) releases.push(network.release);
    const { timeLimit } = session.options;
    const prepared = await stepRequest(session, state, rootfs, command, {
      upper,
      outputs: (secrets) => carefully(new FileOutputs(folder, secrets), (error) => (lost ??= error)),
      network,
      hostname: 'step',
      hosts: bound.hosts,
      atEnd: (release) => releases.push(release),
      signal: AbortSignal.any([session.signal, bound.signal]),
    });
    request = { ...prepared, limitMs: timeLimit.ms };
    session.progress({ kind: 'started', key, args });
    const unfollow = followLog(session, upper, hasSecrets(session, state));
    const outcome = await session.runner.run(request).finally(unfollow);
    session.progress({ kind: 'ended', key, args, exitCode: outcome.exitCode });
    bound.throwIfEnded();
    if (outcome.isTimedOut) throw timedOut(timeLimit, session.shown(args).join(' '));
    if (lost !== undefined) throw lost;
    // Whatever the command made of it: what it wrote last may be cut off, so neither its end nor its files mean anything.
    if (isFull(store.root)) throw new DiskFullError(store.root);
    if (outcome.startError !== undefined) {
      throw new ExecError(
        { command: [...args], exitCode: 1, stdout: '', stderr: outcome.startError },
        `could not start the command: ${outcome.startError}`,
      );
    }
    if (!isExpected(outcome.exitCode, expect)) throw execError(folder, args, outcome.exitCode);
    const finished = { request, below: rootfs.layers, key, folder, exitCode: outcome.exitCode, expect };
    return await keep(session, finished).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENAMETOOLONG') throw error;
      throw new ExecError({ command: [...args], exitCode: 1, stdout: '', stderr: '' }, TOO_DEEP);
    });
  } finally {
    for (const release of releases) release();
    // What was kept is no longer there; what was not must not take up room until the session's end.
    const overlays = request?.mounts.filter((mount) => mount.kind === 'overlay') ?? [];
    for (const left of [folder, upper, ...overlays.map((mount) => mount.upper)]) await removeTree(left);
  }
}

const FOLLOWED_EVERY_MS = 500;

/** Tells what a step says, while it runs, to who asked for that. Of one that has secrets nothing: its log is cleaned at its end. */
function followLog(session: Session, upper: string, isSecret: boolean): () => void {
  const folders = process.env.DRYDOCK_STEP_LOGS;
  if (!folders || isSecret) return () => {};
  let told = '';
  const timer = setInterval(() => {
    const found = lastLogLine(upper, folders);
    if (found === undefined || found.line === told) return;
    told = found.line;
    session.progress({ kind: 'step-output', ...found });
  }, FOLLOWED_EVERY_MS);
  return () => clearInterval(timer);
}

const hasSecrets = (session: Session, { secretVariables, mounts }: ContainerState) =>
  secretVariables.size > 0 || mounts.some(({ kind }) => kind === 'secret') || session.secretValues().length > 0;

const TOO_DEEP = 'the command left folders so deep in each other that no path to the last is short enough';

/** Outputs whose disk may be full: the first fault is told, and what the command says from then on is lost. */
function carefully(outputs: Outputs, onFault: (error: unknown) => void): Outputs {
  const attempt = (work: () => void) => {
    try {
      work();
    } catch (error) {
      onFault(error);
    }
  };
  return {
    write: (stream, chunk) => attempt(() => outputs.write(stream, chunk)),
    close: () => attempt(() => outputs.close()),
  };
}

interface Finished {
  readonly request: StepRequest;
  readonly below: readonly string[];
  readonly key: string;
  readonly folder: string;
  readonly exitCode: number;
  readonly expect: ExecOptions['expect'];
}

/** Makes what a step left behind part of the store. Where another session was first with the same step, its result is taken. */
async function keep({ store }: Session, finished: Finished): Promise<ExecRecord> {
  const { request, below, key, folder, exitCode, expect } = finished;
  // Layers of their own for each time that a step runs: its record and its layers are of the same run, or it counts as not run.
  const run = randomBytes(8).toString('hex');
  const mounts: Record<string, string> = {};
  for (const mount of request.mounts) {
    if (mount.kind !== 'overlay') continue;
    const id = keyOf([key, run, mount.path]).slice(0, 40);
    await store.commitLayer(id, mount.upper, key);
    mounts[mount.path] = id;
  }
  const layer = keyOf([key, run]).slice(0, 40);
  await store.commitLayer(layer, request.upper, key);
  const record = await writeExecRecord(key, folder, { exitCode, layer, mounts, below });
  while (!(await store.commitExec(key, folder))) {
    const first = await readExecRecord(store, key);
    if (first !== undefined && isExpected(first.exitCode, expect)) return first;
    if (first !== undefined) await store.dropExec(key); // it failed then, and does not now
  }
  return record;
}

function execError(outputs: string, args: readonly string[], exitCode: number): ExecError {
  const read = (name: string) => errorOutputIn(join(outputs, name));
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
    mounts.set(mount.path, { stack: onTop(stack, layer), path: '/' });
  }
  return {
    exitCode: record.exitCode,
    outputs: session.store.execPath(key),
    rootfs: onTop(rootfs, record.layer),
    mounts,
  };
}

async function baseOf(session: Session, content: Content): Promise<Stack> {
  const layer = await session.layers.layerOf(await treeOf(session, content));
  return { layers: [layer], key: layer };
}

/** Puts what a command said where it was told to, in its own file system. */
async function redirect(
  session: Session,
  state: ContainerState,
  outcome: ExecOutcome,
  options: ExecOptions,
): Promise<ExecOutcome> {
  if (options.redirectStdout === undefined && options.redirectStderr === undefined) return outcome;
  let { rootfs } = outcome;
  const owner = await identityOf(session, { stack: rootfs, path: '/' }, state.settings.user);
  const mounts = new Map(outcome.mounts);
  const targets = [
    [options.redirectStdout, 'stdout'],
    [options.redirectStderr, 'stderr'],
  ] as const;
  for (const [path, stream] of targets) {
    if (path === undefined) continue;
    const node = heldFile(join(outcome.outputs, stream), { mode: 0o600, uid: owner.uid, gid: owner.gid });
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
