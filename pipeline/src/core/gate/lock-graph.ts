// Which dependency brought a package, and on which line of the lock file it stands: of Yarn, pnpm and Bun.
import { type Lock, readLock } from '../locks.ts';
import type { OtherName } from '../manager.ts';
import { fieldsIn, recordOf } from '../record.ts';
import type { LockedPackage } from './lock-file.ts';

type Root = { name: string; key: string; dev: boolean };
type Reached = { via: string[]; dev: boolean };

export class LockGraph {
  readonly file: string;
  readonly #lock: Lock;
  readonly #reached: ReadonlyMap<string, Reached>;

  /** Yarn does not lock which dependencies are of development alone: the texts of its package.json files say so. */
  constructor(file: string, manager: OtherName, text: string, manifests: readonly string[] = []) {
    this.file = file;
    this.#lock = readLock(manager, text);
    const roots = manager === 'yarn' ? rootsOfYarn(this.#lock, manifests) : rootsIn(this.#lock);
    this.#reached = reachedFrom(roots, this.#lock);
  }

  /** The package of this name and version. */
  find(name: string, version: string): LockedPackage | undefined {
    const found = [...this.#lock.packages].filter(([, each]) => each.name === name && each.version === version);
    const [first] = found;
    if (first === undefined) return undefined;
    const reached = found.flatMap(([key]) => this.#reached.get(key) ?? []);
    const [nearest] = [...reached].sort((one, other) => one.via.length - other.via.length);
    // What nothing leads to may ship all the same.
    return { line: first[1].line, via: nearest?.via ?? [], dev: reached.length > 0 && reached.every(({ dev }) => dev) };
  }
}

const rootsIn = ({ importers }: Lock): Root[] =>
  [...(importers?.values() ?? [])]
    .flat()
    .flatMap(({ name, key, dev }) => (key === undefined ? [] : [{ name, key, dev }]));

function rootsOfYarn(lock: Lock, manifests: readonly string[]): Root[] {
  const asked = manifests.flatMap((text) => {
    const fields = fieldsIn(text) ?? {};
    return ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
      Object.entries(recordOf(fields[kind])).map(([name, range]) => ({
        ...{ name, key: lock.keyOf(name, String(range)), dev: kind === 'devDependencies' },
      })),
    );
  });
  const roots = asked.flatMap(({ key, ...root }) => (key === undefined ? [] : [{ ...root, key }]));
  const said = new Set(roots.map(({ key }) => key));
  return [...roots, ...rootsIn(lock).filter(({ key }) => !said.has(key))];
}

/** Breadth first, so that each package gets its shortest chain: first what ships, then what is left. */
function reachedFrom(roots: readonly Root[], { packages }: Lock): Map<string, Reached> {
  const reached = new Map<string, Reached>();
  for (const dev of [false, true]) {
    const queue = roots.filter((root) => root.dev === dev).map(({ name, key }) => ({ key, via: [name] }));
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { key, via } = next;
      if (reached.has(key) || !packages.has(key)) continue;
      reached.set(key, { via, dev });
      for (const [name, of] of packages.get(key)?.needs ?? []) queue.push({ key: of, via: [...via, name] });
    }
  }
  return reached;
}
