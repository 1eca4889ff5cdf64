// Which dependency brought a package, and on which line of the lock file it stands. Reads npm's package-lock.json, of npm 6 (version 1), too.

import { isRecord } from '../record.ts';

export type LockedPackage = {
  /** 1 for the first. */
  line: number;
  /** From the direct dependency to the package itself. */
  via: string[];
  /** Nothing that ships needs it. */
  dev: boolean;
};

/** A lock file of any manager, as far as findings are placed by it. */
export type FindsLocked = { file: string; find: (name: string, version: string) => LockedPackage | undefined };

type Entry = {
  /** Where it is not the folder's: of an alias. */
  name?: string;
  version?: string;
  dev?: boolean;
} & Partial<
  Record<'dependencies' | 'devDependencies' | 'optionalDependencies' | 'peerDependencies', Record<string, string>>
>;

const NEEDS = ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'] as const;

export class LockFile {
  readonly file: string;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #lines: ReadonlyMap<string, number>;
  readonly #chains: ReadonlyMap<string, string[]>;

  /** A text that is no lock file (a broken fixture of a test, say) is one that holds nothing: it can excuse nothing either. */
  constructor(file: string, text: string) {
    this.file = file;
    this.#entries = entriesOf(text);
    this.#lines = linesOf(text);
    this.#chains = chainsFrom(this.#entries);
  }

  /** The package of this name and version; the nearest to the root, where there are several. */
  find(name: string, version: string): LockedPackage | undefined {
    const paths = [...this.#entries]
      .filter(([path, entry]) => (entry.name ?? folderName(path)) === name && entry.version === version)
      .map(([path]) => path)
      .sort((a, b) => this.#depthOf(a) - this.#depthOf(b));
    const [path] = paths;
    if (path === undefined) return undefined;
    const dev = paths.every((each) => this.#entries.get(each)?.dev === true);
    return { line: this.#lines.get(path) ?? 1, via: this.#chains.get(path) ?? [], dev };
  }

  /** What nothing leads to comes last. */
  #depthOf(path: string): number {
    return this.#chains.get(path)?.length ?? Number.POSITIVE_INFINITY;
  }
}

function entriesOf(text: string): Map<string, Entry> {
  const { packages, dependencies } = (parse(text) ?? {}) as { packages?: unknown; dependencies?: unknown };
  if (packages === undefined) return oldEntries(dependencies);
  return new Map(recordsOf<Entry>(packages));
}

const recordsOf = <T>(value: unknown): [string, T][] =>
  isRecord(value) ? Object.entries(value).filter((pair): pair is [string, T & Json] => isRecord(pair[1])) : [];
type Json = Record<string, unknown>;

/** A tree, in which what is installed in a package's own folder stands below it. */
type OldEntry = { version?: string; dev?: boolean; requires?: Record<string, string>; dependencies?: unknown };

function oldEntries(tree: unknown): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const add = (folder: string, dependencies: unknown) => {
    for (const [name, entry] of recordsOf<OldEntry>(dependencies)) {
      const path = `${folder}node_modules/${name}`;
      entries.set(path, entryOf(entry));
      add(`${path}/`, entry.dependencies);
    }
  };
  add('', tree);
  if (entries.size > 0) entries.set('', { dependencies: wantedByNone(entries) });
  return entries;
}

function entryOf({ version = '', dev = false, requires }: OldEntry): Entry {
  const [, name, aliased] = /^npm:(.+)@([^@]+)$/.exec(version) ?? [];
  return {
    ...(name === undefined ? {} : { name }),
    version: aliased ?? version,
    dev,
    ...(isRecord(requires) ? { dependencies: requires } : {}),
  };
}

/** What the project itself wants, such a file does not say: whatever else nobody would have brought. */
function wantedByNone(entries: ReadonlyMap<string, Entry>): Record<string, string> {
  const wanted = [...entries].flatMap(([path, { dependencies = {} }]) =>
    Object.keys(dependencies).map((name) => resolve(entries, path, name)),
  );
  const brought = new Set(wanted);
  const own = [...entries.keys()].filter((path) => !brought.has(path) && path.lastIndexOf('node_modules/') === 0);
  return Object.fromEntries(own.map((path) => [folderName(path), '']));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function folderName(path: string): string {
  return path.split('node_modules/').at(-1) ?? '';
}

function linesOf(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const above: { indent: number; key: string }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', key] = /^(\s*)"([^"]+)": \{/.exec(line) ?? [];
    if (key === undefined) continue;
    while ((above.at(-1)?.indent ?? -1) >= indent.length) above.pop();
    above.push({ indent: indent.length, key });
    const path = pathOf(above.map((one) => one.key));
    // In a file of version 2 both stand, `packages` first.
    if (path !== undefined && !lines.has(path)) lines.set(path, index + 1);
  }
  return lines;
}

/** Of `packages`, a path; of `dependencies`, a name, and below it the same again. */
function pathOf([first, ...keys]: readonly string[]): string | undefined {
  if (first === 'packages') return keys.length === 1 && keys[0]?.includes('node_modules/') ? keys[0] : undefined;
  if (first !== 'dependencies' || keys.length % 2 === 0) return undefined;
  if (keys.some((key, index) => index % 2 === 1 && key !== 'dependencies')) return undefined;
  return keys
    .filter((_, index) => index % 2 === 0)
    .map((name) => `node_modules/${name}`)
    .join('/');
}

/** Breadth first, so that each package gets its shortest chain. */
function chainsFrom(entries: ReadonlyMap<string, Entry>): Map<string, string[]> {
  // The package itself, and its workspaces: whatever is not installed.
  const queue = [...entries.keys()].filter((path) => !path.includes('node_modules/'));
  const chains = new Map<string, string[]>(queue.map((path) => [path, []]));
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const entry = entries.get(path);
    for (const name of NEEDS.flatMap((kind) => Object.keys(entry?.[kind] ?? {}))) {
      const found = resolve(entries, path, name);
      if (found === undefined || chains.has(found)) continue;
      chains.set(found, [...(chains.get(path) ?? []), name]);
      queue.push(found);
    }
  }
  return chains;
}

/** As Node looks: beside the package, then in each folder above it. */
function resolve(entries: ReadonlyMap<string, Entry>, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (entries.has(path)) return path;
    if (folder === '') return undefined;
    if (!folder.includes('/node_modules/')) folder = '';
  }
}
