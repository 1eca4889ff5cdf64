// The Docker Engine and Docker Compose of this machine, through their own programs. What is missing is said in one sentence.
import { $ } from 'zx';
import { COMMAND } from '../../src/command.ts';
import { PipelineError } from '../../src/core/errors.ts';

/** What a command said, and how it ended. */
export type Said = { exitCode: number | null; stdout: string; stderr: string };

export type Environment = Readonly<Record<string, string>>;

/** Commands are ended with the signal; they are in no terminal's group, so that a Ctrl-C reaches them by us alone. */
export type DockerOptions = { env: NodeJS.ProcessEnv; signal?: AbortSignal };

export type Docker = {
  /** `linux/amd64`, as archives name it. */
  platform: string;
  run: (args: readonly string[]) => Promise<Said>;
  compose: (args: readonly string[], env?: Environment) => Promise<Said>;
  /** The same programs, ended by this signal as well. */
  endedBy: (signal: AbortSignal) => Docker;
  /** The same programs, for what has to be done though the signal says stop. */
  unstoppable: () => Docker;
};

const INSTALL = `${COMMAND} smoke, which deploys without either; or install Docker and its Compose plugin`;

/** Throws `NO_DOCKER`. */
export async function openDocker(options: DockerOptions): Promise<Docker> {
  const version = await run(options, 'docker', ['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}']);
  if (version.exitCode === 127) throw missing('Docker is not installed', INSTALL);
  if (version.exitCode !== 0) {
    const start = 'start Docker, or name its socket with DOCKER_HOST; `docker version` has to answer';
    throw missing(`the Docker Engine does not answer: ${lastLine(version.stderr)}`, start);
  }
  return docker(options, version.stdout.trim(), await findCompose(options));
}

function docker(options: DockerOptions, platform: string, compose: readonly string[]): Docker {
  const [program = '', ...first] = compose;
  return {
    platform,
    run: (args) => run(options, 'docker', args),
    compose: (args, env = {}) => run({ ...options, env: { ...options.env, ...env } }, program, [...first, ...args]),
    endedBy: (signal) =>
      docker(
        { ...options, signal: AbortSignal.any([signal, ...(options.signal === undefined ? [] : [options.signal])]) },
        platform,
        compose,
      ),
    unstoppable: () => docker({ env: options.env }, platform, compose),
  };
}

/** The plugin, or the same program by itself. The one before it, in Python, knows neither this file's keys nor `--wait`. */
async function findCompose(options: DockerOptions): Promise<readonly string[]> {
  const ways = [['docker', 'compose'], ['docker-compose']] as const;
  let old = '';
  for (const [program, ...first] of ways) {
    const { exitCode, stdout } = await run(options, program, [...first, 'version', '--short']);
    const major = Number(/^v?(\d+)\./.exec(stdout.trim())?.[1] ?? 0);
    if (exitCode === 0 && major >= 2) return [program, ...first];
    if (exitCode === 0) old = stdout.trim();
  }
  if (old !== '') throw missing(`Docker Compose ${old} is too old`, 'install version 2, the plugin of the Docker CLI');
  throw missing('Docker has no Compose plugin', INSTALL);
}

async function run({ env, signal }: DockerOptions, program: string, args: readonly string[]): Promise<Said> {
  checkWish(signal);
  const options = { env, nothrow: true, quiet: true, detached: true, ...(signal === undefined ? {} : { signal }) };
  const { exitCode, stdout, stderr } = await $(options)`${program} ${args}`;
  // What was ended by us has not failed.
  checkWish(signal);
  return { exitCode, stdout, stderr };
}

function checkWish(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new PipelineError('INTERRUPTED', 'interrupted', 'what was started is stopped again');
}

function missing(message: string, hint: string): PipelineError {
  return new PipelineError('NO_DOCKER', message, hint);
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '';
}
