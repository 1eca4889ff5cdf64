// Where programs are looked for beside PATH, by the command line and the engine alike: those of administrators are often not in a user's.
import { delimiter } from 'node:path';

/** bin/tools.sh of the engine has the same; a test compares. */
export const ADMINISTRATORS_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export function searchPath(path = ''): string {
  const given = path.split(delimiter).filter(Boolean);
  return [...given, ...ADMINISTRATORS_FOLDERS.filter((folder) => !given.includes(folder))].join(delimiter);
}
