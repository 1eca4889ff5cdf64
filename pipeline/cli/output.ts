// The output folder: made sure of before a run, so that nothing in it can be mistaken for this run's.
import { close, existsSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../src/core/errors.ts';
import { STAGES } from '../src/core/model.ts';

const FILES = [
  'result.json',
  'junit.xml',
  'summary.md',
  'report.html',
  'annotations.txt',
  'exit-code',
  'image.tar',
  'scan.json',
  'scan.sarif',
  'verdict.json',
  'release.json',
];

/** Make the folder, and take out what an earlier run left in it. Whatever else is in there stays, and what this run reads. */
export function prepareOutput(folder: string, inputs: readonly string[] = [], isInput = false): void {
  makeFolder(folder);
  makeFolder(join(folder, 'logs'));
  // A report that goes on: what the new one has replaces what it had.
  if (isInput) return;
  const sboms = readdirSync(folder).filter((name) => /^sbom(-[\w-]+)?\.(spdx|cdx)\.json$/.test(name));
  const capsules = readdirSync(folder).filter((name) => /^capsule-[a-z-]+\.tar$/.test(name));
  const stale = [...FILES, ...sboms, ...capsules]
    .map((name) => join(folder, name))
    .filter((path) => !inputs.includes(path));
  for (const path of stale) remove(path);
  const logs = readdirSync(join(folder, 'logs')).filter((name) => STAGES.some((stage) => name.startsWith(`${stage}-`)));
  for (const name of logs) rmSync(join(folder, 'logs', name), { force: true });
}

/** The room of a large file is given back while the run goes on: that takes as long as the engine's start. */
function remove(path: string): void {
  const held = isLarge(path) ? openSync(path, 'r') : undefined;
  rmSync(path, { force: true });
  if (held !== undefined) close(held);
}

function isLarge(path: string): boolean {
  const stats = process.platform === 'linux' ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  return stats?.uid === process.getuid?.() && stats?.isFile() === true && stats.size > 1 << 20;
}

/** Make a folder for results, unless it is there. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw cause;
    const fault = existsSync(folder) ? 'is a file' : 'is below a file';
    throw new PipelineError('BAD_OPTION', `--output ${folder} ${fault}`, 'name a folder', { cause });
  }
}
