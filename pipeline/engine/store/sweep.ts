// Removes what sessions that are dead have left in the store: their leases and their work in progress.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isRunning, processName } from '../../src/process-name.ts';
import { readLeases } from './leases.ts';
import { removeFromInside } from './remove.ts';

/** Where a `gc` of this process puts what it is about to delete; it has no lease. */
export const gcFolder = (root: string) => join(root, 'tmp', `gc-${processName()}`);
const isOfLivingGc = (path: string) =>
  basename(path).startsWith('gc-') && isRunning(path, statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);

export interface Swept {
  /** Sessions that ended without a word. */
  readonly leases: readonly string[];
  /** Resolves with the folders of work in progress that were removed. */
  readonly done: Promise<readonly string[]>;
}

export function sweepDead(root: string): Swept {
  const tmp = join(root, 'tmp');
  // Read before the leases: a session makes its lease before its folder, so what has none now is nobody's.
  const folders = existsSync(tmp) ? readdirSync(tmp) : [];
  const leases = readLeases(root);
  const living = new Set(leases.filter(({ isAlive }) => isAlive).map(({ name }) => name));
  const dead = leases.filter(({ isAlive }) => !isAlive).map(({ name }) => name);
  for (const name of dead) rmSync(join(root, 'leases', name), { force: true });
  const abandoned = folders.filter((name) => !living.has(name) && !isOfLivingGc(join(tmp, name)));
  const done = Promise.all(abandoned.map((name) => removeFromInside(join(tmp, name))));
  return { leases: dead, done: done.then(() => abandoned) };
}
