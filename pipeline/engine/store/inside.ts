// Paths below a folder that a stranger filled: each is walked name by name, and no link in there leads out of it.
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { lstatSync, readlinkSync } from './files.ts';

/** What a layer itself says about a path: a folder, something that hides what is below, or nothing. */
export function kindIn(root: string, names: readonly string[]): 'dir' | 'other' | 'absent' {
  for (let depth = 1; depth <= names.length; depth++) {
    const stats = lstatSync(join(root, ...names.slice(0, depth)), { throwIfNoEntry: false });
    if (stats === undefined) return 'absent';
    if (!stats.isDirectory()) return 'other';
  }
  return 'dir';
}

/** What is at a path below folders that are folders, and no links to such; undefined else. */
export function plainStats(root: string, names: readonly string[]): Stats | undefined {
  if (kindIn(root, names.slice(0, -1)) !== 'dir') return undefined;
  return lstatSync(join(root, ...names), { throwIfNoEntry: false });
}

function statsInside(root: string, names: readonly string[]): Stats | undefined {
  try {
    return lstatSync(join(root, ...names), { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
    throw new EngineError(`/${names.join('/')}: not a directory`, undefined, { cause: error });
  }
}

/** Follows symbolic links as if `root` were `/`. Gives the path below root, or undefined where nothing is (unless `partial`). */
export function resolveInside(root: string, path: string, follow: boolean, partial = false): string | undefined {
  let done: string[] = [];
  let todo = path.split('/');
  let hops = 0;
  while (todo.length > 0) {
    const name = todo.shift() as string;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      done.pop();
      continue;
    }
    const stats = statsInside(root, [...done, name]);
    if (stats === undefined) {
      if (!partial) return undefined;
    } else if (stats.isSymbolicLink() && (follow || todo.length > 0)) {
      if (++hops > 40) return undefined;
      const target = readlinkSync(join(root, ...done, name));
      if (target.startsWith('/')) done = [];
      todo = [...target.split('/'), ...todo];
      continue;
    }
    done.push(name);
  }
  return `/${done.join('/')}`;
}
