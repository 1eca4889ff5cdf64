// What git tracks although its own rules, or ours, would leave it out: a clone has it, so it is of the source.
import { execFileSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Directory, Host } from '@dagger.io/dagger';
import { SOURCE_IGNORE } from '../src/core/ignore.ts';
import { decodeName, onDisk } from '../src/oci/names.ts';

const LIST_BYTES = 1 << 28;

/** Those files as they are now; null where there are none. */
export function trackedIn(host: Host, root: string, exclude: string[] = []): Directory | null {
  const paths = trackedThoughIgnored(root);
  return paths.length === 0 ? null : host.directory(root, { include: paths.map(patternOf), exclude });
}

/** Paths below the root; none where git is not asked or does not answer, which the run says when it asks for the commit. */
export function trackedThoughIgnored(root: string): string[] {
  const asked = ['-c', 'core.fsmonitor=false', 'ls-files', '-z', '--cached', '--ignored', '--exclude-standard'];
  const ours = SOURCE_IGNORE.map((pattern) => `--exclude=${pattern}`);
  try {
    const listed = execFileSync('git', [...asked, ...ours], {
      cwd: root,
      maxBuffer: LIST_BYTES,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const paths = listed
      .toString('latin1')
      .split('\0')
      .map((bytes) => decodeName(Buffer.from(bytes, 'latin1')));
    return paths.filter((path) => path !== '' && !isFolder(onDisk(join(root, path))));
  } catch {
    return [];
  }
}

/** A submodule is listed as one entry, or a folder has taken the place of a file that was deleted. */
const isFolder = (path: string | Buffer) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;

/** Fits this path and no other. */
const patternOf = (path: string): string => path.replace(/[\\*?[\]{}!]/g, '\\$&');
