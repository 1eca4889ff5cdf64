// Runs steps where no namespace can be made: each in a copy of its layers that becomes its root, one after the other, since they share
// the network and the processes of the container that the engine is in.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { isRunning, PROCESS_NAME, showLife, startOf } from '../../src/process-name.ts';
import { EngineError } from '../errors.ts';
import { resolveInside } from '../store/inside.ts';
import { withFolder } from '../tools/elf.ts';
import { KEEPER } from './keeper.ts';
import { endLeftovers, LeftRunning } from './leftovers.ts';
import { oomScore } from './limits.ts';
import { SESSION_FOLDER, SESSION_FOLDERS } from './mounts.ts';
import { Beginning, outcomeOf, type StepOutcome } from './outcome.ts';
import { Pipes } from './pipes.ts';
import { commandFor, INIT_PROGRAM, initProgram } from './programs.ts';
import type { RunningStep, StepMount, StepRequest, Steps } from './runner.ts';
import { chrootSpec, INIT } from './spec.ts';
import { Watch } from './time-limit.ts';
import { type Copy, momentIn, type Trees } from './trees.ts';

const KEEPER_FILE = join(SESSION_FOLDER, 'keeper');
const STATE = join(SESSION_FOLDER, 'runtime');
/** The runtime's own, and what the keeper answers for. None of it is in a layer. */
const SYSTEM_FOLDERS = ['dev', 'proc', 'sys'];

