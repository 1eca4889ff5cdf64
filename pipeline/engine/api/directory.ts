// Fields of Directory and File.
import { posix, resolve } from 'node:path';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { ensureIntact, hashOf, prepareHash, readBytes } from '../store/bytes.ts';
import { writeHostFile, writeHostFolder } from '../store/host.ts';
import { type Filter, filterTree, isPattern, patternToRegExp } from '../store/patterns.ts';
import {
  type Attributes,
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
  segments,
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
} from '../values.ts';
import { digestOf, fileIn, statusOf, subfolder, treeOf } from './content.ts';
import { changesBetween } from './git.ts';
import type { Resolvers } from './resolvers.ts';

interface Placed extends Filter {
  readonly path: string;
  readonly source: string;
  readonly owner?: string;
  readonly permissions?: number;
}

export const newDirectory = () => new DirectoryValue(ready<Content>({ tree: emptyDir() }));

/** A folder made from another one's tree. */
export const treeFrom = (
  session: Session,
  directory: DirectoryValue,
  change: (tree: DirNode) => Promise<DirNode> | DirNode,
) => new DirectoryValue(lazy(async () => ({ tree: await change(await treeOf(session, await directory.content())) })));

/** Numbers only: a folder by itself has no list of users to look a name up in. */
export function numericOwner(owner: string): { uid: number; gid: number } {
  const [user = '', group = user] = owner.split(':');
  if (!/^\d+$/.test(user) || !/^\d+$/.test(group))
    throw new EngineError(`owner ${owner} is a name`, 'a Directory takes numbers, as in "1000:1000"');
  return { uid: Number(user), gid: Number(group) };
}

/** Where a file lands: in the folder that is there already or that the path's last slash means, else at the path. */
const fileTarget = (tree: DirNode, path: string, name: string) =>
  path.endsWith('/') || find(tree, path)?.kind === 'dir' ? posix.join(path, name) : path;

/** The tree of a source that is copied in: filtered, and with owner and permissions where they were given. */
export async function copied(
  session: Session,
  source: DirectoryValue,
  filter: Filter,
  change: Partial<Attributes>,
  permissions?: number,
): Promise<DirNode> {
  let tree = await treeOf(session, await source.content());
  if (filter.include?.length || filter.exclude?.length || filter.gitignore)
    tree = await filterTree(tree, filter, readNode);
  if (change.uid !== undefined) tree = map(tree, (attributes) => ({ ...attributes, ...change })) as DirNode;
  if (permissions === undefined) return tree;
  return map(tree, (attributes) => ({ ...attributes, mode: permissions })) as DirNode;
}

const readNode = async (node: Node) => (node.kind === 'file' ? readBytes(node.bytes) : Buffer.alloc(0));

/** The file of a value with what was asked for of owner and permissions. */
export async function copiedFile(file: FileValue, owner: Partial<Attributes>, permissions?: number): Promise<Node> {
  return { ...(await file.node()), ...owner, ...(permissions === undefined ? {} : { mode: permissions }) };
}

/** A tree without what is at a path, or at all paths that it fits. */
function removed(tree: DirNode, path: string): DirNode {
  if (!isPattern(path)) return without(tree, path);
  const expression = patternToRegExp(segments(path).join('/'));
  const places = [...paths(tree)].map(([place]) => place.replace(/\/$/, '')).filter((place) => expression.test(place));
  return [path, ...places].reduce(without, tree);
}

const optionalOwner = (owner?: string) => (owner ? numericOwner(owner) : {});

