// Finds programs of the operating system; those of administrators are often not in a user's PATH.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { searchPath } from '../../src/program-folders.ts';
import { EnvironmentError } from '../errors.ts';
import { commandOf } from '../tools/install.ts';

export function findProgram(name: string): string | undefined {
  return searchPath(process.env.PATH)
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The same for one that there is no doing without; `source` is the package of Debian's that has it. */
function needProgram(name: string, source: string): string {
  const path = findProgram(name);
  if (path === undefined)
    throw new EnvironmentError(`the program ${name} is missing`, `on Debian and Ubuntu: apt-get install ${source}`);
  return path;
}

/** The command line of a program: of the engine's own tools, where they are not in a folder of the session's, or of this machine. */
export const commandFor = (tools: string | undefined, name: string, source: string): readonly [string, ...string[]] =>
  tools ? commandOf(tools, name) : [needProgram(name, source)];

/** What reaps a step's processes and passes signals on. */
export const INIT_PROGRAM = 'tini-static';
export const initProgram = (): string => needProgram(INIT_PROGRAM, 'tini');

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
