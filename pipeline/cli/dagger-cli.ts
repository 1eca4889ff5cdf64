// What the Dagger CLI that the SDK starts has to say when there is no engine, which the SDK itself does not pass on.
import { PipelineError, reasonOf } from '../src/core/errors.ts';
import { BRING_CLI, CLI_HOST } from './engine.ts';

const OF_CLI = new Set(['EngineSessionError', 'ExecaError']);
let tell: ((error: Error) => void) | undefined;

/** Rejects when the CLI has ended by itself. The SDK throws that where nobody can catch it: Node would end us with a stack. */
export function endOfCli(): Promise<never> {
  // Once and for good: a CLI that the SDK ends is heard of when nobody listens any more.
  if (tell === undefined) process.on('unhandledRejection', hear);
  const ended = new Promise<never>((_, reject) => {
    tell = reject;
  });
  ended.catch(() => {}); // told where it is awaited
  return ended;
}

function hear(error: unknown): void {
  if (!(error instanceof Error && OF_CLI.has(error.name))) throw error;
  const isOurs = (error as { signal?: unknown }).signal === 'SIGTERM';
  if (!isOurs) tell?.(error);
}

const SAID_AT_MOST = 300;

/** As one sentence and what to do, by how the engine was named. */
export function didNotStart(error: unknown, env: NodeJS.ProcessEnv): PipelineError {
  return new PipelineError('NO_ENGINE', `the Dagger engine did not start: ${whyNot(error)}`, hintFor(error, env), {
    cause: error,
  });
}

export function hasEnded(error: unknown): PipelineError {
  return new PipelineError(
    'NO_ENGINE',
    `the Dagger engine ended during the run: ${whyNot(error)}`,
    'run it again, or use --engine embedded on Linux',
    { cause: error },
  );
}

function whyNot(error: unknown): string {
  const cause = deepest(error);
  if (cause instanceof Error && OF_CLI.has(cause.name)) {
    const said = stderrOf(cause).trim().split('\n').at(-1)?.slice(0, SAID_AT_MOST);
    return said ? `its CLI says ${said}` : 'its CLI ended without a word';
  }
  if (isStrange(cause)) return 'what was started as its CLI does not answer as Dagger’s does';
  return reasonOf(cause).split('\n')[0]?.slice(0, SAID_AT_MOST) ?? '';
}

/** No address, or none in Dagger's form: it is read without a look at what it is. */
const isStrange = (cause: unknown) =>
  cause instanceof SyntaxError || cause instanceof TypeError || reasonOf(cause).startsWith('invalid connect params');

/** The first has it as its message, the second brings it along, as it was. */
const stderrOf = (error: Error) => String((error as { stderr?: unknown }).stderr ?? error.message);

function deepest(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined && error.cause !== error ? deepest(error.cause) : error;
}

function hintFor(error: unknown, env: NodeJS.ProcessEnv): string {
  if (env.DAGGER_SESSION_PORT) return 'unset DAGGER_SESSION_PORT, unless this runs inside of `dagger run`';
  if (reasonOf(deepest(error)).includes(CLI_HOST)) return BRING_CLI;
  if (env._EXPERIMENTAL_DAGGER_CLI_BIN)
    return 'see what `$_EXPERIMENTAL_DAGGER_CLI_BIN session` says, or unset the variable';
  if (env._EXPERIMENTAL_DAGGER_RUNNER_HOST)
    return 'check what _EXPERIMENTAL_DAGGER_RUNNER_HOST names (tcp://HOST:PORT, unix://PATH), or unset the variable';
  return 'see what `docker info` says, or use --engine embedded on Linux';
}
