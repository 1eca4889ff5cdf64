// The files of a working copy, as git lists them.
import { execFileSync } from 'node:child_process';
import { decodeName } from '../src/oci/names.ts';

const LIST_BYTES = 1 << 28;

/** Paths below the root, by the options of `git ls-files`. Throws where git does not answer. */
export function listFiles(root: string, ...options: string[]): string[] {
  const listed = execFileSync('git', ['-c', 'core.fsmonitor=false', 'ls-files', '-z', ...options], {
    cwd: root,
    maxBuffer: LIST_BYTES,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return decodeName(listed).split('\0').filter(Boolean);
}
