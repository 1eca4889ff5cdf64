// Fields of Directory and File.
import { statSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { isPlainName } from '../../src/oci/names.ts';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { ensureIntact, hashOf, prepareHash, readBytes, textIn } from '../store/bytes.ts';
import { writeHostFile, writeHostFolder } from '../store/host.ts';
import { type Filter, filterTree, patternOf } from '../store/patterns.ts';
import { sha256 } from '../store/store.ts';
import {
  type Attributes,
  DEFAULT_DIR,
  type DirNode,
  difference,
  digest,
  emptyDir,
  fileNode,
  find,
  map,
  type Node,
  paths,
  put,
  realNames,
  replace,
  segments,
  stamp,
  without,
} from '../store/tree.ts';
import {
  ChangesetValue,
  type Content,
  DirectoryValue,
  FactValue,
  FileValue,
  GitRepositoryValue,
  lazy,
  ready,
  wholeTree,
} from '../values.ts';
import { changesBetween, patched } from './changeset.ts';
import { digestOf, fileIn, ownerIn, type Status, statusOf, subfolder, treeOf } from './content.ts';
import type { Resolvers } from './resolvers.ts';

interface Placed extends Filter {
  readonly path: string;
  readonly source: string;
  readonly owner?: string;
  readonly permissions?: number;
}

export const newDirectory = () => new DirectoryValue(ready(wholeTree(emptyDir())));

/** A folder with something otherwise; what it is a part of stays around it. */
const changed = (
  session: Session,
  directory: DirectoryValue,
  change: (tree: DirNode) => Promise<DirNode> | DirNode,
): DirectoryValue =>
  new DirectoryValue(
    lazy(async () => {
      const content = await directory.content();
      const tree = await change(await treeOf(session, content));
      return 'tree' in content ? { ...content, tree: replace(content.tree, content.path, tree) } : wholeTree(tree);
    }),
    { path: directory.path },
  );

const optionalOwner = async (session: Session, directory: DirectoryValue, owner?: string) =>
  owner ? ownerIn(session, { ...(await directory.content()), path: '/' }, owner) : {};

const meansFolder = (path: string) => /(^|\/)\.?$/.test(path);

/** Where a file lands: in the folder that is there already or that the path's end means, else at the path. */
const fileTarget = (tree: DirNode, path: string, name: string) =>
  meansFolder(path) || find(tree, path)?.kind === 'dir' ? posix.join(path, name) : path;

/** A name that a file system takes. */
function checkedPath(path: string): string {
  if (Buffer.byteLength(posix.basename(path)) > 255)
    throw new EngineError('File name length exceeds the maximum supported 255 characters');
  return path;
}

/** A name without a folder. */
function checkedName(name: string): string {
  if (name.includes('/')) throw new EngineError(`file name ${JSON.stringify(name)} must not contain a directory`);
  return name;
}

/** Written as into an open file: through links, and with owner and permissions of what is there. */
function written(tree: DirNode, path: string, contents: string, mode: number): DirNode {
  const names = realNames(tree, path).join('/');
  const old = find(tree, names);
  if (old?.kind === 'dir') throw new EngineError(`${path}: is a directory`);
  const { uid = 0, gid = 0 } = old ?? {};
  return put(tree, names, fileNode(Buffer.from(contents), { mode: old?.mode ?? mode, uid, gid }));
}

/** The tree of a source that is copied in: filtered, and with owner and permissions where they were given. */
export async function copied(
  session: Session,
  source: DirectoryValue,
  filter: Filter,
  change: Partial<Attributes>,
  permissions?: number,
): Promise<DirNode> {
  const isFiltered = filter.include?.length || filter.exclude?.length || filter.gitignore;
  let tree = await treeOf(session, await source.content(), isFiltered ? filter : undefined);
  if (isFiltered) tree = await filterTree(tree, filter, readNode);
  if (change.uid !== undefined) tree = map(tree, (attributes) => ({ ...attributes, ...change })) as DirNode;
  if (permissions === undefined) return tree;
  return map(tree, (attributes) => ({ ...attributes, mode: permissions })) as DirNode;
}

const readNode = async (node: Node) => (node.kind === 'file' ? readBytes(node.bytes, 'a file') : Buffer.alloc(0));

/** The file of a value with what was asked for of owner and permissions. */
export async function copiedFile(file: FileValue, owner: Partial<Attributes>, permissions?: number): Promise<Node> {
  return { ...(await file.node()), ...owner, ...(permissions === undefined ? {} : { mode: permissions }) };
}

/** A tree without what is at a path, or at all paths that it fits. */
function removed(tree: DirNode, path: string): DirNode {
  if (!path.includes('*')) return without(tree, path);
  const wildcards = patternOf(segments(path).join('/'));
  const places = [...paths(tree)].map(([place]) => place.replace(/\/$/, '')).filter((place) => wildcards.fits(place));
  return [path, ...places].reduce(without, tree);
}

export function statValue(status: Status | undefined, path: string): FactValue {
  if (status === undefined) throw new EngineError(`stat ${path}: no such file or directory`);
  const { type, ...facts } = status;
  return new FactValue('Stat', { ...facts, fileType: type });
}

const EXPECTED = { REGULAR_TYPE: 'REGULAR', DIRECTORY_TYPE: 'DIRECTORY', SYMLINK_TYPE: 'SYMLINK' } as const;
export interface ExistsArgs {
  readonly path: string;
  readonly expectedType?: keyof typeof EXPECTED;
  readonly doNotFollowSymlinks?: boolean;
}

export async function existsIn(
  session: Session,
  content: Content,
  { path, expectedType, doNotFollowSymlinks }: ExistsArgs,
): Promise<boolean> {
  const follow = !doNotFollowSymlinks && expectedType !== 'SYMLINK_TYPE';
  const status = await statusOf(session, content, path, follow);
  return status !== undefined && (expectedType === undefined || status.type === EXPECTED[expectedType]);
}

export const directoryFields: Resolvers<DirectoryValue> = {
  sync: async (self, _, session) => {
    await treeOf(session, await self.content());
    return self.id;
  },
  name: async (self) => {
    await self.content();
    return `${posix.basename(self.path)}/`;
  },
  digest: async (self, _, session) => `sha256:${await digestOf(session, await self.content())}`,
  entries: async (self, { path = '/' }: { path?: string }, session) => {
    const tree = await treeOf(session, await subfolder(session, await self.content(), path));
    const names = [...tree.children.keys()].sort();
    return names.map((name) => (tree.children.get(name)?.kind === 'dir' ? `${name}/` : name));
  },
  glob: async (self, { pattern }: { pattern: string }, session) => {
    const wildcards = patternOf(pattern.replace(/^(\.?\/)+/, ''));
    const tree = await treeOf(session, await self.content());
    return [...paths(tree)].map(([path]) => path).filter((path) => wildcards.fits(path.replace(/\/$/, '')));
  },
  exists: async (self, args: ExistsArgs, session) => existsIn(session, await self.content(), args),
  stat: async (self, { path, doNotFollowSymlinks }: ExistsArgs, session) =>
    statValue(await statusOf(session, await self.content(), path, !doNotFollowSymlinks), path),
  directory: (self, { path }: { path: string }, session) =>
    new DirectoryValue(
      lazy(async () => subfolder(session, await self.content(), path)),
      {
        hostPath: self.hostPath === undefined ? undefined : resolve(self.hostPath, path),
        path: posix.join(self.path, path),
      },
    ),
  file: (self, { path }: { path: string }, session) =>
    new FileValue(
      posix.basename(path),
      lazy(async () => fileIn(session, await self.content(), path)),
    ),
  export: async (self, { path, wipe }: { path: string; wipe?: boolean }, session) => {
    const target = session.hostPath(path);
    const tree = await treeOf(session, await self.content());
    await session.layers.ensureStillIntact(tree);
    session.sayLostBits(await writeHostFolder(tree, target, { wipe: wipe ?? false }), target);
    return target;
  },
  filter: (self, filter: Filter, session) =>
    new DirectoryValue(
      lazy(async () => {
        const tree = await treeOf(session, await self.content(), filter);
        return wholeTree(put(emptyDir(), '/', await filterTree(tree, filter, readNode)));
      }),
    ),
  findUp: async (self, { name, start }: { name: string; start: string }, session) => {
    const content = await self.content();
    for (let folder = posix.normalize(start || '.'); ; folder = posix.dirname(folder)) {
      const inside = await subfolder(session, content, folder);
      if (await statusOf(session, inside, name, false)) return posix.join(folder, name);
      if (folder === posix.dirname(folder)) return null;
    }
  },
  diff: (self, { other }: { other: string }, session) =>
    new DirectoryValue(
      lazy(async () => {
        const theirs = await treeOf(session, await session.load(other, DirectoryValue).content());
        return wholeTree(difference(await treeOf(session, await self.content()), theirs));
      }),
    ),
  changes: (self, { from }: { from: string }, session) =>
    changesBetween(session, session.load(from, DirectoryValue), self),
  withChanges: (self, { changes }: { changes: string }, session) =>
    changed(session, self, async (tree) => {
      const { before, after, paths } = session.load(changes, ChangesetValue);
      const old = await treeOf(session, await before.content());
      const kept = (await paths()).removed.reduce(without, tree);
      return put(kept, '/', difference(old, await treeOf(session, await after.content())));
    }),
  withPatch: (self, { patch }: { patch: string }, session) =>
    changed(session, self, (tree) => patched(session, tree, fileNode(Buffer.from(patch)))),
  withPatchFile: (self, { patch }: { patch: string }, session) =>
    changed(session, self, async (tree) => patched(session, tree, await session.load(patch, FileValue).node())),
  chown: (self, { path, owner }: { path: string; owner: string }, session) =>
    changed(session, self, async (tree) => {
      const ids = await optionalOwner(session, self, owner);
      const node = find(tree, path);
      if (node === undefined) throw new EngineError(`${path}: no such file or directory`);
      return replace(
        tree,
        path,
        map(node, (attributes) => ({ ...attributes, ...ids })),
      );
    }),
  withDirectory: (self, { path, source, owner, permissions, ...filter }: Placed, session) =>
    changed(session, self, async (tree) =>
      put(
        tree,
        path,
        await copied(
          session,
          session.load(source, DirectoryValue),
          filter,
          await optionalOwner(session, self, owner),
          permissions,
        ),
      ),
    ),
  withFile: (self, { path, source, owner, permissions }: Placed, session) =>
    changed(session, self, async (tree) => {
      const file = session.load(source, FileValue);
      const ids = await optionalOwner(session, self, owner);
      return put(tree, fileTarget(tree, path, file.name), await copiedFile(file, ids, permissions));
    }),
  withFiles: (
    self,
    { path, sources, permissions }: { path: string; sources: string[]; permissions?: number },
    session,
  ) =>
    changed(session, self, async (tree) => {
      let result = tree;
      for (const id of sources) {
        const file = session.load(id, FileValue);
        result = put(result, posix.join(path, file.name), await copiedFile(file, {}, permissions));
      }
      return result;
    }),
  withNewDirectory: (self, { path, permissions = 0o644 }: { path: string; permissions?: number }, session) => {
    if (posix.normalize(path).startsWith('../'))
      throw new EngineError(`cannot create directory outside parent: ${posix.normalize(path)}`);
    const attributes = { ...DEFAULT_DIR, mode: permissions || 0o755 };
    return changed(session, self, (tree) =>
      find(tree, path)?.kind === 'dir' ? tree : put(tree, path, emptyDir(attributes), attributes),
    );
  },
  withNewFile: (
    self,
    { path, contents, permissions }: { path: string; contents: string; permissions?: number },
    session,
  ) => changed(session, self, (tree) => written(tree, checkedPath(path), contents, permissions || 0o644)),
  withSymlink: (self, { target, linkName }: { target: string; linkName: string }, session) =>
    changed(session, self, (tree) => {
      if (find(tree, linkName, { follow: false }) !== undefined)
        throw new EngineError(`symlink ${target} ${linkName}: file exists`);
      return put(tree, linkName, linkNode(target));
    }),
  withTimestamps: (self, { timestamp }: { timestamp: number }, session) =>
    changed(session, self, (tree) => map(tree, (attributes) => ({ ...attributes, ...stamp(timestamp) })) as DirNode),
  withoutDirectory: (self, { path }: { path: string }, session) =>
    changed(session, self, (tree) => removed(tree, path)),
  withoutFile: (self, { path }: { path: string }, session) => changed(session, self, (tree) => removed(tree, path)),
  withoutFiles: (self, { paths: gone }: { paths: string[] }, session) =>
    changed(session, self, (tree) => gone.reduce(removed, tree)),
  asGit: (self) => new GitRepositoryValue(self),
};

interface Replacement {
  readonly search: string;
  readonly replacement: string;
  readonly all?: boolean;
  /** The line to begin with, counted from one. */
  readonly firstFrom?: number;
}

/** One match replaced, or all; which one is meant must be clear. */
function replaced(text: string, { search, replacement, all, firstFrom }: Replacement): string {
  if (search === '') throw new EngineError('search string is empty');
  const linesBefore = text.split('\n').slice(0, Math.max(0, (firstFrom ?? 1) - 1));
  const from = linesBefore.reduce((length, line) => length + line.length + 1, 0);
  const kept = text.slice(0, from);
  const [first = '', ...others] = text.slice(from).split(search);
  if (all) return kept + [first, ...others].join(replacement);
  if (others.length === 0) throw new EngineError('search string not found');
  if (firstFrom === undefined && others.length > 1)
    throw new EngineError(
      `search string found multiple times: ${matchPlaces(text, search).join(', ')}`,
      'say `all`, or the line to begin with in `firstFrom`',
    );
  return [kept, first, replacement, others.join(search)].join('');
}

/** Where a text is found: lines counted from one, columns in bytes. */
function matchPlaces(text: string, search: string): string[] {
  let before = '';
  const [first = '', ...others] = text.split(search);
  const places: string[] = [];
  for (const part of [first, ...others.slice(0, -1)]) {
    before += part;
    const line = before.split('\n');
    const start = Buffer.byteLength(line.at(-1) ?? '');
    places.push(`line ${line.length} (${start}-${start + Buffer.byteLength(search)})`);
    before += search;
  }
  return places;
}

export const linkNode = (target: string): Node => ({ kind: 'link', mode: 0o777, uid: 0, gid: 0, mtime: 0, target });

export const fileFields: Resolvers<FileValue> = {
  sync: async (self) => {
    await self.node();
    return self.id;
  },
  name: async (self) => {
    await self.node();
    return self.name;
  },
  size: async (self) => (await self.node()).size,
  contents: async (self, { offsetLines, limitLines }: { offsetLines?: number; limitLines?: number }) => {
    const { bytes } = await self.node();
    await ensureIntact(bytes);
    const isWhole = offsetLines === undefined && limitLines === undefined;
    if (isWhole && 'path' in bytes && isPlainName(bytes.path)) return textIn(bytes.path, self.name);
    const text = readBytes(bytes, self.name).toString();
    if (isWhole) return text;
    const from = offsetLines ?? 0;
    return (text.match(/[^\n]*\n|[^\n]+$/g) ?? [])
      .slice(from, limitLines === undefined ? undefined : from + limitLines)
      .join('');
  },
  digest: async (self, { excludeMetadata }: { excludeMetadata?: boolean }) => {
    const node = await self.node();
    await prepareHash(node.bytes, node.size);
    return `sha256:${excludeMetadata ? sha256(Buffer.from(hashOf(node.bytes), 'hex')) : digest(node)}`;
  },
  stat: async (self) => {
    const { size, mode } = await self.node();
    return new FactValue('Stat', { name: self.name, size, permissions: mode & 0o777, fileType: 'REGULAR' });
  },
  export: async (self, { path, allowParentDirPath }: { path: string; allowParentDirPath?: boolean }, session) => {
    const target = session.hostPath(path);
    const intoFolder = allowParentDirPath && statSync(target, { throwIfNoEntry: false })?.isDirectory();
    const file = intoFolder ? join(target, self.name) : target;
    const node = await self.node();
    await session.layers.ensureStillIntact(node);
    session.sayLostBits(await writeHostFile(node, file), file);
    return target;
  },
  withReplaced: (self, args: Replacement) =>
    new FileValue(
      self.name,
      lazy(async () => {
        const node = await self.node();
        const text = replaced(readBytes(node.bytes, self.name).toString(), args);
        return fileNode(Buffer.from(text), { mode: node.mode, uid: node.uid, gid: node.gid, mtime: node.mtime });
      }),
    ),
  withName: (self, { name }: { name: string }) => new FileValue(checkedName(name), self.node),
  withTimestamps: (self, { timestamp }: { timestamp: number }) =>
    new FileValue(
      self.name,
      lazy(async () => ({ ...(await self.node()), ...stamp(timestamp) })),
    ),
  chown: (self, { owner }: { owner: string }, session) =>
    new FileValue(
      self.name,
      lazy(async () => ({ ...(await self.node()), ...(await ownerIn(session, wholeTree(emptyDir()), owner)) })),
    ),
};

export const newFile = ({ name, contents, permissions }: { name: string; contents: string; permissions?: number }) =>
  new FileValue(checkedName(name), ready(fileNode(Buffer.from(contents), { mode: permissions || 0o644 })));