export function statValue(name: string, status: Awaited<ReturnType<typeof statusOf>>, path: string): FactValue {
  if (status === undefined) throw new EngineError(`${path}: no such file or directory`);
  return new FactValue('Stat', { name, size: status.size, permissions: status.permissions, fileType: status.type });
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
  name: (self) => `${posix.basename(self.path)}/`,
  digest: async (self, _, session) => `sha256:${await digestOf(session, await self.content())}`,
  entries: async (self, { path = '/' }: { path?: string }, session) => {
    const tree = await treeOf(session, await subfolder(session, await self.content(), path));
    return [...tree.children].map(([name, node]) => (node.kind === 'dir' ? `${name}/` : name)).sort();
  },
  glob: async (self, { pattern }: { pattern: string }, session) => {
    const expression = patternToRegExp(pattern.replace(/^(\.?\/)+/, ''));
    const tree = await treeOf(session, await self.content());
    return [...paths(tree)].map(([path]) => path).filter((path) => expression.test(path.replace(/\/$/, '')));
  },
  exists: async (self, args: ExistsArgs, session) => existsIn(session, await self.content(), args),
  stat: async (self, { path, doNotFollowSymlinks }: ExistsArgs, session) =>
    statValue(posix.basename(path), await statusOf(session, await self.content(), path, !doNotFollowSymlinks), path),
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
    const target = resolve(session.workdir, path);
    await writeHostFolder(await treeOf(session, await self.content()), target, { wipe: wipe ?? false });
    return target;
  },
  filter: (self, filter: Filter, session) => treeFrom(session, self, (tree) => filterTree(tree, filter, readNode)),
  diff: (self, { other }: { other: string }, session) =>
    treeFrom(session, self, async (tree) =>
      difference(tree, await treeOf(session, await session.load(other, DirectoryValue).content())),
    ),
  changes: (self, { from }: { from: string }, session) =>
    changesBetween(session, session.load(from, DirectoryValue), self),
  withChanges: (self, { changes }: { changes: string }, session) =>
    treeFrom(session, self, async (tree) => {
      const { before, after, paths: changed } = session.load(changes, ChangesetValue);
      const old = await treeOf(session, await before.content());
      const kept = (await changed()).removed.reduce(without, tree);
      return put(kept, '/', difference(old, await treeOf(session, await after.content())));
    }),
  chown: (self, { path, owner }: { path: string; owner: string }, session) =>
    treeFrom(session, self, async (tree) => {
      const node = await subfolder(session, { tree }, path).then(
        (content) => treeOf(session, content),
        () => fileIn(session, { tree }, path),
      );
      return put(
        without(tree, path),
        path,
        map(node, (attributes) => ({ ...attributes, ...numericOwner(owner) })),
        tree,
      );
    }),
  withDirectory: (self, { path, source, owner, permissions, ...filter }: Placed, session) =>
    treeFrom(session, self, async (tree) =>
      put(
        tree,
        path,
        await copied(session, session.load(source, DirectoryValue), filter, optionalOwner(owner), permissions),
      ),
    ),
  withFile: (self, { path, source, owner, permissions }: Placed, session) =>
    treeFrom(session, self, async (tree) => {
      const file = session.load(source, FileValue);
      return put(tree, fileTarget(tree, path, file.name), await copiedFile(file, optionalOwner(owner), permissions));
    }),
  withFiles: (
    self,
    { path, sources, permissions }: { path: string; sources: string[]; permissions?: number },
    session,
  ) =>
    treeFrom(session, self, async (tree) => {
      let result = tree;
      for (const id of sources) {
        const file = session.load(id, FileValue);
        result = put(result, posix.join(path, file.name), await copiedFile(file, {}, permissions));
      }
      return result;
    }),
  withNewDirectory: (self, { path, permissions = 0o755 }: { path: string; permissions?: number }, session) =>
    treeFrom(session, self, (tree) => put(tree, path, emptyDir({ mode: permissions, uid: 0, gid: 0, mtime: 0 }))),
  withNewFile: (
    self,
    { path, contents, permissions = 0o644 }: { path: string; contents: string; permissions?: number },
    session,
  ) =>
    treeFrom(session, self, (tree) => {
      if (find(tree, path)?.kind === 'dir') throw new EngineError(`${path}: is a directory`);
      return put(tree, path, fileNode(Buffer.from(contents), { mode: permissions }));
    }),
  withSymlink: (self, { target, linkName }: { target: string; linkName: string }, session) =>
    treeFrom(session, self, (tree) => put(tree, linkName, linkNode(target))),
  withTimestamps: (self, { timestamp }: { timestamp: number }, session) =>
    treeFrom(session, self, (tree) => map(tree, (attributes) => ({ ...attributes, mtime: timestamp })) as DirNode),
  withoutDirectory: (self, { path }: { path: string }, session) =>
    treeFrom(session, self, (tree) => removed(tree, path)),
  withoutFile: (self, { path }: { path: string }, session) => treeFrom(session, self, (tree) => removed(tree, path)),
  withoutFiles: (self, { paths: gone }: { paths: string[] }, session) =>
    treeFrom(session, self, (tree) => gone.reduce(removed, tree)),
  asGit: (self) => new GitRepositoryValue(self),
};

