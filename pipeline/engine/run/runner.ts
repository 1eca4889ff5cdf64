// Runs steps: an overlay of layers, an OCI runtime, and what came of it. All processes are in a PID namespace that ends with the engine.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { hasOneId, ownerOnDisk } from '../store/ids.ts';
import { plainStats } from '../store/inside.ts';
import { segments } from '../store/tree.ts';
import { cgroupOf, type Limits, makeCgroup, removeAbandonedCgroups, type StepCgroup } from './cgroups.ts';
import { Filters } from './filters.ts';
import { oomScore } from './limits.ts';
import { type Mounts, SESSION_FOLDER, WRITABLE } from './mounts.ts';
import { Beginning, outcomeOf, type StepOutcome } from './outcome.ts';
import type { Outputs } from './outputs.ts';
import { contentOf } from './pid-file.ts';
import { Pipes } from './pipes.ts';
import { initProgram } from './programs.ts';
import { HIDE_CGROUPS, Runtime, SHOW_CGROUPS } from './runtime.ts';
import {
  type BindMount,
  type Identity,
  INIT,
  type NetworkNamespace,
  runtimeSpec,
  type Terminal,
  type TmpfsMount,
} from './spec.ts';
import { inCgroups, StepShell } from './step-shell.ts';
import { Watch } from './time-limit.ts';

/** A mount of a step: a folder that keeps its changes in a layer of its own, one shared with other steps, or a file. */
export type StepMount =
  | {
      readonly kind: 'overlay';
      readonly path: string;
      readonly lowers: readonly string[];
      readonly upper: string;
      readonly subpath?: string;
      readonly readOnly?: boolean;
    }
  | { readonly kind: 'bind'; readonly path: string; readonly source: string; readonly readOnly?: boolean }
  | {
      readonly kind: 'data';
      readonly path: string;
      readonly data: Buffer;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly kind: 'tmpfs'; readonly path: string; readonly size?: number };

export interface StepRequest {
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly identity: Identity;
  /** Folders of the root file system, from the bottom up. */
  readonly lowers: readonly string[];
  /** Folder that takes the changes; `fs` is made in it. */
  readonly upper: string;
  readonly mounts: readonly StepMount[];
  readonly stdin?: Buffer;
  readonly outputs: Outputs;
  readonly hostname: string;
  readonly network?: NetworkNamespace;
  /** The command itself is the first process, with none before it that reaps and passes signals on. */
  readonly noInit: boolean;
  readonly insecureRootCapabilities: boolean;
  /** A terminal of the host that the command speaks with, instead of the outputs. */
  readonly terminal?: Terminal;
  readonly signal?: AbortSignal;
  /** How long it may run, from when it has all that it needs. */
  readonly limitMs?: number;
}

/** A step while it runs. */
export interface RunningStep {
  /** Resolves when the command is about to run; never, when it could not be started. */
  readonly begun: Promise<void>;
  readonly ended: Promise<StepOutcome>;
  /** Whether the runtime that it was begun by knows of `exec`. */
  readonly canExec: () => boolean;
  /** Another command in the step, with the same user, variables and folder; gives its exit code. */
  readonly exec: (args: readonly string[], outputs: Outputs, signal: AbortSignal) => Promise<number>;
  /** Sends a signal to the command, and to all that it started where that is KILL. */
  readonly signal: (name: 'TERM' | 'KILL') => Promise<void>;
}

const ROOT = { uid: 0, gid: 0, groups: [] };

/** Runs the steps of a session. */
export interface Steps {
  readonly run: (request: StepRequest) => Promise<StepOutcome>;
  readonly start: (request: StepRequest) => RunningStep;
  /** Ends every step that still runs. */
  readonly close: () => Promise<void>;
}

const PID_FILE = 'pid';

/** What a step is run with: its bundle, and the shell that will become its runtime. */
interface Place {
  readonly id: string;
  readonly bundle: string;
  /** These change when another runtime is tried. */
  runtime: Runtime;
  shell: StepShell;
  cgroup: StepCgroup | undefined;
}

