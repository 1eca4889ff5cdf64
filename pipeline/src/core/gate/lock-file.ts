// Which dependency brought a package, and on which line of the lock file it stands. Reads npm's package-lock.json.

export type LockedPackage = {
  /** 1 for the first. */
  line: number;
  /** From the direct dependency to the package itself. */
  via: string[];
  /** Nothing that ships needs it. */
  dev: boolean;
};

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
  const { packages } = (parse(text) ?? {}) as { packages?: unknown };
  if (typeof packages !== 'object' || packages === null) return new Map();
  return new Map(Object.entries(packages).filter(([, entry]) => typeof entry === 'object' && entry !== null));
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
  for (const [index, line] of text.split('\n').entries()) {
    const path = /^\s*"((?:[^"]*\/)?node_modules\/[^"]+)": \{/.exec(line)?.[1];
    if (path !== undefined) lines.set(path, index + 1);
  }
  return lines;
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
