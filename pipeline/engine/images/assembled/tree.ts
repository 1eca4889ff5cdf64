// The files of one layer, held in memory until they are written as a tar: order, owners and times are the tree's, not the packages'.
import { comparePaths, type TarInput } from '../../../src/oci/tar.ts';
import { invalidPackage } from './errors.ts';

export type Owner = { uid: number; gid: number };

export type TreeEntry = Owner & { mode: number } & (
    | { type: 'file'; content: Buffer }
    | { type: 'directory' }
    | { type: 'symlink'; target: string }
    | { type: 'link'; target: string }
  );

const ROOT: Owner = { uid: 0, gid: 0 };

/** A path without `./` and slashes at its ends; refused if it is absolute or climbs. */
export function safePath(path: string, where: string): string {
  const clean = path.replace(/^(\.\/+)+/, '').replace(/\/+$/, '');
  if (clean === '' || clean === '.') return '';
  if (clean.startsWith('/') || clean.includes('\0') || clean.split('/').some((part) => part === '..' || part === '.')) {
    throw invalidPackage(where, `holds the unsafe path ${JSON.stringify(path)}`);
  }
  return clean.replace(/\/{2,}/g, '/');
}

/** Files by path. Parents come by themselves (0755, root); nothing can be put below what is no directory. */
export class FileTree {
  readonly #entries = new Map<string, TreeEntry>();

  get(path: string): TreeEntry | undefined {
    return this.#entries.get(path);
  }

  /** Paths and entries below a folder, in order. */
  below(folder: string): [path: string, entry: TreeEntry][] {
    return this.#sorted().filter(([path]) => path.startsWith(`${folder}/`));
  }

  /** Bytes of a file that must be there. */
  read(path: string): Buffer {
    const entry = this.#entries.get(path);
    if (entry?.type !== 'file') throw invalidPackage(path, 'is asked for by a recipe, but no package brings it');
    return entry.content;
  }

  /** Add an entry. A directory never changes one that is there, nor a link that stands for one. */
  put(path: string, entry: TreeEntry, where: string): void {
    const existing = this.#entries.get(path);
    if (entry.type === 'directory' && (existing?.type === 'directory' || existing?.type === 'symlink')) return;
    if (existing !== undefined) throw invalidPackage(where, `brings ${path}, which is there already`);
    this.#putParents(path, where);
    this.#entries.set(path, entry);
  }

  file(path: string, content: string | Buffer, options: Partial<Owner & { mode: number }> = {}): void {
    this.#makeRoom(path);
    this.put(path, { ...ROOT, mode: 0o644, ...options, type: 'file', content: Buffer.from(content) }, 'the recipe');
  }

  directory(path: string, options: Partial<Owner & { mode: number }> = {}): void {
    this.#entries.delete(path);
    this.put(path, { ...ROOT, mode: 0o755, ...options, type: 'directory' }, 'the recipe');
  }

  symlink(path: string, target: string): void {
    this.#makeRoom(path);
    this.put(path, { ...ROOT, mode: 0o777, type: 'symlink', target }, 'the recipe');
  }

  /** Remove a path and all below it. */
  remove(path: string): void {
    this.#entries.delete(path);
    for (const [inner] of this.below(path)) this.#entries.delete(inner);
  }

  /** Entries for a tar: sorted, hard links last (what they link to must come first), every time 0. */
  *tarEntries(): Generator<TarInput> {
    const sorted = this.#sorted();
    for (const [path, entry] of sorted) if (entry.type !== 'link') yield tarInput(path, entry);
    for (const [path, entry] of sorted) {
      if (entry.type !== 'link') continue;
      if (this.#entries.get(entry.target)?.type !== 'file') {
        throw invalidPackage(path, `is a hard link to ${entry.target}, which is not there`);
      }
      yield tarInput(path, entry);
    }
  }

  /** Looking for what is below costs a walk over all, and only a directory has any. */
  #makeRoom(path: string): void {
    if (this.#entries.get(path)?.type === 'directory') this.remove(path);
    else this.#entries.delete(path);
  }

  #sorted(): [string, TreeEntry][] {
    return [...this.#entries].sort(([a], [b]) => comparePaths(a, b));
  }

  #putParents(path: string, where: string): void {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent === '') return;
    const entry = this.#entries.get(parent);
    if (entry === undefined) this.put(parent, { ...ROOT, mode: 0o755, type: 'directory' }, where);
    else if (entry.type !== 'directory') throw invalidPackage(where, `brings ${path}, but ${parent} is no directory`);
  }
}

function tarInput(path: string, entry: TreeEntry): TarInput {
  const common = { path, type: entry.type, mode: entry.mode, uid: entry.uid, gid: entry.gid };
  if (entry.type === 'file') return { ...common, content: entry.content };
  return entry.type === 'directory' ? common : { ...common, linkpath: entry.target };
}