export class Runner implements Steps {
  readonly #mounts: Mounts;
  readonly #shift: number;
  readonly #limits: Limits;
  readonly #oomScore = oomScore();
  readonly #holder: ChildProcess;
  readonly #holderPid: number;
  /** In the order of preference; one, when it is known which works here. */
  #runtimes: readonly [Runtime, ...Runtime[]];
  readonly #pipes: Pipes;
  /** Asked when a step did not start, once. */
  #chosen: Promise<Runtime> | undefined;
  readonly #filters = new Filters();
  readonly #init: string;
  #counter = 0;
  /** Made ready while the step before runs, so that the next one need not wait for it. */
  #spare: Place | undefined;
  #isClosed = false;

  private constructor(
    mounts: Mounts,
    shift: number,
    limits: Limits,
    runtimes: readonly [Runtime, ...Runtime[]],
    holder: ChildProcess,
    holderPid: number,
  ) {
    this.#mounts = mounts;
    this.#shift = shift;
    this.#limits = limits;
    this.#holder = holder;
    this.#holderPid = holderPid;
    this.#runtimes = runtimes;
    this.#pipes = new Pipes(shift);
    this.#init = initProgram();
  }

  /** Starts the PID namespace that all steps live in. Its first process is killed by the kernel when the engine dies. */
  static async start(mounts: Mounts, shift: number, limits: Limits): Promise<Runner> {
    removeAbandonedCgroups();
    const runtimes = Runtime.find();
    const commands = [HIDE_CGROUPS, ...runtimes.map(({ prepare }) => prepare), 'echo ready'];
    const script = `${commands.join(' && ')}; exec sleep infinity`;
    const holder = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        'unshare',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount',
        '--propagation',
        'slave',
        '--mount-proc',
        'sh',
        '-c',
        script,
      ],
      // What it says is of interest only while it starts: when it is killed, it complains of that.
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const said: Buffer[] = [];
    holder.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    const { stdout } = holder;
    const [line] = await Promise.race([once(stdout, 'data'), once(holder, 'exit').then(() => [''])]);
    if (!String(line).includes('ready')) throw namespacesRefused(Buffer.concat(said).toString().trim());
    const [child] = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim().split(' ');
    makeScaffold(shift);
    return new Runner(mounts, shift, limits, runtimes, holder, Number(child));
  }

  /** Ends every step that still runs, and waits until the namespace is gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#spare?.shell.discard();
    const gone =
      this.#holder.exitCode === null && this.#holder.signalCode === null ? once(this.#holder, 'exit') : undefined;
    try {
      process.kill(this.#holderPid, 'SIGKILL');
    } catch {
      this.#holder.kill('SIGKILL');
    }
    await gone;
    removeAbandonedCgroups();
  }

  /** What a command line begins with whose process is to end with the engine, however that ends. */
  get enter(): readonly [string, ...string[]] {
    return ['nsenter', '--target', String(this.#holderPid), '--pid', '--mount'];
  }

  run(request: StepRequest): Promise<StepOutcome> {
    return this.#run(this.#take(), request);
  }

  start(request: StepRequest): RunningStep {
    const place = this.#take();
    const over = new AbortController();
    const begun = contentOf(join(place.bundle, PID_FILE), over.signal);
    const ended = this.#run(place, request).finally(() => over.abort());
    return {
      begun,
      ended,
      canExec: () => place.runtime.canExec,
      exec: (args, outputs, signal) => this.#exec(place, args, { outputs, signal }),
      signal: (name) => this.#signal(join(place.bundle, PID_FILE), name),
    };
  }

  #take(): Place {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.shell.isWaiting && spare.runtime === this.#runtimes[0] ? spare : this.#place();
  }

  #place(runtime = this.#runtimes[0]): Place {
    const id = `step-${this.#counter++}`;
    const bundle = join(SESSION_FOLDER, 'j', id);
    mkdirSync(join(bundle, 'rootfs'), { recursive: true, mode: 0o711 });
    mkdirSync(join(bundle, 'work'), { mode: 0o711 });
    return { id, bundle, ...this.#shellFor(id, runtime) };
  }

  #shellFor(id: string, runtime: Runtime): Pick<Place, 'runtime' | 'shell' | 'cgroup'> {
    // Without root none may be made, unless somebody delegated one.
    const cgroup = this.#shift > 0 && !runtime.makesCgroup ? makeCgroup(id, this.#limits) : undefined;
    const shell = new StepShell({
      enter: this.enter,
      folder: this.#mounts.folder,
      cgroups: cgroup?.processes ?? [],
      stdout: this.#pipes.take(),
      stderr: this.#pipes.take(),
    });
    return { runtime, shell, cgroup };
  }

  async #run(place: Place, request: StepRequest): Promise<StepOutcome> {
    try {
      const name = SYSTEM_FOLDERS.find((folder) => !isFolder(request.lowers, folder));
      if (name === undefined) return await this.#attempt(place, request);
      await place.shell.discard();
      place.cgroup?.remove();
      return { exitCode: 1, startError: `/${name} of the image is no folder, which every step has there` };
    } finally {
      request.outputs.close();
      rmSync(place.bundle, { recursive: true, force: true });
    }
  }

  /** A step that a runtime cannot start has not begun. Whether to ask another is not for the step to say, whose maker may know a hole of that one. */
  async #attempt(place: Place, request: StepRequest): Promise<StepOutcome> {
    const outcome = await this.#runOnce(place, request);
    if (outcome.startError === undefined || request.signal?.aborted || this.#runtimes.length === 1) return outcome;
    this.#chosen ??= this.#choose(join(request.upper, 'trial'));
    const chosen = await this.#chosen;
    if (chosen === place.runtime) return outcome;
    return await this.#runOnce(Object.assign(place, this.#shellFor(place.id, chosen)), request);
  }

  /** The first that starts a step of our own: there are kernels that only one of them knows. */
  async #choose(upper: string): Promise<Runtime> {
    const nothing = { env: new Map(), lowers: [], mounts: [], outputs: { write: () => {}, close: () => {} } };
    const about = { cwd: '/', identity: ROOT, hostname: 'trial', noInit: false, insecureRootCapabilities: false };
    for (const runtime of this.#runtimes) {
      const place = this.#place(runtime);
      const { startError } = await this.#runOnce(place, { args: [INIT, '--version'], upper, ...nothing, ...about });
      for (const left of [place.bundle, upper]) rmSync(left, { recursive: true, force: true });
      if (startError !== undefined) continue;
      this.#runtimes = [runtime];
      break;
    }
    return this.#runtimes[0];
  }

  async #runOnce(place: Place, request: StepRequest): Promise<StepOutcome> {
    const { shell, cgroup } = place;
    try {
      const script = this.#prepare(place, request);
      const outcome = await this.#execute(place, script, request);
      if (outcome.startError === undefined) this.#filters.learn(profileOf(request), place.bundle);
      this.#removeMountPoints(request);
      for (const { upper } of [request, ...request.mounts.filter((mount) => mount.kind === 'overlay')])
        rmSync(join(upper, 'work'), { recursive: true, force: true });
      return outcome;
    } finally {
      await shell.discard();
      cgroup?.remove();
    }
  }

  /**
   * A step that may mount can write to what is mounted from the host, where that belongs to its root: without root, it gets a copy of the
   * one program that all steps share.
   */
  #initFor({ insecureRootCapabilities }: StepRequest, bundle: string): string {
    if (this.#shift > 0 || !insecureRootCapabilities) return this.#init;
    const own = join(bundle, 'init');
    copyFileSync(this.#init, own);
    return own;
  }

  /** Writes the bundle; gives the shell script that mounts its file systems and becomes the runtime. */
  #prepare(place: Place, request: StepRequest): string {
    const { id, bundle, runtime } = place;
    const commands = [this.#overlay([SCAFFOLD, ...request.lowers], request.upper, join(bundle, 'rootfs'))];
    const mounts: (BindMount | TmpfsMount)[] = [];
    for (const [index, mount] of request.mounts.entries()) {
      const source = join(bundle, `m${index}`);
      if (mount.kind === 'bind')
        mounts.push({ destination: mount.path, source: mount.source, readOnly: mount.readOnly ?? false });
      else if (mount.kind === 'tmpfs') mounts.push({ destination: mount.path, size: mount.size });
      else if (mount.kind === 'data') {
        writeFileSync(source, mount.data, { mode: 0o600 });
        chownSync(source, ownerOnDisk(mount.uid, this.#shift), ownerOnDisk(mount.gid, this.#shift));
        chmodSync(source, mount.mode);
        mounts.push({ destination: mount.path, source, readOnly: true });
      } else {
        mkdirSync(source, { recursive: true, mode: 0o711 });
        commands.push(this.#overlay(mount.lowers, mount.upper, source));
        mounts.push({
          destination: mount.path,
          source: join(source, mount.subpath ?? ''),
          readOnly: mount.readOnly ?? false,
          flags: ['nodev'],
        });
      }
    }
    const spec = runtimeSpec(
      {
        args: request.args,
        env: [...request.env].map(([name, value]) => `${name}=${value}`),
        cwd: request.cwd,
        identity: hasOneId && !runtime.canLackRoot ? ROOT : request.identity,
        insecureRootCapabilities: request.insecureRootCapabilities,
        ...(request.terminal === undefined ? {} : { terminal: request.terminal }),
        hostname: request.hostname,
        rootfs: join(bundle, 'rootfs'),
        mounts,
        ...(this.#shift > 0 && runtime.makesCgroup ? { cgroup: cgroupOf(id) } : {}),
        limits: this.#limits,
        oomScore: this.#oomScore,
        shift: this.#shift,
        ...(request.network === undefined ? {} : { network: request.network }),
      },
      request.noInit ? undefined : this.#initFor(request, bundle),
    );
    const compiled = runtime.filterOf(id);
    const addition = compiled === undefined ? {} : this.#filters.addition(profileOf(request), compiled, bundle);
    writeFileSync(join(bundle, 'config.json'), JSON.stringify({ ...spec, ...addition }));
    if (runtime.makesCgroup) commands.push(SHOW_CGROUPS);
    const run = runtime.run(id, bundle, { log: logOf(place), pidFile: join(bundle, PID_FILE) }).join(' ');
    if (request.terminal !== undefined)
      return [...commands, `exec ${run} <${request.terminal.path} >${request.terminal.path} 2>&1`].join(' && ');
    const input = join(bundle, 'stdin');
    if (request.stdin?.length) writeFileSync(input, request.stdin);
    // Of the file itself a step could make a larger one, in the session's memory.
    commands.push(request.stdin?.length ? `cat ${input} | exec ${run}` : `exec ${run} </dev/null`);
    return commands.join(' && ');
  }

  #overlay(lowers: readonly string[], upper: string, target: string): string {
    const fs = join(upper, 'fs');
    const work = join(upper, 'work');
    for (const folder of [fs, work]) mkdirSync(folder, { recursive: true });
    copyRootAttributes(lowers.at(-1), fs, this.#shift);
    const [upperName, workName] = [this.#mounts.short(fs), this.#mounts.short(work)];
    // Devices come from the runtime alone, in /dev: should a layer ever hold one, it is none here.
    return `mount -t overlay overlay -o nodev,lowerdir=${this.#mounts.lowerdir(lowers)},upperdir=${upperName},workdir=${workName}${WRITABLE} ${target}`;
  }

  async #execute(place: Place, script: string, request: StepRequest): Promise<StepOutcome> {
    const { shell } = place;
    const { outputs } = request;
    shell.stdout.on('data', (chunk: Buffer) => outputs.write('stdout', chunk));
    const said = new Beginning();
    shell.stderr.on('data', (chunk: Buffer) => {
      outputs.write('stderr', chunk);
      said.add(chunk);
    });
    shell.run(script);
    const watch = new Watch(() => void this.#signal(join(place.bundle, PID_FILE), 'KILL'), request);
    setImmediate(() => this.#prepareNext());
    const code = await shell.ended.finally(() => watch.stop());
    return outcomeOf({
      code,
      said: said.text,
      hasInit: !request.noInit,
      hasBegun: existsSync(join(place.bundle, PID_FILE)),
      runtime: place.runtime.name,
      log: logOf(place),
      isTimedOut: watch.isOver,
    });
  }

  #prepareNext(): void {
    if (!this.#isClosed) this.#spare ??= this.#place();
  }

  async #exec(
    { id, bundle, runtime, cgroup }: Place,
    args: readonly string[],
    { outputs, signal }: { outputs: Outputs; signal: AbortSignal },
  ): Promise<number> {
    const { process } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as { process: object };
    const name = join(bundle, `exec-${this.#counter++}`);
    const [file, pidFile] = [`${name}.json`, `${name}.pid`];
    writeFileSync(file, JSON.stringify({ ...process, args, terminal: false }));
    // crun sets no score for the memory killer here, so the process inherits one.
    const command = [
      'choom',
      '-n',
      String(this.#oomScore),
      '--',
      ...this.enter,
      ...runtime.exec(id, file, { pidFile }),
    ];
    const [program = '', ...words] = inCgroups(cgroup?.processes ?? [], command);
    const over = new AbortController();
    const begun = contentOf(pidFile, over.signal);
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', (chunk: Buffer) => outputs.write(stream, chunk));
    const giveUp = async () => {
      await Promise.race([begun, once(child, 'exit')]);
      await this.#signal(pidFile, 'KILL');
      child.kill('SIGKILL');
      // What it started may have them, too, until the step ends.
      for (const output of [child.stdout, child.stderr]) output.destroy();
    };
    const abort = () => void giveUp();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const [code] = (await once(child, 'close')) as [number | null];
      return code ?? 137;
    } finally {
      signal.removeEventListener('abort', abort);
      over.abort();
      for (const left of [file, pidFile]) rmSync(left, { force: true });
      outputs.close();
    }
  }

  async #signal(pidFile: string, name: 'TERM' | 'KILL'): Promise<void> {
    if (!existsSync(pidFile)) return;
    const [program, ...enter] = this.enter;
    const kill = spawn(program, [...enter, 'sh', '-c', `kill -s ${name} ${readFileSync(pidFile, 'utf8')}`], {
      stdio: 'ignore',
    });
    await once(kill, 'exit');
  }

  /** The runtime makes empty files and folders to mount on; those that were not there before must not end up in a layer. */
  #removeMountPoints({ mounts, lowers, upper }: StepRequest): void {
    for (const { path } of mounts) {
      for (let names = segments(path); names.length > 0; names = names.slice(0, -1)) {
        if (lowers.some((lower) => plainStats(lower, names)) || !removeEmpty(join(upper, 'fs'), names)) break;
      }
    }
  }
}

/** Whoever is not root gets a /proc only where nothing of the present one is covered, as a container covers it. */
const namespacesRefused = (said: string): EnvironmentError =>
  said.includes('mount /proc failed')
    ? new EnvironmentError(
        'parts of /proc are hidden or read-only here, so users cannot mount one for their steps',
        'run it as root, or start the container with docker run --security-opt systempaths=unconfined IMAGE',
      )
    : new EnvironmentError(`this machine does not let the engine make namespaces: ${said}`, 'run it as root');

/** Lies below every root file system, and holds what is mounted on in all of them: else the runtime would make it in each new layer. */
const SCAFFOLD = join(SESSION_FOLDER, 'scaffold');

function makeScaffold(shift: number): void {
  const folders = ['', 'etc', ...SYSTEM_FOLDERS].map((name) => join(SCAFFOLD, name));
  const files = ['hosts', 'resolv.conf'].map((name) => join(SCAFFOLD, 'etc', name));
  for (const folder of folders) mkdirSync(folder);
  for (const file of files) writeFileSync(file, '');
  for (const path of [...folders, ...files]) chownSync(path, shift, shift);
}

/** What the runtime mounts on and makes files in: it is not to find a link there that a stranger's image made, and follow it. */
const SYSTEM_FOLDERS = ['dev', 'proc', 'sys'];

function isFolder(lowers: readonly string[], name: string): boolean {
  const top = lowers.toReversed().find((lower) => lstatSync(join(lower, name), { throwIfNoEntry: false }));
  if (top === undefined) return true;
  const stats = lstatSync(join(top, name));
  return stats.isDirectory() || stats.isCharacterDevice(); // hidden, and so made anew
}

/** The step may have put a link where a folder was: what that leads to is not its own. */
function removeEmpty(root: string, names: readonly string[]): boolean {
  const stats = plainStats(root, names);
  const path = join(root, ...names);
  if (stats?.isDirectory() && readdirSync(path).length === 0) rmdirSync(path);
  else if (stats?.isFile() && stats.size === 0) unlinkSync(path);
  else return false;
  return true;
}

/** The top folder of a new layer hides the attributes of the root below it, so it takes them over. */
function copyRootAttributes(below: string | undefined, fs: string, shift: number): void {
  const stats = below === undefined ? undefined : lstatSync(below);
  chownSync(fs, stats?.uid ?? shift, stats?.gid ?? shift);
  chmodSync(fs, (stats?.mode ?? 0o755) & 0o7777);
}

/** Which of the two profiles a step has. */
const profileOf = ({ insecureRootCapabilities }: StepRequest) => (insecureRootCapabilities ? 'all' : 'default');

const logOf = ({ bundle, runtime }: Place) => join(bundle, `${runtime.name}.log`);
