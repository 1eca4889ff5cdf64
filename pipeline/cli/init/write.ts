// Writes files that are not there yet, into folders of the repository itself.
import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { quoted } from '../../src/command.ts';
import { PipelineError } from '../../src/core/errors.ts';

export type NewFile = { path: string; text: string };

export const isThere = (root: string, path: string): boolean =>
  lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined;

/** Throws before anything is written where a file would land elsewhere, by a link. */
export function writeNew(root: string, files: readonly NewFile[]): void {
  for (const { path } of files) checkPlace(root, path);
  for (const { path, text } of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { flag: 'wx' });
  }
}

function checkPlace(root: string, path: string): void {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    const stats = lstatSync(join(root, folder), { throwIfNoEntry: false });
    if (stats === undefined || stats.isDirectory()) continue;
    throw new PipelineError(
      'BAD_OPTION',
      `${folder} is not a folder of this repository`,
      `remove the link or file that is there: rm ${quoted(folder)}`,
    );
  }
}
