// Folders and files, wherever their content is: in memory or in a stack of layers.
import { posix } from 'node:path';
import { EngineError } from '../errors.ts';
import type { Identity } from '../run/spec.ts';
import type { Session } from '../session.ts';
import { readBytes } from '../store/bytes.ts';
import { EMPTY_STACK, onTop, type Stack } from '../store/layers.ts';
import type { Filter } from '../store/patterns.ts';
import { type DirNode, digestInTurns, emptyDir, type FileNode, find, type Node, realNames } from '../store/tree.ts';
import type { Content } from '../values.ts';

const missing = (path: string) => new EngineError(`${path.replace(/^\/+/, '') || '/'}: no such file or directory`);
const notFolder = (path: string) => new EngineError(`path ${path} is a file, not a directory`);
const notFile = (path: string, isFolder: boolean) =>
  new EngineError(isFolder ? `path ${path} is a directory, not a file` : `${path}: not a regular file`);

/** A folder as a tree. What the filter passes over may be missing from it. */
export async function treeOf(session: Session, content: Content, filter?: Filter): Promise<DirNode> {
  if ('tree' in content) return folderIn(content, '/');
  const { stack, path } = content;
  if ((await session.layers.folderAt(stack, path)) === undefined) throw await whyNoFolder(session, stack, path, path);
  return session.layers.treeAt(stack, path, filter);
}

export async function digestOf(session: Session, content: Content): Promise<string> {
  if ('tree' in content) return digestInTurns(folderIn(content, '/'));
  return session.layers.digestAt(content.stack, content.path);
}

/** Layers that show this content at their root. */
export async function stackOf(session: Session, content: Content): Promise<Stack> {
  if ('tree' in content) return onTop(EMPTY_STACK, await session.layers.layerOf(folderIn(content, '/')));
  if (content.path === '/') return content.stack;
  return onTop(EMPTY_STACK, await session.layers.layerOf(await treeOf(session, content)));
}

/** Folders to mount over each other, from the bottom up; nothing is copied where that can be helped. */
export async function lowerFolders(session: Session, content: Content): Promise<string[]> {
  if ('tree' in content) {
    const id = await session.layers.layerOf(folderIn(content, '/'));
    await session.store.intact(id);
    return [session.store.layerPath(id)];
  }
  const folders = await session.layers.lowerFolders(content.stack, content.path);
  return folders.length > 0 ? folders : [session.store.layerPath(await session.layers.layerOf(emptyDir()))];
}

type TreeContent = Extract<Content, { tree: DirNode }>;

function folderIn(content: TreeContent, path: string, asked = path): DirNode {
  const node = find(content.tree, posix.join(content.path, path));
  if (node === undefined) throw missing(asked);
  if (node.kind !== 'dir') throw notFolder(asked);
  return node;
}

/** The folder at a path of another. Faults are told of the path that was asked for. */
export async function subfolder(session: Session, content: Content, path: string, asked = path): Promise<Content> {
  if ('tree' in content) {
    folderIn(content, path, asked);
    return { tree: content.tree, path: posix.join(content.path, path) };
  }
  const place = `${content.path}/${path}`;
  const real = await session.layers.folderAt(content.stack, place);
  if (real === undefined) throw await whyNoFolder(session, content.stack, place, asked);
  return { stack: content.stack, path: real };
}

async function whyNoFolder(session: Session, stack: Stack, path: string, asked: string): Promise<EngineError> {
  return (await session.layers.locate(stack, path)) === undefined ? missing(asked) : notFolder(asked);
}

export async function fileIn(session: Session, content: Content, path: string, asked = path): Promise<FileNode> {
  if ('tree' in content) {
    const node = find(content.tree, posix.join(content.path, path));
    if (node === undefined) throw missing(asked);
    if (node.kind !== 'file') throw notFile(asked, node.kind === 'dir');
    return node;
  }
  const located = await session.layers.locate(content.stack, `${content.path}/${path}`);
  if (located === undefined) throw missing(asked);
  if (!located.stats.isFile()) throw notFile(asked, located.stats.isDirectory());
  return session.layers.fileAt(located);
}

export interface Status {
  readonly name: string;
  readonly type: 'DIRECTORY' | 'REGULAR' | 'SYMLINK' | 'UNKNOWN';
  readonly size: number;
  readonly permissions: number;
}