interface Replacement {
  readonly search: string;
  readonly replacement: string;
  readonly all?: boolean;
  /** Counted from one. */
  readonly firstFrom?: number;
}

/** One match replaced, or all; which one is meant must be clear. */
function replaced(text: string, { search, replacement, all, firstFrom }: Replacement): string {
  const parts = text.split(search);
  if (search === '' || parts.length === 1) throw new EngineError(`the file does not contain ${JSON.stringify(search)}`);
  if (all) return parts.join(replacement);
  if (firstFrom === undefined && parts.length > 2)
    throw new EngineError(
      `the file contains ${JSON.stringify(search)} ${parts.length - 1} times`,
      'say `all`, or the line to begin with in `firstFrom`',
    );
  const lines = text.split('\n').slice(0, Math.max(0, (firstFrom ?? 1) - 1));
  const from = lines.reduce((length, line) => length + line.length + 1, 0);
  const at = text.indexOf(search, from);
  if (at < 0) throw new EngineError(`the file does not contain ${JSON.stringify(search)} from line ${firstFrom} on`);
  return text.slice(0, at) + replacement + text.slice(at + search.length);
}

export const linkNode = (target: string): Node => ({ kind: 'link', mode: 0o777, uid: 0, gid: 0, mtime: 0, target });

export const fileFields: Resolvers<FileValue> = {
  sync: async (self) => {
    await self.node();
    return self.id;
  },
  name: (self) => self.name,
  size: async (self) => (await self.node()).size,
  contents: async (self, { offsetLines, limitLines }: { offsetLines?: number; limitLines?: number }) => {
    const { bytes } = await self.node();
    await ensureIntact(bytes);
    const text = readBytes(bytes).toString();
    if (offsetLines === undefined && limitLines === undefined) return text;
    const from = offsetLines ?? 0;
    return (text.match(/[^\n]*\n|[^\n]+$/g) ?? [])
      .slice(from, limitLines === undefined ? undefined : from + limitLines)
      .join('');
  },
  digest: async (self, { excludeMetadata }: { excludeMetadata?: boolean }) => {
    const node = await self.node();
    await prepareHash(node.bytes, node.size);
    return `sha256:${excludeMetadata ? hashOf(node.bytes) : digest(node)}`;
  },
  stat: async (self) => {
    const { size, mode } = await self.node();
    return new FactValue('Stat', { name: self.name, size, permissions: mode, fileType: 'REGULAR' });
  },
  export: async (self, { path, allowParentDirPath }: { path: string; allowParentDirPath?: boolean }, session) => {
    const intoFolder = path.endsWith('/') || allowParentDirPath === true;
    const target = resolve(session.workdir, intoFolder ? posix.join(path, self.name) : path);
    await writeHostFile(await self.node(), target);
    return target;
  },
  withReplaced: (self, args: Replacement) =>
    new FileValue(
      self.name,
      lazy(async () => {
        const node = await self.node();
        const text = replaced(readBytes(node.bytes).toString(), args);
        return fileNode(Buffer.from(text), { mode: node.mode, uid: node.uid, gid: node.gid, mtime: node.mtime });
      }),
    ),
  withName: (self, { name }: { name: string }) => new FileValue(name, self.node),
  withTimestamps: (self, { timestamp }: { timestamp: number }) =>
    new FileValue(
      self.name,
      lazy(async () => ({ ...(await self.node()), mtime: timestamp })),
    ),
  chown: (self, { owner }: { owner: string }) =>
    new FileValue(
      self.name,
      lazy(async () => ({ ...(await self.node()), ...numericOwner(owner) })),
    ),
};

export const newFile = ({
  name,
  contents,
  permissions = 0o644,
}: {
  name: string;
  contents: string;
  permissions?: number;
}) => new FileValue(posix.basename(name), ready(fileNode(Buffer.from(contents), { mode: permissions })));

export const isRoot = (path: string) => segments(path).length === 0;
