// A folder as data: an immutable tree of nodes, digested by content. Holds no open file and starts nothing.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeName } from '../../src/oci/names.ts';
import { EngineError } from '../errors.ts';
import { type Bytes, hashOf, prepareHash } from './bytes.ts';
import type { Xattrs } from './xattrs.ts';

/** Who may do what with a node. `mode` holds the permission bits only; ids are those that a container sees. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970; part of a digest only where it was asked for. */
  readonly mtime: number;
  readonly isStamped?: boolean;
}

export interface FileNode extends Attributes {
  readonly kind: 'file';
  readonly size: number;
  readonly bytes: Bytes;
  readonly xattrs?: Xattrs;
}
interface LinkNode extends Attributes {
  readonly kind: 'link';
  readonly target: string;
}
export interface DirNode extends Attributes {
  readonly kind: 'dir';
  readonly children: ReadonlyMap<string, Node>;
}
export type Node = FileNode | LinkNode | DirNode;

export const DEFAULT_DIR: Attributes = { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
export const emptyDir = (attributes: Attributes = DEFAULT_DIR): DirNode => dirNode(attributes, new Map());

export function dirNode(attributes: Attributes, children: ReadonlyMap<string, Node>): DirNode {
  const { mode, uid, gid, mtime, isStamped = false } = attributes;
  return { kind: 'dir', mode, uid, gid, mtime, isStamped, children };
}

export function fileNode(data: Buffer, attributes: Partial<Attributes> = {}): FileNode {
  return {
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    ...attributes,
    size: data.length,
    bytes: { data },
  };
}

/** A file of the store that stays as it is, as large as it may be. */
export const heldFile = (path: string, attributes: Partial<Attributes>): FileNode => ({
  ...fileNode(Buffer.alloc(0), attributes),
  size: statSync(path).size,
  bytes: { path },
});

/** The names that lead to a path: `/a//b/./c/../d` is `a`, `b`, `d`. */
export function segments(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

/** The names with which both begin. */
export function commonStart(some: readonly string[], others: readonly string[]): readonly string[] {
  const length = some.findIndex((name, index) => name !== others[index]);
  return length < 0 ? some : some.slice(0, length);
}

/** The node at a path; symbolic links are followed except, unless asked for, in the last place. */
export function find(root: DirNode, path: string, options?: { follow?: boolean }): Node | undefined {
  let node: Node | undefined = root;
  for (const name of realNames(root, path, options)) node = node?.kind === 'dir' ? node.children.get(name) : undefined;
  return node;
}

/** The names that lead to a path once symbolic links are followed; what is not there keeps the names that it was given. */
export function realNames(root: DirNode, path: string, { follow = true } = {}): string[] {
  return followed(root, segments(path), follow, 0);
}

function followed(root: DirNode, names: string[], follow: boolean, hops: number): string[] {
  let node: Node | undefined = root;
  for (const [index, name] of names.entries()) {
    node = node?.kind === 'dir' ? node.children.get(name) : undefined;
    if (node?.kind !== 'link' || (!follow && index === names.length - 1)) continue;
    if (hops > 40) throw new EngineError(`too many symbolic links at ${names.join('/')}`);
    const base = node.target.startsWith('/') ? '' : names.slice(0, index).join('/');
    return followed(root, segments([base, node.target, ...names.slice(index + 1)].join('/')), follow, hops + 1);
  }
  return names;
}

/** The tree with `node` put at `path`; missing folders on the way are made. Folders merge, all else replaces. */
export function put(root: DirNode, path: string, node: Node, parents: Attributes = DEFAULT_DIR): DirNode {
  const names = realNames(root, path, { follow: node.kind === 'dir' });
  if (names.length > 0) return putAt(root, names, node, parents);
  if (node.kind !== 'dir') throw new EngineError('a folder cannot be replaced by a file at /');
  return dirNode(root, merge(root, node).children);
}

/** The tree with `node` at `path` in the place of what is there. */
export function replace(root: DirNode, path: string, node: Node): DirNode {
  const names = realNames(root, path);
  return names.length === 0 ? (node as DirNode) : putAt(withoutAt(root, names), names, node, DEFAULT_DIR);
}

function putAt(dir: DirNode, names: string[], node: Node, parents: Attributes): DirNode {
  const [name, ...rest] = names as [string, ...string[]];
  const old = dir.children.get(name);
  const children = new Map(dir.children);
  if (rest.length === 0) children.set(name, old?.kind === 'dir' && node.kind === 'dir' ? merge(old, node) : node);
  else {
    if (old !== undefined && old.kind !== 'dir') throw new EngineError(`${name}: not a directory`);
    children.set(name, putAt(old ?? emptyDir(parents), rest, node, parents));
  }
  return dirNode(dir, children);
}

function merge(below: DirNode, above: DirNode): DirNode {
  if (below.children.size === 0) return above;
  const children = new Map(below.children);
  for (const [name, node] of above.children) {
    const old = children.get(name);
    children.set(name, old?.kind === 'dir' && node.kind === 'dir' ? merge(old, node) : node);
  }
  return dirNode(above, children);
}

/** The tree without what is at `path`; the same tree where nothing is there. */
export const without = (root: DirNode, path: string): DirNode =>
  withoutAt(root, realNames(root, path, { follow: false }));

function withoutAt(dir: DirNode, [name, ...rest]: string[]): DirNode {
  if (name === undefined) return emptyDir(dir);
  const child = dir.children.get(name);
  if (child === undefined || (rest.length > 0 && child.kind !== 'dir')) return dir;
  const children = new Map(dir.children);
  if (rest.length === 0) children.delete(name);
  else children.set(name, withoutAt(child as DirNode, rest));
  return dirNode(dir, children);
}

/** Every path below a folder in sorted order, folders with a trailing slash, each before what it holds. */
export function* paths(dir: DirNode, prefix = ''): Generator<[path: string, node: Node]> {
  for (const name of [...dir.children.keys()].sort()) {
    const node = dir.children.get(name) as Node;
    yield [node.kind === 'dir' ? `${prefix}${name}/` : prefix + name, node];
    if (node.kind === 'dir') yield* paths(node, `${prefix}${name}/`);
  }
}

/** A copy in which every node went through `change`; children first. */
export function map(node: Node, change: (attributes: Attributes) => Attributes): Node {
  const changed = { ...node, ...change(node) };
  if (changed.kind !== 'dir') return changed;
  return dirNode(changed, new Map([...changed.children].map(([name, child]) => [name, map(child, change)])));
}

/** What gives a node a time that lasts. */
export const stamp = (mtime: number) => ({ mtime, isStamped: true });

const digests = new WeakMap<Node, string>();

/** Blocks while files are read that nobody hashed yet. sha256 over names, kinds, permissions, owners and contents; times only where they were asked for. */
export function digest(node: Node): string {
  const known = digests.get(node);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(`${node.kind} ${node.mode.toString(8)} ${node.uid} ${node.gid}\0`);
  if (node.isStamped) hash.update(`${node.mtime}\0`);
  if (node.kind === 'file') hash.update(hashOf(node.bytes)).update(node.xattrs ? JSON.stringify(node.xattrs) : '');
  else if (node.kind === 'link') hash.update(encodeName(node.target));
  else
    for (const name of [...node.children.keys()].sort())
      hash.update(encodeName(`${name}\0${digest(node.children.get(name) as Node)}\0`));
  const result = hash.digest('hex');
  digests.set(node, result);
  return result;
}

/** Takes the digest of a folder from where it was kept, so that none of its files is read for it. */
export async function recallDigest(dir: DirNode, kept: (work: () => Promise<string>) => Promise<string>) {
  digests.set(dir, await kept(() => digestInTurns(dir)));
}

const FILES_PER_TURN = 400;

/** The digest, without holding up everybody else while it reads. */
export async function digestInTurns(node: Node): Promise<string> {
  if (!digests.has(node)) await prepareHashes(node, { files: 0 });
  return digest(node);
}

async function prepareHashes(node: Node, progress: { files: number }): Promise<void> {
  if (digests.has(node) || node.kind === 'link') return;
  if (node.kind === 'dir') for (const child of node.children.values()) await prepareHashes(child, progress);
  else {
    if (++progress.files % FILES_PER_TURN === 0) await nextTurn();
    await prepareHash(node.bytes, node.size);
  }
}

/** What `after` has that `before` has not, or has otherwise. */
export function difference(before: DirNode, after: DirNode): DirNode {
  const children = new Map<string, Node>();
  for (const [name, node] of after.children) {
    const old = before.children.get(name);
    if (old !== undefined && digest(old) === digest(node)) continue;
    children.set(name, old?.kind === 'dir' && node.kind === 'dir' ? difference(old, node) : node);
  }
  return dirNode(after, children);
}