/** What is at a path, or undefined. */
export async function statusOf(
  session: Session,
  content: Content,
  path: string,
  follow: boolean,
): Promise<Status | undefined> {
  if (path === '') return undefined;
  if ('tree' in content) {
    const names = realNames(content.tree, posix.join(content.path, path), { follow });
    const node = find(content.tree, names.join('/'), { follow: false });
    if (node === undefined) return undefined;
    return { name: names.at(-1) ?? '/', type: TYPES[node.kind], size: sizeOf(node), permissions: node.mode & 0o777 };
  }
  const located = await session.layers.locate(content.stack, `${content.path}/${path}`, { follow });
  if (located === undefined) return undefined;
  const { stats } = located;
  const type = stats.isDirectory()
    ? 'DIRECTORY'
    : stats.isFile()
      ? 'REGULAR'
      : stats.isSymbolicLink()
        ? 'SYMLINK'
        : 'UNKNOWN';
  return { name: posix.basename(located.path), type, size: stats.size, permissions: stats.mode & 0o777 };
}

/** What a folder takes on the disks that engines have. */
const FOLDER_BYTES = 4096;

function sizeOf(node: Node): number {
  if (node.kind === 'dir') return FOLDER_BYTES;
  return node.kind === 'file' ? node.size : Buffer.byteLength(node.target);
}

const TYPES = { dir: 'DIRECTORY', file: 'REGULAR', link: 'SYMLINK' } as const satisfies Record<
  Node['kind'],
  Status['type']
>;

/** Numeric ids for `user`, `user:group`, by name or number, as the file system's own lists have them. The group is the user's number unless it is named. */
export async function ownerIn(
  session: Session,
  content: Content,
  owner: string,
): Promise<{ uid: number; gid: number }> {
  const [user = '', group] = owner.split(':');
  const { uid } = await accountOf(session, content, user);
  return { uid, gid: group === undefined ? uid : await groupOf(session, content, group) };
}

/** Who a command runs as. Of the groups that list the user it is a member unless one was named. */
export async function identityOf(
  session: Session,
  content: Content,
  name: string,
): Promise<Identity & { readonly home: string }> {
  const [user = '', group] = name.split(':');
  const account = await accountOf(session, content, user);
  if (group !== undefined) return { ...account, gid: await groupOf(session, content, group), groups: [] };
  return { ...account, groups: await groupsOf(session, content, account.name) };
}

interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly name: string;
}

async function accountOf(session: Session, content: Content, user: string): Promise<Account> {
  const isNumber = /^\d+$/.test(user);
  for (const [name, , uid, gid, , home] of await table(session, content, '/etc/passwd')) {
    if (isNumber ? uid === user : name === user)
      return { uid: idOf(uid, user), gid: idOf(gid, user), home: home || '/', name: name as string };
  }
  if (isNumber) return { uid: idOf(user, user), gid: 0, home: user === '0' ? '/root' : '/', name: '' };
  if (user === '' || user === 'root') return { uid: 0, gid: 0, home: '/root', name: 'root' };
  throw new EngineError(`unable to find user ${user}: no matching entries in passwd file`);
}

async function groupOf(session: Session, content: Content, group: string): Promise<number> {
  if (/^\d+$/.test(group)) return idOf(group, group);
  for (const [name, , gid] of await table(session, content, '/etc/group')) if (name === group) return idOf(gid, group);
  throw new EngineError(`unable to find group ${group}: no matching entries in group file`);
}

/** The groups that list a user as a member. */
async function groupsOf(session: Session, content: Content, user: string): Promise<number[]> {
  if (user === '') return [];
  const rows = await table(session, content, '/etc/group');
  return rows
    .filter(([, , , members]) => members?.split(',').includes(user))
    .map(([name = '', , gid]) => idOf(gid, name));
}

/** As Docker takes them: to the kernel the largest of all means "as it is", which is root. */
const LARGEST_ID = 2 ** 31 - 1;

function idOf(text: string | undefined, whose: string): number {
  const id = /^\d+$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (id <= LARGEST_ID) return id;
  throw new EngineError(`the id of ${whose} is ${JSON.stringify(text ?? '')}, no number from 0 to ${LARGEST_ID}`);
}

async function table(session: Session, content: Content, path: string): Promise<string[][]> {
  const status = await statusOf(session, content, path, true);
  if (status?.type !== 'REGULAR') return [];
  const text = readBytes((await fileIn(session, content, path)).bytes, path).toString();
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(':'));
}
