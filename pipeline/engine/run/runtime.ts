// The program that makes containers: runc, or crun where that is what there is. Both take the command line of OCI runtimes.
import { join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { SESSION_FOLDER } from './mounts.ts';
import { findProgram } from './programs.ts';

/**
 * In the order of preference. crun takes half the time to start a step, but hands on the streams it got: Node's are sockets, and a program that
 * opens /dev/stderr (nginx's log, many a script) then finds no such device. runc makes pipes.
 */
const NAMES = ['runc', 'crun'] as const;

export class Runtime {
  readonly name: (typeof NAMES)[number];
  readonly #program: string;

  private constructor(name: Runtime['name'], program: string) {
    this.name = name;
    this.#program = program;
  }

  /** The one that is asked for, or the first there is. */
  static find(wanted = process.env.DRYDOCK_RUNTIME): Runtime {
    const names = NAMES.filter((name) => !wanted || name === wanted);
    if (names.length === 0)
      throw new EnvironmentError(
        `DRYDOCK_RUNTIME is ${wanted}, which is none of ${NAMES.join(', ')}`,
        `set it to one of them, or not at all`,
      );
    for (const name of names) {
      const program = findProgram(name);
      if (program !== undefined) return new Runtime(name, program);
    }
    throw new EnvironmentError(
      `the program ${names.join(' or ')} is missing`,
      `on Debian and Ubuntu: apt-get install ${names[0]}`,
    );
  }

  /**
   * Whether it makes a step's control group itself. crun knows none of the older layouts of groups, and would move the step into its group
   * while somebody waits; so it is started in one.
   */
  get makesCgroup(): boolean {
    return this.name === 'runc';
  }

  run(id: string, bundle: string, { log, pidFile }: { log: string; pidFile: string }): string[] {
    return [
      ...this.#options,
      ...['--log', log, '--log-format', 'json'],
      ...['run', '--bundle', bundle, '--pid-file', pidFile, id],
    ];
  }

  kill(id: string, signal: string): string[] {
    return [...this.#options, 'kill', id, signal];
  }

  get #options(): string[] {
    const state = ['--root', join(SESSION_FOLDER, 'runtime')];
    return [this.#program, ...state, ...(this.makesCgroup ? [] : ['--cgroup-manager', 'disabled'])];
  }
}
