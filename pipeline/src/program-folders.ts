// Where programs are looked for beside PATH, by the command line and the engine alike: a user's often lacks the administrators', a service's most.
import { delimiter } from 'node:path';

/** bin/tools.sh of the engine has the same; a test compares. */
export const USUAL_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export function searchPath(path = ''): string {
  const given = path.split(delimiter).filter(Boolean);
  return [...given, ...USUAL_FOLDERS.filter((folder) => !given.includes(folder))].join(delimiter);
}
