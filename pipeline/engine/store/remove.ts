// Removes trees that strangers made, which may be deeper than any path is long.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Whatever is there, and if nothing is. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENAMETOOLONG') throw error;
    await removeFromInside(path);
  }
}

/**
 * The same where a process may still swap a folder for a link, as one of a session that died may without namespaces: Node names each entry by its
 * whole path, `rm` from the folder that it has opened.
 */
export async function removeFromInside(path: string): Promise<void> {
  await promisify(execFile)('rm', ['-rf', '--', path]);
}
