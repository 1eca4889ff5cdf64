// Reads folders and files of the host into trees, and writes trees back to it.
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EngineError } from '../errors.ts';
import { copyBytes, ensureIntact } from './bytes.ts';
import { diskFullError } from './disk.ts';
import {
  chmodSync,
  chownSync,
  copyFile,
  createReadStream,
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readdirTypes,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from './files.ts';
import { ownerOnDisk } from './ids.ts';
import { type Filter, PathFilter } from './patterns.ts';
import type { Store } from './store.ts';
import { type DirNode, dirNode, type FileNode, fileNode, type Node } from './tree.ts';

/** Files up to this size are kept in memory once read; larger ones are copied aside, so that a later edit can't tear a run. */
const IN_MEMORY_BYTES = 256 * 1024;
/** A file that changed so shortly before it was read may change again without a new time. */
const RACY_MS = 100;
const FILES_PER_TURN = 400;

/** How many files of a folder are read. */
interface Far {
  readonly count: number;
  readonly bytes: number;
}
interface Progress {
  count: number;
  bytes: number;
  readonly went: (far: Far) => void;
}

/** The host's files as they are when they are asked for. What did not change since it was last read is not read again. */
export class HostFiles {
  readonly #store: Store;
  readonly #shift: number;
  readonly #known = new Map<string, { stamp: string; node: FileNode }>();

  /** `shift` is what is added to an owner's id in layers. */
  constructor(store: Store, shift = 0) {
    this.#store = store;
    this.#shift = shift;
  }

  /** A folder, without what the filter leaves out. Everything belongs to root, as a real engine has it. */
  async folder(path: string, filter: Filter, went: (far: Far) => void = () => {}): Promise<DirNode> {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) throw new EngineError(`${path}: no such file or directory on the host`);
    if (!stats.isDirectory() && !stats.isSymbolicLink()) throw new EngineError(`not a directory on the host: ${path}`);
    const paths = new PathFilter(filter);
    if (paths.readsGitignore) addGitignoresAbove(path, paths);
    return this.#folder(path, '', paths, { count: 0, bytes: 0, went });
  }

  async #folder(root: string, prefix: string, filter: PathFilter, progress: Progress): Promise<DirNode> {
    const folder = join(root, prefix);
    const entries = readdirTypes(folder);
    if (filter.readsGitignore && entries.some((entry) => entry.name === '.gitignore' && entry.isFile())) {
      filter.addGitignore(prefix, readFileSync(join(folder, '.gitignore'), 'utf8'));
    }
    const children = new Map<string, Node>();
    for (const entry of entries) {
      const path = prefix + entry.name;
      if (entry.isDirectory()) {
        if (filter.skipsFolder(path)) continue;
        const child = await this.#folder(root, `${path}/`, filter, progress);
        if (child.children.size > 0 || filter.keepsFolder(path)) children.set(entry.name, child);
      } else if (filter.keepsFile(path)) {
        if (++progress.count % FILES_PER_TURN === 0) await nextTurn();
        if (entry.isSymbolicLink()) children.set(entry.name, readLink(`${root}/${path}`));
        else if (entry.isFile()) {
          const file = await this.file(`${root}/${path}`);
          children.set(entry.name, file);
          progress.bytes += file.size;
          progress.went({ count: progress.count, bytes: progress.bytes });
        }
      }
    }
    return dirNode(attributesOf(lstatSync(folder)), children);
  }

  /** One file, its content taken over now. */
  async file(path: string): Promise<FileNode> {
    const stats = lstatSync(path);
    const stamp = `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
    const known = this.#known.get(path);
    if (known?.stamp === stamp) return known.node;
    const node = await this.#read(path, stats);
    if (Date.now() - Math.max(stats.mtimeMs, stats.ctimeMs) > RACY_MS) this.#known.set(path, { stamp, node });
    return node;
  }

  async #read(path: string, stats: Stats): Promise<FileNode> {
    const attributes = attributesOf(stats);
    if (stats.size <= IN_MEMORY_BYTES) return fileNode(readFileSync(path), attributes);
    const copy = this.#store.scratch('host');
    await copyFile(path, copy, constants.COPYFILE_FICLONE).catch((error: Error) => {
      rmSync(copy, { force: true });
      throw error;
    });
    // As a layer has it, which then shares it.
    chownSync(copy, ownerOnDisk(attributes.uid, this.#shift), ownerOnDisk(attributes.gid, this.#shift));
    chmodSync(copy, attributes.mode);
    utimesSync(copy, attributes.mtime, attributes.mtime);
    return { kind: 'file', ...attributes, size: lstatSync(copy).size, bytes: { path: copy } };
  }
}

/** Adds the rules of the repository that a folder is a part of, from its top down. */
function addGitignoresAbove(path: string, filter: PathFilter): void {
  const above: string[] = [];
  for (let folder = path; !existsSync(join(folder, '.git')); folder = dirname(folder)) {
    if (folder === dirname(folder)) return; // in no repository
    above.unshift(dirname(folder));
  }
  for (const folder of above) {
    const file = join(folder, '.gitignore');
    if (existsSync(file)) filter.addGitignore('', readFileSync(file, 'utf8'), `${relative(folder, path)}/`);
  }
}

const attributesOf = (stats: Stats) => ({
  mode: stats.mode & 0o7777,
  uid: 0,
  gid: 0,
  mtime: Math.floor(stats.mtimeMs / 1000),
});

function readLink(path: string): Node {
  const mtime = Math.floor(lstatSync(path).mtimeMs / 1000);
  return { kind: 'link', mode: 0o777, uid: 0, gid: 0, mtime, target: readlinkSync(path) };
}

/**
 * Of the mode that a file or folder has, what it keeps on the host: all but the bits by which a program runs as its owner, and that owner is
 * whoever runs the engine, root perhaps. Who made the file is nobody's guess.
 */
const modeOnHost = (mode: number): number => mode & ~SET_ID;
const SET_ID = 0o6000;

/**
 * Writes a tree over a folder of the host: what is there and not in the tree stays, unless `wipe`. Gives how many files and folders lost
 * bits by it.
 */
export async function writeHostFolder(tree: DirNode, path: string, { wipe = false } = {}): Promise<number> {
  const progress = { files: 0, lostBits: 0 };
  await writeFolder(tree, path, wipe, progress).catch((error: unknown) => {
    throw diskFullError(error, path, EXPORT_HINT) ?? error;
  });
  return progress.lostBits;
}

const EXPORT_HINT = 'make room there, or name another place, and run again';

async function writeFolder(
  tree: DirNode,
  path: string,
  wipe: boolean,
  progress: { files: number; lostBits: number },
): Promise<void> {
  const isNew = mkdirSync(path, { recursive: true }) !== undefined;
  if (wipe && !isNew) {
    for (const name of readdirSync(path))
      if (!tree.children.has(name)) rmSync(join(path, name), { recursive: true, force: true });
  }
  for (const [name, node] of tree.children) {
    const target = join(path, name);
    if (++progress.files % FILES_PER_TURN === 0) await nextTurn();
    if (node.mode & SET_ID) progress.lostBits++;
    if (!isNew) makeRoom(target, node);
    if (node.kind === 'link') symlinkSync(node.target, target);
    else if (node.kind === 'file') await writeContent(node, target);
    else {
      await writeFolder(node, target, wipe, progress);
      chmodSync(target, modeOnHost(node.mode));
    }
  }
}

/** Removes paths below a folder of the host, folders where they end with a slash. What a link leads to stays, and what is of another kind. */
export function removeFromHost(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    const target = join(folder, path.replace(/\/+$/, ''));
    if (isInPlace(folder, dirname(path)) && path.endsWith('/') === lstatSync(target, NOT_THERE)?.isDirectory())
      rmSync(target, { recursive: true });
  }
}

const NOT_THERE = { throwIfNoEntry: false } as const;

/** Whether a folder is there, and no link on the way to it. */
function isInPlace(root: string, path: string): boolean {
  try {
    return (
      realpathSync(join(root, path)) === join(realpathSync(root), path) && lstatSync(join(root, path)).isDirectory()
    );
  } catch {
    return false; // it, or a folder above it, is not there, or is a file
  }
}

/** Gives `work` a folder for as long as it takes. */
export async function withScratch<T>(
  { store }: { readonly store: Store },
  kind: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = store.scratchFolder(kind);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A folder that will not be read again: what it holds is not remembered. */
export const readOnce = ({ store }: { readonly store: Store }, folder: string, filter: Filter = {}): Promise<DirNode> =>
  new HostFiles(store).folder(folder, filter);

/** Folders merge; anything else that is in the way goes. It is never written through: it may be a link to elsewhere. */
function makeRoom(path: string, node: Node): void {
  const existing = lstatSync(path, { throwIfNoEntry: false });
  if (existing === undefined || (existing.isDirectory() && node.kind === 'dir')) return;
  rmSync(path, { recursive: true, force: true });
}

/** What could not be written to its end is not left there as if it had been. */
async function writeContent(node: FileNode, path: string): Promise<void> {
  try {
    const mode = modeOnHost(node.mode);
    // Node copies the mode with the bytes, and it must not have these bits for a moment.
    if (mode !== node.mode && 'path' in node.bytes) {
      await ensureIntact(node.bytes);
      await pipeline(createReadStream(node.bytes.path), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      chmodSync(path, mode);
    } else await copyBytes(node.bytes, path, { size: node.size, mode });
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

/** Written beside its place: what was there before stays until all of the new one is. Gives 1 if it lost bits by it. */
export async function writeHostFile(node: FileNode, path: string): Promise<number> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new EngineError(
      `destination ${JSON.stringify(path)} is a directory; must be a file path unless allowParentDirPath is set`,
    );
  const aside = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    await writeContent(node, aside);
    renameSync(aside, path);
    return node.mode & SET_ID ? 1 : 0;
  } catch (error) {
    rmSync(aside, { force: true });
    throw diskFullError(error, path, EXPORT_HINT) ?? error;
  }
}
