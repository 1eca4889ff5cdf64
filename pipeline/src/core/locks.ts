// Reads the lock files of Yarn 1 and pnpm, as far as something is to be said of them before they install.
import { parse } from 'yaml';
import type { ManagerName } from './manager.ts';
import { recordOf } from './record.ts';

type Locked = { name: string; version: string; integrity: string };

/** Dependencies of a workspace (its folder below that of the lock file) that a lock file does not know as they are asked for. */
export function missingIn(
  manager: ManagerName,
  lock: string,
  workspace: string,
  wanted: Readonly<Record<string, string>>,
): string[] {
  const asked = Object.entries(wanted).filter(([, range]) => !/^(workspace|link|file|portal|catalog):/.test(range));
  if (manager === 'yarn') {
    const known = new Set(yarnEntries(lock).flatMap(({ asked: of }) => of));
    // A workspace is in no lock file of Yarn's: a name that is nowhere in it may be one.
    const names = new Set([...known].map((spec) => spec.replace(/(?<=.)@.*$/, '')));
    return asked
      .filter(([name, range]) => names.has(name) && !known.has(`${name}@${range}`))
      .map(([name, range]) => `${name}@${range}`);
  }
  const importers = recordOf(recordOf(pnpmLock(lock)).importers);
  // Before version 6, and of one package alone, there are none.
  if (importers[workspace || '.'] === undefined) return [];
  const own = recordOf(importers[workspace || '.']);
  const all = Object.assign({}, ...['dependencies', 'devDependencies'].map((kind) => recordOf(own[kind])));
  return asked
    .filter(([name, range]) => recordOf(all[name]).specifier !== range)
    .map(([name, range]) => `${name}@${range}`);
}

/** In the order of the lock file. One that cannot be read has none. */
export function lockedBy(manager: 'yarn' | 'pnpm', lock: string): Locked[] {
  if (manager === 'yarn') return yarnEntries(lock);
  const { packages } = recordOf(pnpmLock(lock));
  return Object.entries(recordOf(packages)).flatMap(([path, entry]) => {
    const [, name = '', version = ''] = /^\/?(.+)@([^@(]+)(?:\(.*)?$/.exec(path) ?? [];
    const { integrity } = recordOf(recordOf(entry).resolution);
    return name === '' ? [] : [{ name, version, integrity: typeof integrity === 'string' ? integrity : '' }];
  });
}

function yarnEntries(lock: string): (Locked & { asked: string[] })[] {
  return lock.split(/\n(?=\S)/).flatMap((entry) => {
    const [head = '', ...lines] = entry.split('\n');
    if (!head.endsWith(':')) return [];
    const asked = head
      .slice(0, -1)
      .split(', ')
      .map((spec) => spec.replace(/^"|"$/g, ''));
    const field = (name: string) => new RegExp(`^  ${name} "?([^"\\n]*)"?$`, 'm').exec(lines.join('\n'))?.[1] ?? '';
    const name = asked[0]?.replace(/(?<=.)@.*$/, '') ?? '';
    return [{ asked, name, version: field('version'), integrity: field('integrity') }];
  });
}

function pnpmLock(lock: string): unknown {
  try {
    return parse(lock);
  } catch {
    return null;
  }
}
