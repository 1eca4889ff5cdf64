// Reads and writes files of a repository that a stranger may have made: plain ones in plain folders. No link is followed, and none may be of any size.
import { lstatSync, readdirSync, readFileSync, type Stats, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoted } from '../src/command.ts';
import { PipelineError } from '../src/core/errors.ts';
import { onDisk } from '../src/oci/names.ts';

/** Lock files of thousands of packages have a few MiB. */
const MOST_MIB = 64;

/** What is at a path below a folder, '' for that itself, reached by way of folders alone; undefined where nothing is so. */
export function plainStats(root: string, path: string): Stats | undefined {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) return undefined;
  let place = root;
  for (const name of names.slice(0, -1)) {
    place = join(place, name);
    if (!statsOf(place)?.isDirectory()) return undefined;
  }
  return statsOf(join(root, ...names));
}

function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(onDisk(path), { throwIfNoEntry: false });
  } catch {
    return undefined; // no such name can be
  }
}

/** The text of a plain file; null where there is none. Throws `BAD_SUBJECT` for one that is too large to be what it is called. */
export function textIn(root: string, path: string): string | null {
  const stats = plainStats(root, path);
  if (!stats?.isFile()) return null;
  if (stats.size <= MOST_MIB << 20) return readFileSync(onDisk(join(root, path)), 'utf8');
  throw new PipelineError(
    'BAD_SUBJECT',
    `${path} is larger than ${MOST_MIB} MiB, which no file of that name is meant to be`,
    `look at what it is: ls -l ${quoted(path)}`,
  );
}

/** What is in a plain folder; nothing where there is none. */
export function namesIn(root: string, path = ''): string[] {
  return plainStats(root, path)?.isDirectory() || path === '' ? listed(join(root, path)) : [];
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Writes into a plain file that is there. Throws `BAD_OPTION` for anything else: a link leads to somebody else's. */
export function overwrite(root: string, path: string, text: string): void {
  if (!plainStats(root, path)?.isFile())
    throw new PipelineError(
      'BAD_OPTION',
      `${path} is not a plain file`,
      `put the file itself there: rm ${quoted(path)}`,
    );
  writeFileSync(join(root, path), text);
}
