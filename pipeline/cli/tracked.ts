// What git tracks, and so a clone has: it is of the source though rules would leave it out, and no results are written among it.
import { lstatSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { Directory, Host } from '@dagger.io/dagger';
import { PipelineError } from '../src/core/errors.ts';
import { SOURCE_IGNORE } from '../src/core/ignore.ts';
import { onDisk } from '../src/oci/names.ts';
import { listFiles } from './git-files.ts';

/** Files that git tracks although its own rules, or ours, would leave them out, as they are now; null where there are none. */
export function trackedIn(host: Host, root: string, exclude: string[] = []): Directory | null {
  const paths = trackedThoughIgnored(root);
  return paths.length === 0 ? null : host.directory(root, { include: paths.map(patternOf), exclude });
}

/** Throws where results would lie among what git tracks: they would be lost in it, and it would not be of the source. */
export function checkOutput(root: string, output: string): void {
  const refusal = (why: string) =>
    new PipelineError('BAD_OPTION', `--output ${output} ${why}`, 'name a separate folder: --output out');
  const below = relative(root, output);
  if (!relative(output, root).startsWith('..')) throw refusal('is the repository itself, or holds it');
  if (below.startsWith('..')) return;
  if (below.split('/')[0] === '.git') throw refusal('is git’s own');
  const parts = below.split('/').map((_, index, names) => names.slice(0, index + 1).join('/'));
  const link = parts.find((path) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isSymbolicLink());
  if (link !== undefined)
    throw refusal(`leads elsewhere: ${link} is a link, which the repository may have brought along`);
  // A file that keeps the folder there, or tells git to ignore the rest, may be.
  const [first] = listed(root, '--cached', '--', below).filter((path) => !/^\.git(keep|ignore)$/.test(basename(path)));
  if (first !== undefined) throw refusal(`holds files of the repository, ${first} among them`);
}

/** Paths below the root; none where git is not asked or does not answer, which the run says when it asks for the commit. */
function trackedThoughIgnored(root: string): string[] {
  const ours = SOURCE_IGNORE.map((pattern) => `--exclude=${pattern}`);
  const paths = listed(root, '--cached', '--ignored', '--exclude-standard', ...ours);
  return paths.filter((path) => !isFolder(onDisk(join(root, path))));
}

function listed(root: string, ...options: string[]): string[] {
  try {
    return listFiles(root, ...options);
  } catch {
    return [];
  }
}

/** A submodule is listed as one entry, or a folder has taken the place of a file that was deleted. */
const isFolder = (path: string | Buffer) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;

/** Fits this path and no other. */
const patternOf = (path: string): string => path.replace(/[\\*?[\]{}!]/g, '\\$&');
