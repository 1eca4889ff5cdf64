// File systems as stacks of layers: trees laid out on disk, stacks mounted for reading, and read back as trees.
import { constants, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Views } from '../run/mounts.ts';
import { type Bytes, createFile, ensureIntact, lastingFile } from './bytes.ts';
import {
  chmodSync,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from './files.ts';
import { ownerOnDisk } from './ids.ts';
import { kindIn, plainStats, resolveInside } from './inside.ts';
import { type Filter, namesBefore, PathFilter } from './patterns.ts';
import { type Store, sha256 } from './store.ts';
import {
  type Attributes,
  commonStart,
  DEFAULT_DIR,
  type DirNode,
  digestInTurns,
  dirNode,
  emptyDir,
  type FileNode,
  type Node,
  put,
  recallDigest,
  segments,
} from './tree.ts';
import { writeXattrs, type Xattrs } from './xattrs.ts';

/** Layers from the bottom up, and a key that stands for their content. */
export interface Stack {
  readonly layers: readonly string[];
  readonly key: string;
}

export const EMPTY_STACK: Stack = { layers: [], key: 'empty' };

/** A stack with one more layer on top. Whatever the same layer did further down it does again, and overlayfs takes none twice. */
export const onTop = (below: Stack, layer: string, key = layer): Stack => ({
  layers: [...below.layers.filter((id) => id !== layer), layer],
  key: sha256(`${below.key} ${key}`),
});

/** A place in a stack: what is there, and where its bytes can be read. */
export interface Located {
  readonly path: string;
  readonly stats: Stats;
}

const FILES_PER_TURN = 400;
const LARGE_BYTES = 64 << 20;

export class Layers {
  readonly store: Store;
  readonly #stacks: Views;
  /** What is added to an owner's id on disk, so that root in a container is nobody on the host. */
  readonly #shift: number;
  readonly #inFlight = new Map<string, Promise<string>>();
  readonly #views = new Map<string, Promise<View>>();
  /** The layers of each view, by its folder. */
  readonly #shown = new Map<string, readonly string[]>();
  readonly #digests = new Map<string, Promise<string>>();
  readonly #trees = new Map<string, Promise<DirNode>>();

  constructor(store: Store, stacks: Views, shift: number) {
    this.store = store;
    this.#stacks = stacks;
    this.#shift = shift;
  }

  /** A layer that holds just this tree. */
  async layerOf(tree: DirNode): Promise<string> {
    const id = (await digestInTurns(tree)).slice(0, 40);
    return this.#onceAt(id, () => this.#layOut(id, tree));
  }

  #onceAt(id: string, make: () => Promise<string>): Promise<string> {
    const running = this.#inFlight.get(id);
    if (running !== undefined) return running;
    const work = make().finally(() => this.#inFlight.delete(id));
    this.#inFlight.set(id, work);
    return work;
  }

  async #layOut(id: string, tree: DirNode): Promise<string> {
    if (await this.store.hasLayer(id)) return id;
    const folder = this.store.scratchFolder('layer');
    await this.#writeFolder(tree, join(folder, 'fs'), { files: 0 });
    // A file that is shared has them.
    const own = [...xattrsBelow(tree)].filter(([path]) => plainStats(join(folder, 'fs'), path.split('/'))?.nlink === 1);
    await writeXattrs(join(folder, 'fs'), Object.fromEntries(own), this.store.scratch('xattrs'));
    await this.store.commitLayer(id, folder);
    return id;
  }

  async #writeFolder(dir: DirNode, path: string, progress: { files: number }): Promise<void> {
    mkdirSync(path, { recursive: true });
    for (const [name, node] of dir.children) {
      const target = join(path, name);
      if (node.kind === 'dir') await this.#writeFolder(node, target, progress);
      else {
        if (node.kind === 'file') await ensureIntact(node.bytes);
        this.#writeLeaf(node, target);
      }
      if (++progress.files % FILES_PER_TURN === 0) await nextTurn();
    }
    this.#setAttributes(dir, path);
  }

  #writeLeaf(node: Exclude<Node, DirNode>, target: string): void {
    if (node.kind === 'file' && this.#link(node, target)) return;
    const isNew = node.kind === 'file' && 'data' in node.bytes;
    if (node.kind === 'link') symlinkSync(node.target, target);
    else if ('data' in node.bytes) createFile(target, node.bytes.data, node.mode & 0o777);
    else copyFileSync(node.bytes.path, target, constants.COPYFILE_FICLONE);
    this.#setAttributes(node, target, { hasMode: isNew && node.mode <= 0o777 });
  }

  /** A file of another layer, or one that the session copied for itself, is shared when owner, permissions and time are the same too. */
  #link(node: FileNode, target: string): boolean {
    if (!('path' in node.bytes)) return false;
    const { path } = node.bytes;
    // What the session made goes when it ends, by which the layer is to be read once more: that is worth it for large ones.
    const isShared = path.startsWith(this.store.layers) || (node.size >= LARGE_BYTES && this.store.isScratch(path));
    if (!isShared) return false;
    const stats = lstatSync(path);
    const same =
      (stats.mode & 0o7777) === node.mode &&
      stats.uid === ownerOnDisk(node.uid, this.#shift) &&
      stats.gid === ownerOnDisk(node.gid, this.#shift) &&
      Math.floor(stats.mtimeMs / 1000) === node.mtime;
    if (same) linkSync(path, target);
    return same;
  }

  #setAttributes(node: Node, path: string, { hasMode = false } = {}): void {
    lchownSync(path, ownerOnDisk(node.uid, this.#shift), ownerOnDisk(node.gid, this.#shift));
    if (node.kind !== 'link' && !hasMode) chmodSync(path, node.mode);
    lutimesSync(path, node.mtime, node.mtime);
  }

  /** A folder in which the whole stack can be read, or with names, what is on the way to that place and below it. */
  async view(stack: Stack, names: readonly string[] = []): Promise<string> {
    const { folder, layers } = await this.#viewOf(stack);
    await this.#intact(layers, names);
    return folder;
  }

  /** Mounted once a session, in the engine's own mount namespace. Nobody has looked at its layers yet. */
  #viewOf(stack: Stack): Promise<View> {
    const known = this.#views.get(stack.key);
    if (known !== undefined) return known;
    const made = this.#makeView(stack);
    this.#views.set(stack.key, made);
    made.catch(() => this.#views.delete(stack.key));
    return made;
  }

  async #makeView(stack: Stack): Promise<View> {
    const some = stack.layers.length > 0 ? stack.layers : [await this.layerOf(emptyDir())];
    const layers = await this.#atOnce(some);
    const [only] = layers as [string];
    return { layers, folder: layers.length === 1 ? this.store.layerPath(only) : await this.#show(layers) };
  }

  async #show(layers: readonly string[]): Promise<string> {
    const view = await this.#stacks.readOnly(layers.map((id) => this.store.layerPath(id)));
    this.#shown.set(view, layers);
    return view;
  }

  /** No more layers than can be shown: of more, those at the bottom become one. Always the same ones, so that they do so once. */
  async #atOnce(layers: readonly string[]): Promise<readonly string[]> {
    const { most } = this.#stacks;
    let shown = layers;
    while (shown.length > most) shown = [await this.#merged(shown.slice(0, most)), ...shown.slice(most)];
    return shown;
  }

  #merged(layers: readonly string[]): Promise<string> {
    const id = sha256(`merged ${layers.join(' ')}`).slice(0, 40);
    return this.#onceAt(id, async () => {
      if (await this.store.hasLayer(id)) return id;
      await this.#intact(layers);
      const view = await this.#show(layers);
      const tree = (await this.#read(view, '', { filter: new PathFilter({}), files: 0 })) as DirNode;
      return this.#layOut(
        id,
        fromFolders(
          tree,
          layers.toReversed().map((layer) => this.store.layerPath(layer)),
        ),
      );
    });
  }

  async #intact(layers: readonly string[], names: readonly string[] = []): Promise<void> {
    for (const id of layers) await this.store.intact(id, names);
  }

  /** The layer that a path on the disk is in. */
  #layerAt = (path: string): string => segments(path.slice(this.store.layers.length))[0] as string;

  /** To be awaited before a file or folder leaves the engine: the layers that its files are in are looked at once more. */
  async ensureStillIntact(node: Node): Promise<void> {
    const found = new Map<string, readonly string[]>();
    for (const path of pathsOnDisk(node)) {
      const [id, ...names] = this.#placeOf(path);
      if (id !== undefined) found.set(id, commonStart(found.get(id) ?? names, names));
    }
    for (const [id, names] of found) await this.store.stillIntact(id, names);
  }

  /** The layer that has the file at a path of the disk, and the names that lead to it there; nothing for files that are in none. */
  #placeOf(path: string): string[] {
    if (path.startsWith(this.store.layers)) {
      const [id = '', , ...names] = segments(path.slice(this.store.layers.length));
      return [id, ...names];
    }
    const [view, layers] = [...this.#shown].find(([view]) => path.startsWith(`${view}/`)) ?? ['', []];
    const names = segments(path.slice(view.length));
    const id = layers.findLast((id) => locatedAt(join(this.store.layerPath(id), ...names)) !== undefined);
    return id === undefined ? [] : [id, ...names];
  }

  /**
   * What a path means in a stack, symbolic links followed inside it, also in the last place unless told otherwise. `names` lead to as much as is to be
   * read there.
   */
  async locate(
    stack: Stack,
    path: string,
    { follow = true, names = segments(path) }: { follow?: boolean; names?: readonly string[] } = {},
  ): Promise<Located | undefined> {
    const direct = this.#views.has(stack.key) ? undefined : this.#inLayers(stack, segments(path), 'file');
    if (direct !== undefined) {
      // Those above it have nothing of that name, if they are what they were.
      const from = stack.layers.indexOf(this.#layerAt(direct.path));
      for (const id of stack.layers.slice(from)) await this.store.intact(id, names);
      return direct;
    }
    const root = await this.view(stack, names);
    const real = resolveInside(root, path, follow);
    if (!isPlain(path, real)) await this.view(stack);
    return real === undefined ? undefined : locatedAt(join(root, real));
  }

  /** Whether a folder is there for certain, told without mounting the stack. */
  hasFolder(stack: Stack, names: readonly string[]): boolean {
    return this.#inLayers(stack, names, 'folder') !== undefined;
  }

  /**
   * A plain file or a folder, found without mounting the stack. Undefined also where only the mounted stack can tell: when a link is on the
   * way, or a layer above has a folder of that name, which may hide all that is below.
   */
  #inLayers({ layers }: Stack, names: readonly string[], kind: 'file' | 'folder'): Located | undefined {
    for (const id of layers.toReversed()) {
      let path = this.store.layerPath(id);
      for (const [depth, name] of names.entries()) {
        path = join(path, name);
        const stats = lstatSync(path, { throwIfNoEntry: false });
        if (stats === undefined && depth === 0) break; // this layer knows nothing of it
        const isLast = depth === names.length - 1;
        if (isLast && stats && (kind === 'file' ? stats.isFile() : stats.isDirectory())) return { path, stats };
        if (isLast || !stats?.isDirectory()) return undefined;
      }
    }
    return undefined;
  }

  /** The same of a folder that is there, or undefined. Remembered on disk, since a stack never changes. */
  async folderAt(stack: Stack, path: string): Promise<string | undefined> {
    const names = segments(path);
    const lexical = `/${names.join('/')}`;
    if (names.length === 0 || (isPlain(path, lexical) && this.hasFolder(stack, names))) return lexical;
    return this.#recorded('folders', [stack.key, path], async () => {
      const real = await this.realPath(stack, path);
      return (await this.locate(stack, real))?.stats.isDirectory() ? real : undefined;
    });
  }

  /** A layer of a stack that `make` makes of it, once for each `place` and content. */
  async layerFor(stack: Stack, place: string, node: Node, make: () => Promise<string>): Promise<string> {
    const id = await this.#recorded('puts', [stack.key, place, await digestInTurns(node)], make);
    return (await this.store.hasLayer(id)) ? id : make();
  }

  /** What follows from names and digests of content, asked of the disk in one session and remembered for those after it. */
  async #recorded<T extends string | undefined>(
    kind: string,
    of: readonly string[],
    work: () => Promise<T>,
  ): Promise<T> {
    const key = sha256(JSON.stringify(of));
    const recorded = this.store.record<{ value?: T }>(kind, key);
    if (recorded?.value !== undefined) return recorded.value;
    const value = await work();
    if (value !== undefined) await this.store.keep(kind, key, { value }, { flush: false });
    return value;
  }

  /** The path without symbolic links that `path` stands for; parts that don't exist are kept as they are. */
  async realPath(stack: Stack, path: string): Promise<string> {
    const real = resolveInside(await this.view(stack, segments(path)), path, true, true) as string;
    if (!isPlain(path, real)) await this.view(stack);
    return real;
  }

  attributes(stats: Stats): Attributes {
    return {
      mode: stats.mode & 0o7777,
      uid: Math.max(0, stats.uid - this.#shift),
      gid: Math.max(0, stats.gid - this.#shift),
      mtime: Math.floor(stats.mtimeMs / 1000),
    };
  }

  /** The content digest of a folder of a stack; remembered on disk, since a stack never changes. */
  digestAt(stack: Stack, path: string): Promise<string> {
    const key = `${stack.key} ${path}`;
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    const made = this.#recorded('digests', [key], async () => digestInTurns(await this.treeAt(stack, path)));
    this.#digests.set(key, made);
    made.catch(() => this.#digests.delete(key));
    return made;
  }

  /** A folder of a stack as a tree, read once a session. Folders that the filter passes over whole are not in it. */
  treeAt(stack: Stack, path: string, filter?: Filter): Promise<DirNode> {
    const key = JSON.stringify([stack.key, path, filter]);
    const known = this.#trees.get(key);
    if (known !== undefined) return known;
    const made = this.#treeAt(stack, path, filter);
    this.#trees.set(key, made);
    made.catch(() => this.#trees.delete(key));
    return made;
  }

  async #treeAt(stack: Stack, path: string, filter: Filter | undefined): Promise<DirNode> {
    // Read from the one layer that holds it where that is so: files can then be linked from there.
    const sole = this.soleFolder(stack, path);
    const names = [...segments(path), ...namesBefore(filter)];
    if (sole !== undefined) await this.#intact(stack.layers, names);
    const folder = sole ?? (await this.locate(stack, path, { names }))?.path;
    if (folder === undefined) throw new Error(`no such directory: ${path}`);
    const tree = (await this.#read(folder, '', { filter: new PathFilter(filter ?? {}), files: 0 })) as DirNode;
    // A part of it is asked for in order to go into something whose digest is wanted.
    if (filter === undefined) return tree;
    for (const [name, child] of tree.children)
      if (child.kind === 'dir')
        await recallDigest(child, (work) =>
          this.#recorded('parts', [stack.key, path, JSON.stringify(filter), name], work),
        );
    return tree;
  }

  async #read(root: string, place: string, progress: { filter: PathFilter; files: number }): Promise<Node | undefined> {
    const path = place === '' ? root : `${root}/${place}`;
    const stats = lstatSync(path);
    const attributes = this.attributes(stats);
    if (++progress.files % FILES_PER_TURN === 0) await nextTurn();
    if (stats.isSymbolicLink()) return { kind: 'link', ...attributes, mode: 0o777, target: readlinkSync(path) };
    if (stats.isFile()) return this.fileAt({ path, stats });
    if (!stats.isDirectory()) return undefined; // whiteouts, sockets, devices
    if (place !== '' && progress.filter.skipsFolder(place)) return undefined;
    const children = new Map<string, Node>();
    for (const name of readdirSync(path)) {
      const child = await this.#read(root, place === '' ? name : `${place}/${name}`, progress);
      if (child !== undefined) children.set(name, child);
    }
    return dirNode(attributes, children);
  }

  fileAt({ path, stats }: Located): FileNode {
    const [id, ...names] = this.#mayHaveXattrs(path) ? this.#placeOf(path) : [];
    const xattrs = id === undefined ? undefined : this.store.xattrsOf(id)[names.join('/')];
    const bytes = this.#bytesAt(path, stats.size);
    return { kind: 'file', ...this.attributes(stats), size: stats.size, bytes, ...(xattrs ? { xattrs } : {}) };
  }

  /** Few layers have any: to find out which one holds a file that a view shows is left to those. */
  #mayHaveXattrs(path: string): boolean {
    const has = (id: string) => Object.keys(this.store.xattrsOf(id)).length > 0;
    const { length } = this.store.layers;
    if (path.startsWith(this.store.layers)) return has(path.slice(length + 1, path.indexOf('/', length + 1)));
    for (const [view, layers] of this.#shown) if (path.startsWith(`${view}/`)) return layers.some(has);
    return false;
  }

  /** What a layer holds never changes; what a mounted stack shows is not told apart by its path. */
  #bytesAt(path: string, size: number): Bytes {
    if (!path.startsWith(this.store.layers)) return { path };
    const name = path.slice(this.store.layers.length);
    return lastingFile(path, size, (read) => this.#recorded('file-hashes', [name], read));
  }

  /** The folder of the only layer that has anything at `path`, if there is just one and no link leads there. */
  soleFolder(stack: Stack, path: string): string | undefined {
    const found: string[] = [];
    for (const id of stack.layers.toReversed()) {
      const kind = kindIn(this.store.layerPath(id), segments(path));
      if (kind === 'dir') found.push(join(this.store.layerPath(id), path));
      else if (kind === 'other') break;
      if (found.length > 1) return undefined;
    }
    return found[0];
  }

  /** Layers whose stack shows the folder at `path` of a stack as its root: to be mounted without copying. */
  async lowerFolders(stack: Stack, path: string): Promise<string[]> {
    const sole = segments(path).length === 0 ? undefined : this.soleFolder(stack, path);
    if (segments(path).length === 0) {
      const layers = await this.#atOnce(stack.layers);
      await this.#intact(layers);
      return layers.map((id) => this.store.layerPath(id));
    }
    await this.#intact(stack.layers, sole === undefined ? [] : segments(path));
    if (sole !== undefined) return [sole];
    return [this.store.layerPath(await this.layerOf(await this.treeAt(stack, path)))];
  }

  /** A layer that puts `node` at `path` of a stack, the folders on the way as they are there. What a link to a folder is in the way of goes into that. */
  async putLayer(stack: Stack, path: string, node: Node): Promise<string> {
    const names = segments(path);
    const root = await this.view(stack, names);
    if (node.kind === 'dir') {
      const place = segments(await this.realPath(stack, path));
      const { own, apart } = partsOf(root, place, node);
      const parts = [...apart, { place, tree: own }];
      const trees = await Promise.all(parts.map(({ place, tree }) => this.#wrapped(root, place, tree)));
      return this.layerOf(trees.reduce((result, tree) => put(result, '/', tree)));
    }
    const parent = segments(await this.realPath(stack, dirname(`/${names.join('/')}`)));
    return this.layerOf(await this.#wrapped(root, [...parent, basename(path)], node));
  }

  /** A node at its place, in folders as they are in the stack. */
  async #wrapped(root: string, place: readonly string[], node: Node): Promise<DirNode> {
    let tree = place.length > 0 ? node : dirNode(await this.#folderAttributes(root, []), (node as DirNode).children);
    for (let depth = place.length; depth > 0; depth--) {
      const parent = await this.#folderAttributes(root, place.slice(0, depth - 1));
      tree = dirNode(parent, new Map([[place[depth - 1] as string, tree]]));
    }
    return tree as DirNode;
  }

  async #folderAttributes(root: string, names: readonly string[]): Promise<Attributes> {
    const located = locatedAt(join(root, ...names));
    return located?.stats.isDirectory() ? this.attributes(located.stats) : DEFAULT_DIR;
  }

  /** A layer that hides what is at `path`; undefined when nothing is there. */
  async removeLayer(stack: Stack, path: string): Promise<string | undefined> {
    const located = await this.locate(stack, path, { follow: false });
    if (located === undefined) return undefined;
    const real = segments(await this.realPath(stack, dirname(`/${segments(path).join('/')}`)));
    const id = sha256(`without ${stack.key} ${real.join('/')}/${basename(path)}`).slice(0, 40);
    if (await this.store.hasLayer(id)) return id;
    const folder = this.store.scratchFolder('layer');
    const root = await this.view(stack);
    for (let depth = 0; depth <= real.length; depth++) {
      const made = join(folder, 'fs', ...real.slice(0, depth));
      mkdirSync(made);
      this.#setAttributes(emptyDir(await this.#folderAttributes(root, real.slice(0, depth))), made);
    }
    await this.#stacks.whiteout(join(folder, 'fs', ...real, basename(path)));
    await this.store.commitLayer(id, folder);
    return id;
  }
}

/** Whether a path led where its names say. Elsewhere, where a link leads, nobody has looked before. */
const isPlain = (path: string, real: string | undefined) =>
  real === `/${segments(path).join('/')}` && !path.split('/').includes('..');

function locatedAt(path: string): Located | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : { path, stats };
}

function* pathsOnDisk(node: Node): Generator<string> {
  if (node.kind === 'file' && 'path' in node.bytes) yield node.bytes.path;
  if (node.kind === 'dir') for (const child of node.children.values()) yield* pathsOnDisk(child);
}

/** A tree whose files are read from where they are in these folders, of which those before hide those after: to be shared, not copied. */
function fromFolders(dir: DirNode, folders: readonly string[]): DirNode {
  const children = new Map<string, Node>();
  for (const [name, node] of dir.children) {
    const places = folders.map((folder) => join(folder, name));
    if (node.kind === 'dir')
      children.set(
        name,
        fromFolders(
          node,
          places.filter((place) => locatedAt(place)?.stats.isDirectory()),
        ),
      );
    else if (node.kind === 'link') children.set(name, node);
    else {
      const place = places.find((place) => locatedAt(place) !== undefined) as string;
      children.set(name, { ...node, bytes: { path: place } });
    }
  }
  return dirNode(dir, children);
}

/** The extended attributes in a tree, by path. */
function* xattrsBelow(dir: DirNode, prefix = ''): Generator<[path: string, xattrs: Xattrs]> {
  for (const [name, node] of dir.children)
    if (node.kind === 'dir') yield* xattrsBelow(node, `${prefix}${name}/`);
    else if (node.kind === 'file' && node.xattrs !== undefined) yield [prefix + name, node.xattrs];
}

/** A stack where it can be read. */
interface View {
  readonly folder: string;
  readonly layers: readonly string[];
}

interface Part {
  readonly place: readonly string[];
  readonly tree: DirNode;
}

/** A folder, and apart from it, at their own places, those of its folders where there is a link to a folder. */
function partsOf(root: string, place: readonly string[], dir: DirNode): { own: DirNode; apart: Part[] } {
  const children = new Map(dir.children);
  const apart: Part[] = [];
  for (const [name, child] of dir.children) {
    if (child.kind !== 'dir') continue;
    const path = [...place, name];
    const stats = locatedAt(join(root, ...path))?.stats;
    if (stats?.isDirectory()) {
      const { own, apart: deeper } = partsOf(root, path, child);
      if (own !== child) children.set(name, own);
      apart.push(...deeper);
    } else if (stats?.isSymbolicLink()) {
      const real = resolveInside(root, path.join('/'), true);
      if (real === undefined || !locatedAt(join(root, real))?.stats.isDirectory()) continue;
      children.delete(name);
      const { own, apart: deeper } = partsOf(root, segments(real), child);
      apart.push({ place: segments(real), tree: own }, ...deeper);
    }
  }
  const isSame = [...dir.children].every(([name, child]) => children.get(name) === child);
  return { own: isSame ? dir : dirNode(dir, children), apart };
}
