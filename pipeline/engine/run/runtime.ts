// The programs that make containers, crun and runc. Both take the command line of OCI runtimes.
import { join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { SESSION_FOLDER } from './mounts.ts';
import { findProgram } from './programs.ts';

/** In the order of preference: crun takes half the time to start a step. */
const NAMES = ['crun', 'runc'] as const;

/** What it knows of steps that run. */
const STATE = join(SESSION_FOLDER, 'runtime');

/**
 * Hides the control groups from crun, which looks at their layout, and refuses some, even when it is told to do nothing about them. runc has to
 * see them.
 */
export const HIDE_CGROUPS = '{ ! [ -d /sys/fs/cgroup ] || mount -t tmpfs -o ro drydock /sys/fs/cgroup; }';
export const SHOW_CGROUPS = '{ ! [ -d /sys/fs/cgroup ] || umount /sys/fs/cgroup; }';

export class Runtime {
  readonly name: (typeof NAMES)[number];
  readonly #program: string;

  private constructor(name: Runtime['name'], program: string) {
    this.name = name;
    this.#program = program;
  }

  /** The one that is asked for, or all there are. */
  static find(wanted = process.env.DRYDOCK_RUNTIME): [Runtime, ...Runtime[]] {
    const names = NAMES.filter((name) => !wanted || name === wanted);
    if (names.length === 0)
      throw new EnvironmentError(
        `DRYDOCK_RUNTIME is ${wanted}, which is none of ${NAMES.join(', ')}`,
        `set it to one of them, or not at all`,
      );
    const [first, ...others] = names.flatMap((name) => {
      const program = findProgram(name);
      return program === undefined ? [] : [new Runtime(name, program)];
    });
    if (first === undefined)
      throw new EnvironmentError(
        `the program ${names.join(' or ')} is missing`,
        `on Debian and Ubuntu: apt-get install ${names[0]}`,
      );
    return [first, ...others];
  }

  /**
   * Shell commands to be run once where steps start. From a file that is read-only crun runs as it is; else it would start itself anew from one
   * each time, lest a step write to the program. Without root, not every mount can be made read-only.
   */
  get prepare(): string {
    const [bind, files] = ['mount --bind', `${this.#program} ${this.#place}`];
    return `: >${this.#place} && { ${bind} -o ro ${files} || ${bind} ${files}; }`;
  }

  get #place(): string {
    return join(SESSION_FOLDER, this.name);
  }

  /** Whether it makes a step's control group itself. crun knows none of the older layouts of groups, so it is started in one. */
  get makesCgroup(): boolean {
    return this.name === 'runc';
  }

  /** Where it has a step's filter of system calls, compiled, while the step runs; only crun does. */
  filterOf(id: string): string | undefined {
    return this.name === 'crun' ? join(STATE, id, 'seccomp.bpf') : undefined;
  }

  /** runc cannot: it would enter the step's user namespace first, in which nobody may enter the network, which is the session's. */
  get canExec(): boolean {
    return this.name === 'crun';
  }

  /** Whether it starts a step in which nobody is root: with one user id, that of another user is all there is. */
  get canLackRoot(): boolean {
    return this.name === 'crun';
  }

  /** Another process in a step that runs, as a file describes it. */
  exec(id: string, process: string, { pidFile }: { pidFile: string }): string[] {
    return [this.#place, '--root', STATE, 'exec', '--process', process, '--pid-file', pidFile, id];
  }

  run(id: string, bundle: string, { log, pidFile }: { log: string; pidFile: string }): string[] {
    return [
      ...[this.#place, '--root', STATE],
      ...(this.makesCgroup ? [] : ['--cgroup-manager', 'disabled']),
      ...['--log', log, '--log-format', 'json'],
      ...['run', '--bundle', bundle, '--pid-file', pidFile, id],
    ];
  }
}
