// Runs the host's git with none of the settings of the system and of its user, and none of the programs that a repository may name for its own upkeep.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { decodeName } from '../../src/oci/names.ts';
import { EngineError } from '../errors.ts';

const run = promisify(execFile);

/** Switched off in the user's own repositories, too: what is asked here should not wait for them. */
const QUIET = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'core.untrackedCache=false'];

/** A folder that was cloned may look like the inside of a repository, and be owned by who cloned it: one is obeyed where it is in a `.git`, or named. */
const IN_GIT_ONLY = ['-c', 'safe.bareRepository=explicit'];

export type Variables = Readonly<Record<string, string>>;
/** Gives what git said. Throws an `EngineError` with its first line. */
export type GitRunner = (args: readonly string[]) => Promise<string>;

/** `settings` names a file of settings, in the place of the user's. */
export function gitRunner(folder: string, variables: Variables = {}, settings: () => Promise<string>): GitRunner {
  return async (args) => {
    try {
      const { stdout } = await run('git', [...QUIET, ...IN_GIT_ONLY, '-C', folder, ...args], {
        maxBuffer: 1 << 28,
        encoding: 'buffer', // names in it may be any bytes
        env: {
          PATH: process.env.PATH ?? '',
          GIT_CONFIG_NOSYSTEM: '1',
          GIT_CONFIG_GLOBAL: await settings(),
          GIT_OPTIONAL_LOCKS: '0',
          GIT_NO_LAZY_FETCH: '1',
          LC_ALL: 'C',
          GIT_CEILING_DIRECTORIES: `${folder}/..`,
          ...variables,
        },
      });
      return decodeName(stdout);
    } catch (error) {
      throw new EngineError(`git: ${said(error)}`, undefined, { cause: error });
    }
  };
}

/** The first line of what git said of a failure. */
export function said(error: unknown): string {
  const line = String((error as { stderr?: Buffer }).stderr ?? '')
    .trim()
    .split('\n')[0];
  return line || (error as Error).message;
}