/** What killed engines have left. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const path = join(tmpdir(), name);
    if (!/^drydock-/.test(name) || !PROCESS_NAME.test(name)) continue;
    if (!isRunning(name, lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0))
      rmSync(path, { recursive: true, force: true });
  }
}

export class ChrootRunner implements Steps {
  readonly #trees: Trees;
  readonly #perl: readonly [string, ...string[]];
  readonly #crun: readonly string[];
  readonly #init: string;
  readonly #pipes = new Pipes(0);
  readonly #oomScore = oomScore();
  readonly #pulse: NodeJS.Timeout;
  #last: Promise<unknown> = Promise.resolve();
  #running: ChildProcess | undefined;
  #counter = 0;

  /** `tools` is the folder of the engine's own; `folder` is one that programs can be run from. */
  constructor(trees: Trees, tools: string | undefined, folder: string) {
    this.#trees = trees;
    this.#perl = commandFor(tools, 'perl', 'perl-base');
    this.#crun = crunWithoutCgroups(commandFor(tools, 'crun', 'crun'), join(folder, 'crun'));
    this.#init = tools ? join(tools, 'bin', INIT_PROGRAM) : initProgram();
    removeAbandoned();
    mkdirSync(SESSION_FOLDER, { mode: 0o711 });
    this.#pulse = showLife(SESSION_FOLDER);
    for (const folder of SESSION_FOLDERS) mkdirSync(join(SESSION_FOLDER, folder), { mode: 0o711 });
    writeFileSync(KEEPER_FILE, KEEPER);
  }

  async close(): Promise<void> {
    this.#running?.kill('SIGTERM');
    await this.#last.catch(() => {}); // told to whoever asked for the step
    await this.#trees.close();
    clearInterval(this.#pulse);
    await rm(SESSION_FOLDER, { recursive: true, force: true });
  }

  run(request: StepRequest): Promise<StepOutcome> {
    const outcome = this.#last.then(
      () => this.#run(request),
      () => this.#run(request),
    );
    this.#last = outcome;
    return outcome;
  }

  start(): RunningStep {
    throw new EngineError('a service needs a separate network, and this container does not let the engine make one');
  }

  async #run(request: StepRequest): Promise<StepOutcome> {
    const bundle = join(SESSION_FOLDER, 'j', String(this.#counter++));
    mkdirSync(bundle, { mode: 0o711 });
    try {
      if (request.signal?.aborted) return { exitCode: 137 };
      const place = await Place.lay(request, this.#trees);
      try {
        copyFileSync(this.#init, join(place.root, INIT));
        const since = await momentIn(request.upper);
        const outcome = await this.#execute(request, place, bundle);
        place.clear();
        await place.takeChanges(since);
        place.leave(this.#trees, request.lowers);
        return outcome;
      } catch (error) {
        if (error instanceof LeftRunning) place.abandon(this.#trees);
        else {
          place.clear();
          place.discard(this.#trees);
        }
        throw error;
      }
    } finally {
      request.outputs.close();
      await rm(bundle, { recursive: true, force: true });
    }
  }

  async #execute(request: StepRequest, { root, secrets }: Place, bundle: string): Promise<StepOutcome> {
    const { outputs, terminal, noInit } = request;
    const inBundle = (name: string) => join(bundle, name);
    const [log, pidFile, listener] = [inBundle('log'), inBundle('pid'), inBundle('socket')];
    const [config, input, list] = [inBundle('config.json'), inBundle('stdin'), inBundle('secrets')];
    const copied = join(STATE, basename(bundle), 'config.json');
    writeFileSync(list, [config, copied, input, ...secrets].map((path) => `${path}\0`).join(''));
    const spec = chrootSpec(
      {
        ...{ args: request.args, cwd: request.cwd, identity: request.identity, oomScore: this.#oomScore },
        env: [...request.env].map(([name, value]) => `${name}=${value}`),
        rootfs: root,
        listener,
      },
      noInit ? undefined : this.#init,
    );
    writeFileSync(config, JSON.stringify(spec), { mode: 0o600 });
    if (request.stdin?.length) writeFileSync(input, request.stdin, { mode: 0o600 });
    const [stdout, stderr] = [this.#pipes.take(), this.#pipes.take()];
    const streams =
      terminal === undefined
        ? [openSync(request.stdin?.length ? input : '/dev/null', 'r'), stdout.input, stderr.input]
        : [openSync(terminal.path, 'r'), openSync(terminal.path, 'w'), openSync(terminal.path, 'w')];
    const runtime = [
      ...[...this.#crun, '--root', STATE, '--cgroup-manager', 'disabled', '--log', log, '--log-format', 'json'],
      ...['run', '--no-new-keyring', '--bundle', bundle, '--pid-file', pidFile, basename(bundle)],
    ];
    const [program, ...words] = this.#perl;
    const about = [String(process.pid), process.arch, listener, root, list];
    const keeper = spawn(program, [...words, KEEPER_FILE, ...about, ...runtime], { cwd: '/', stdio: [...streams] });
    this.#running = keeper;
    const since = startOf(keeper.pid ?? 0);
    for (const descriptor of new Set([...streams, stdout.input, stderr.input])) closeSync(descriptor);
    const said = new Beginning();
    stdout.output.on('data', (chunk: Buffer) => outputs.write('stdout', chunk));
    stderr.output.on('data', (chunk: Buffer) => {
      outputs.write('stderr', chunk);
      said.add(chunk);
    });
    const watch = new Watch(() => end(keeper), request);
    const ends = [stdout.output, stderr.output].map((output) => once(output, 'close'));
    // Those that are left hold the pipes open.
    const gone = once(keeper, 'exit').then(async ([code]: (number | null)[]) => {
      await endLeftovers(root, since);
      return code ?? null;
    });
    const [code] = await Promise.all([gone, ...ends]).finally(() => watch.stop());
    this.#running = undefined;
    const { isOver: isTimedOut } = watch;
    const hasBegun = existsSync(pidFile);
    return outcomeOf({ code, said: said.text, hasInit: !noInit, hasBegun, runtime: 'crun', log, isTimedOut });
  }
}

/** A step may have stopped it. */
function end(keeper: ChildProcess): void {
  keeper.kill('SIGTERM');
  keeper.kill('SIGCONT');
}

const CGROUPS = '/sys/fs/cgroup';
/** A tmpfs, where there are no control groups. */
const NO_CGROUPS = '/dev';

/**
 * crun looks at the layout of the control groups, and refuses some, even when it is told to do nothing about them. Nothing can be mounted over
 * them here, so it is started from a copy that looks elsewhere.
 */
function crunWithoutCgroups(command: readonly string[], copy: string): string[] {
  const program = command.at(-1) as string;
  writeFileSync(copy, withFolder(readFileSync(program), CGROUPS, NO_CGROUPS, program), { mode: 0o700 });
  return [...command.slice(0, -1), copy];
}

/** A tree of a step's: its root, or one that is mounted. */
interface Part {
  readonly path: string;
  readonly copy: Copy;
  readonly upper: string;
  readonly isKept: boolean;
  /** What of it is not its own. */
  readonly except: Set<string>;
}

/** Where a step runs: the copy of its root with everything in it that would be mounted. */
class Place {
  readonly root: string;
  /** Files in it that may hold what nobody is to find later. */
  readonly secrets: string[] = [];
  readonly #parts: Part[];
  /** What takes things out again, the last first. */
  readonly #undo: (() => void)[] = [];

  private constructor(root: Part) {
    this.root = root.copy.tree;
    this.#parts = [root];
  }

  static async lay(request: StepRequest, trees: Trees): Promise<Place> {
    const copy = await trees.take(request.lowers);
    const root = { path: '/', copy, upper: request.upper, isKept: true, except: new Set(SYSTEM_FOLDERS) };
    const place = new Place(root);
    for (const name of SYSTEM_FOLDERS) place.#make(join(place.root, name));
    rmSync(join(place.root, 'dev'), { recursive: true });
    mkdirSync(join(place.root, 'dev'));
    for (const name of ['mqueue', 'shm']) {
      mkdirSync(join(place.root, 'dev', name));
      chmodSync(join(place.root, 'dev', name), 0o1777);
    }
    const volumes = new Map<string, string>();
    try {
      for (const mount of request.mounts)
        await place.#put(
          { ...mount, path: resolveInside(place.root, mount.path, true, true) as string },
          trees,
          volumes,
        );
    } catch (error) {
      place.clear();
      throw error;
    }
    return place;
  }

  async #put(mount: StepMount, trees: Trees, volumes: Map<string, string>): Promise<void> {
    const { path } = mount;
    const target = join(this.root, path);
    this.#claim(path, mount.kind === 'data' || (mount.kind === 'overlay' && mount.subpath !== undefined));
    rmSync(target, { recursive: true, force: true });
    switch (mount.kind) {
      case 'overlay': {
        const copy = await trees.copy(mount.lowers, join(mount.upper, 'tree'));
        const source = join(copy.tree, mount.subpath ?? '');
        renameSync(source, target);
        this.#parts.push({ path, copy, upper: mount.upper, isKept: !mount.readOnly, except: new Set() });
        this.#undo.push(() => {
          const kind = this.#kindOf(path);
          if (kind === 'folder' || (kind === 'leaf' && mount.subpath !== undefined)) renameSync(target, source);
          else if (mount.subpath === undefined) mkdirSync(source);
        });
        break;
      }
      case 'bind': {
        const first = volumes.get(mount.source);
        if (first !== undefined) symlinkSync(first, target);
        else {
          renameSync(mount.source, target);
          volumes.set(mount.source, path);
          // Another session may have made a new one meanwhile.
          this.#undo.push(() => {
            if (this.#kindOf(path) === 'folder' && !existsSync(mount.source)) renameSync(target, mount.source);
          });
        }
        break;
      }
      case 'data':
        this.secrets.push(target);
        writeFileSync(target, mount.data, { mode: 0o600 });
        chownSync(target, mount.uid, mount.gid);
        chmodSync(target, mount.mode);
        break;
      case 'tmpfs':
        mkdirSync(target);
        chmodSync(target, 0o1777);
        break;
    }
  }

  /** Makes a place to mount on, and keeps it out of the layer of the tree that it is in. */
  #claim(path: string, isFile: boolean): void {
    const part = this.#parts.findLast((other) => path.startsWith(other.path === '/' ? '/' : `${other.path}/`)) as Part;
    const inside = relative(part.path, path);
    const target = join(this.root, path);
    const made = this.#make(dirname(target));
    part.except.add(inside);
    this.#undo.push(() => {
      if (this.#kindOf(dirname(path)) !== 'folder') return;
      rmSync(target, { recursive: true, force: true });
      if (part.path === '/') for (const folder of made.reverse()) removeIfEmpty(folder);
      // As a runtime leaves it, which makes what it mounts on.
      else if (!part.copy.has(inside)) {
        part.except.delete(inside);
        if (isFile) writeFileSync(target, '');
        else mkdirSync(target);
      }
    });
  }

  /** What is at a path; nothing, where the step has put a link in the place of a folder on the way. */
  #kindOf(path: string): 'folder' | 'leaf' | undefined {
    if (path !== '/' && resolveInside(this.root, path, false) !== path) return undefined;
    return lstatSync(join(this.root, path)).isDirectory() ? 'folder' : 'leaf';
  }

  /** Gives the folders that were not there, the uppermost first. */
  #make(folder: string): string[] {
    const made: string[] = [];
    for (let missing = folder; lstatSync(missing, { throwIfNoEntry: false }) === undefined; missing = dirname(missing))
      made.unshift(missing);
    for (const each of made) mkdirSync(each);
    return made;
  }

  /** Takes everything out that is not the root's own. */
  clear(): void {
    while (this.#undo.length > 0) this.#undo.pop()?.();
  }

  async takeChanges(since: bigint): Promise<void> {
    for (const { copy, upper, isKept, except } of this.#parts) {
      await copy.takeChanges(join(upper, 'fs'), isKept ? { since, except } : undefined);
    }
  }

  /** Afterwards: the root may serve another step. */
  leave(trees: Trees, layers: readonly string[]): void {
    const [root, ...others] = this.#parts as [Part, ...Part[]];
    trees.keep(root.copy, layers, root.except);
    for (const { copy } of others) trees.discard(copy.tree);
  }

  /** Where somebody is still in it: with all that was put there, and by a program that follows no link, whatever changes while it runs. */
  abandon(trees: Trees): void {
    trees.discard(this.root);
  }

  discard(trees: Trees): void {
    for (const { copy } of this.#parts) trees.discard(copy.tree);
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // it holds what the step made
  }
}
