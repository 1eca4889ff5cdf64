// A shell where steps run, with mounts of its own: it waits for a script, which mounts the step's file systems and becomes the runtime.
// It can be started while nobody waits for it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { BY_OLDER_CALL } from './mounts.ts';
import type { OutputPipe } from './pipes.ts';

export interface ShellPlace {
  /** Begins the command lines of processes in the namespaces of steps. */
  readonly enter: readonly string[];
  /** Where the script is run. */
  readonly folder: string;
  /** The files to write oneself into, to be in the step's control groups. */
  readonly cgroups: readonly string[];
  readonly stdout: OutputPipe;
  readonly stderr: OutputPipe;
}

/** For the runtime, where that is a Go program: it has little to do, so no other threads to start and nothing to collect. */
const SHORT_LIVED = { GOMAXPROCS: '1', GOGC: 'off' };

const AWAIT_SCRIPT = 'read -r script && eval "$script"';
/** The files, `--`, and then the command that is to be in them. */
const JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit; shift; done; shift; exec "$@"';

/** A command line, in the control groups of these files. */
export const inCgroups = (files: readonly string[], command: readonly string[]): readonly string[] =>
  files.length === 0 ? command : ['sh', '-c', JOIN, 'join', ...files, '--', ...command];

export class StepShell {
  readonly #process: ChildProcess;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Its exit code, when all that it said was read; null when a signal ended it. */
  readonly ended: Promise<number | null>;

  constructor({ enter, folder, cgroups, stdout, stderr }: ShellPlace) {
    // What the session mounts while it waits is to be seen by the step, too; what the step mounts is its own.
    const shell = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', AWAIT_SCRIPT];
    const [program = '', ...args] = inCgroups(cgroups, [...enter, `--wdns=${folder}`, ...shell]);
    this.#process = spawn(program, args, {
      cwd: folder,
      stdio: ['pipe', stdout.input, stderr.input],
      env: { PATH: process.env.PATH ?? '', ...SHORT_LIVED, ...BY_OLDER_CALL },
    });
    for (const { input } of [stdout, stderr]) closeSync(input); // the end of what it says is seen when nobody has it any more
    this.stdout = stdout.output;
    this.stderr = stderr.output;
    const ends = [stdout.output, stderr.output].map((output) => once(output, 'close'));
    this.ended = Promise.all([once(this.#process, 'exit'), ...ends]).then(([[code]]) => code as number | null);
    this.ended.catch(() => {}); // told to whoever waits
    this.#script.on('error', () => {}); // it has ended, which is told by `ended`
  }

  get isWaiting(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
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
    return this.#process.stdin as Writable;
  }
}
