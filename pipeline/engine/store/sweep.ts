// Removes what sessions that are dead have left in the store: their leases and their work in progress.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startOf } from './boot.ts';
import { readLeases } from './leases.ts';

/** Where a `gc` of this process puts what it is about to delete; it has no lease. */
export const gcFolder = (root: string) => join(root, 'tmp', `gc-${process.pid}`);
const isOfLivingGc = (name: string) => name.startsWith('gc-') && startOf(Number(name.slice(3))) !== undefined;

/** A lease that has not got its name yet, of a process that is there. */
const isBeingWritten = (name: string) =>
  name.startsWith('.') && startOf(Number.parseInt(name.slice(1), 10)) !== undefined;

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
  const dead = leases.filter(({ isAlive, name }) => !isAlive && !isBeingWritten(name)).map(({ name }) => name);
  for (const name of dead) rmSync(join(root, 'leases', name), { force: true });
  const abandoned = folders.filter((name) => !living.has(name) && !isOfLivingGc(name));
  const done = Promise.all(abandoned.map((name) => rm(join(tmp, name), { recursive: true, force: true })));
  return { leases: dead, done: done.then(() => abandoned) };
}
