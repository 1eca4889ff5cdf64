// Finds programs of the operating system; those of administrators are often not in a user's PATH.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EnvironmentError } from '../errors.ts';

const MORE_FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin'];

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** The same for one that there is no doing without; `source` is the package of Debian's that has it. */
export function needProgram(name: string, source: string): string {
  const path = findProgram(name);
  if (path === undefined)
    throw new EnvironmentError(`the program ${name} is missing`, `on Debian and Ubuntu: apt-get install ${source}`);
  return path;
}

/** What reaps a step's processes and passes signals on. */
export const initProgram = (): string => needProgram('tini-static', 'tini');

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
