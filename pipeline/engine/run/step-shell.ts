// A shell where steps run, with mounts of its own: it waits for a script, which mounts the step's file systems and becomes the runtime.
// It can be started while nobody waits for it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

export interface ShellPlace {
  /** Begins the command lines of processes in the namespaces of steps. */
  readonly enter: readonly string[];
  /** Where the script is run. */
  readonly folder: string;
  /** The files to write oneself into, to be in the step's control groups. */
  readonly cgroups: readonly string[];
}

/** For the runtime, where that is a Go program: it has little to do, so no other threads to start and nothing to collect. */
const SHORT_LIVED = { GOMAXPROCS: '1', GOGC: 'off' };

/** Its standard input is the step's, so the script comes by another way. */
const AWAIT_SCRIPT = 'read -r script <&3 && exec 3<&- && eval "$script"';
/** The files, `--`, and then the command that is to be in them. */
const JOIN_CGROUPS = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit; shift; done; shift; exec "$@"';

export class StepShell {
  readonly #process: ChildProcess;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;

  constructor({ enter, folder, cgroups }: ShellPlace) {
    // What the session mounts while it waits is to be seen by the step, too; what the step mounts is its own.
    const shell = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', AWAIT_SCRIPT];
    const [program = '', ...args] = [
      ...(cgroups.length === 0 ? [] : ['sh', '-c', JOIN_CGROUPS, 'join', ...cgroups, '--']),
      ...enter,
      `--wdns=${folder}`,
      ...shell,
    ];
    this.#process = spawn(program, args, {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '', ...SHORT_LIVED },
    });
    this.ended = once(this.#process, 'close').then(([code]) => code as number | null);
    this.ended.catch(() => {}); // told to whoever waits
    for (const input of [this.stdin, this.#script]) input.on('error', () => {}); // it has ended, which is told by `ended`
  }

  get isWaiting(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get stdin(): Writable {
    return this.#process.stdin as Writable;
  }

  get stdout(): Readable {
    return this.#process.stdout as Readable;
  }

  get stderr(): Readable {
    return this.#process.stderr as Readable;
  }

  /** One line of shell, to be run now. */
  run(script: string): void {
    this.#script.end(`${script}\n`);
  }

  /** Lets it end without anything to run. */
  async discard(): Promise<void> {
    this.#script.end();
    this.stdout.resume();
    this.stderr.resume();
    await this.ended.catch(() => {}); // it could not even be started
  }

  get #script(): Writable {
    return this.#process.stdio[3] as Writable;
  }
}
