// Reads folders and files of the host into trees, and writes trees back to it.
import { chmodSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EngineError } from '../errors.ts';
import { type Filter, PathFilter } from './patterns.ts';
import { digestOfFile, type Store } from './store.ts';
import { type Bytes, type DirNode, dirNode, type FileNode, fileNode, type Node } from './tree.ts';

/** Files up to this size are kept in memory once read; larger ones are copied aside, so that a later edit can't tear a run. */
const IN_MEMORY_BYTES = 256 * 1024;

/** A folder of the host as it is now. Everything belongs to root, as a real engine has it. */
export async function readHostFolder(path: string, filter: Filter, store: Store): Promise<DirNode> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) throw new EngineError(`no such directory on the host: ${path}`);
  if (!stats.isDirectory() && !stats.isSymbolicLink()) throw new EngineError(`not a directory on the host: ${path}`);
  return readFolder(path, '', new PathFilter(filter), store);
}

async function readFolder(root: string, prefix: string, filter: PathFilter, store: Store): Promise<DirNode> {
  const folder = join(root, prefix);
  const entries = readdirSync(folder, { withFileTypes: true });
  if (filter.readsGitignore && entries.some((entry) => entry.name === '.gitignore' && entry.isFile())) {
    filter.addGitignore(prefix, readFileSync(join(folder, '.gitignore'), 'utf8'));
  }
  const children = new Map<string, Node>();
  for (const entry of entries) {
    const path = prefix + entry.name;
    if (entry.isDirectory()) {
      if (filter.skipsFolder(path)) continue;
      const child = await readFolder(root, `${path}/`, filter, store);
      if (child.children.size > 0 || filter.keepsFolder(path)) children.set(entry.name, child);
    } else if (filter.keepsFile(path)) {
      if (entry.isSymbolicLink()) children.set(entry.name, readLink(join(root, path)));
      else if (entry.isFile()) children.set(entry.name, await readHostFile(join(root, path), store));
    }
  }
  const stats = lstatSync(folder);
  return dirNode({ mode: stats.mode & 0o7777, uid: 0, gid: 0, mtime: Math.floor(stats.mtimeMs / 1000) }, children);
}

function readLink(path: string): Node {
  const mtime = Math.floor(lstatSync(path).mtimeMs / 1000);
  return { kind: 'link', mode: 0o777, uid: 0, gid: 0, mtime, target: readlinkSync(path) };
}

/** One file of the host, its content taken over now. */
export async function readHostFile(path: string, store: Store): Promise<FileNode> {
  const stats = lstatSync(path);
  const attributes = { mode: stats.mode & 0o7777, uid: 0, gid: 0, mtime: Math.floor(stats.mtimeMs / 1000) };
  if (stats.size <= IN_MEMORY_BYTES) return fileNode(readFileSync(path), attributes);
  const copy = store.scratch('host');
  await copyFile(path, copy).catch(async (error: Error) => {
    await rm(copy, { force: true });
    throw error;
  });
  const digest = await digestOfFile(copy);
  return {
    kind: 'file',
    ...attributes,
    size: lstatSync(copy).size,
    bytes: { path: copy },
    hash: digest.slice('sha256:'.length),
  };
}

/** Writes a tree over a folder of the host: what is there and not in the tree stays, unless `wipe`. */
export async function writeHostFolder(tree: DirNode, path: string, { wipe = false } = {}): Promise<void> {
  await mkdir(path, { recursive: true });
  if (wipe)
    for (const name of await readdir(path))
      if (!tree.children.has(name)) await rm(join(path, name), { recursive: true, force: true });
  for (const [name, node] of tree.children) await writeNode(node, join(path, name), wipe);
}

async function writeNode(node: Node, path: string, wipe: boolean): Promise<void> {
  const existing = await lstat(path).catch(() => undefined);
  if (node.kind === 'dir') {
    if (existing !== undefined && !existing.isDirectory()) await unlink(path);
    await writeHostFolder(node, path, { wipe });
    chmodSync(path, node.mode);
  } else {
    if (existing !== undefined) await rm(path, { recursive: true, force: true });
    if (node.kind === 'link') await symlink(node.target, path);
    else await writeHostFile(node, path);
  }
}

export async function writeHostFile(node: FileNode, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  await copyBytes(node.bytes, path);
  chmodSync(path, node.mode & 0o777);
}

export async function copyBytes(bytes: Bytes, path: string): Promise<void> {
  if ('data' in bytes) await writeFile(path, bytes.data);
  else await copyFile(bytes.path, path);
}

export async function readBytes(bytes: Bytes): Promise<Buffer> {
  return 'data' in bytes ? bytes.data : readFileSync(bytes.path);
}
