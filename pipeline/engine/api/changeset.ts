// Fields of Changeset: what turned one folder into another, as git sees it. Patches are written and applied by git itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { readBytes } from '../store/bytes.ts';
import { readOnce, removeFromHost, withScratch, writeHostFolder } from '../store/host.ts';
import {
  type DirNode,
  difference,
  digest,
  emptyDir,
  type FileNode,
  fileNode,
  find,
  type Node,
  paths,
  put,
} from '../store/tree.ts';
import { type ChangedPaths, ChangesetValue, DirectoryValue, FileValue, lazy, wholeTree } from '../values.ts';
import { treeOf } from './content.ts';
import type { Resolvers } from './resolvers.ts';

export function changesBetween(
  session: Session,
  before: DirectoryValue,
  after: DirectoryValue,
  isEmpty?: ChangesetValue['isEmpty'],
): ChangesetValue {
  const compare = async () =>
    changedPaths(await treeOf(session, await before.content()), await treeOf(session, await after.content()));
  return new ChangesetValue(before, after, lazy(compare), isEmpty);
}

const at = (tree: DirNode, path: string) => find(tree, path, { follow: false });
const isFolder = (path: string) => path.endsWith('/');

/** Files and folders that are new or gone, and files that are otherwise. */
function changedPaths(before: DirNode, after: DirNode): ChangedPaths {
  const isIn = (tree: DirNode, path: string) => {
    const node = at(tree, path);
    return node !== undefined && (node.kind === 'dir') === isFolder(path);
  };
  const differing = [...paths(difference(before, after))].map(([path]) => path);
  const gone = [...paths(difference(after, before))].map(([path]) => path).filter((path) => !isIn(after, path));
  return {
    added: differing.filter((path) => !isIn(before, path)).sort(),
    modified: differing
      .filter((path) => !isFolder(path) && isIn(before, path))
      .filter((path) => isOtherwise(at(before, path) as Node, at(after, path) as Node))
      .sort(),
    removed: outermost(gone.sort()),
    gone,
  };
}

/** Whether git sees a difference: in content, in what may be executed, in what is a link. */
function isOtherwise(before: Node, after: Node): boolean {
  return gitMode(before) !== gitMode(after) || digest(asOwned(before)) !== digest(asOwned(after));
}

const asOwned = (node: Node): Node => ({ ...node, mode: 0, uid: 0, gid: 0, isStamped: false });

function gitMode({ kind, mode }: Node): string {
  if (kind === 'link') return 'link';
  return mode & 0o111 ? 'executable' : 'file';
}

/** Sorted paths without those that are in a folder of the list. */
function outermost(sorted: readonly string[]): string[] {
  const result: string[] = [];
  for (const path of sorted) {
    const last = result.at(-1);
    if (last === undefined || !isFolder(last) || !path.startsWith(last)) result.push(path);
  }
  return result;
}

// ── Patches ──────────────────────────────────────────────────────────────────────────────────

/** These files of a tree, at their places. */
const picked = (tree: DirNode, files: readonly string[]): DirNode =>
  files.reduce((result, path) => put(result, path, at(tree, path) as Node), emptyDir());

/** What `git diff` says of two folders that hold just what differs. */
async function patchOf(session: Session, changes: ChangesetValue): Promise<FileNode> {
  const { added, modified, gone } = await changes.paths();
  const isFile = (path: string) => !isFolder(path);
  const before = await treeOf(session, await changes.before.content());
  const after = await treeOf(session, await changes.after.content());
  return withScratch(session, 'patch', async (folder) => {
    await writeHostFolder(picked(before, [...modified, ...gone].filter(isFile)), join(folder, 'a'));
    await writeHostFolder(picked(after, [...modified, ...added].filter(isFile)), join(folder, 'b'));
    const args = ['diff', '--binary', '--no-prefix', '--no-index', 'a', 'b'];
    return fileNode(await patchTool(folder, args, Buffer.alloc(0), 1));
  });
}

/** A tree with a patch applied. What the patch leaves as it is keeps its owner and its time. */
export async function patched(session: Session, tree: DirNode, patch: FileNode): Promise<DirNode> {
  if (patch.size === 0) return tree;
  return withScratch(session, 'patched', async (folder) => {
    await writeHostFolder(tree, folder);
    await patchTool(folder, ['apply', '--allow-empty', '-'], readBytes(patch.bytes, 'the patch'));
    return kept(tree, await readOnce(session, folder));
  });
}

/** The second tree, with nodes of the first where they are the same but for the owner and the time. */
function kept(before: DirNode, after: DirNode): DirNode {
  const children = [...after.children].map(([name, node]): [string, Node] => {
    const old = before.children.get(name);
    if (old?.kind === 'dir' && node.kind === 'dir') return [name, kept(old, node)];
    return [name, old !== undefined && old.kind === node.kind && !isOtherwise(old, node) ? old : node];
  });
  return { ...before, children: new Map(children) };
}

/** Runs git where no repository is, and gives what it said. Fails with its words when it ends otherwise than well. */
async function patchTool(folder: string, args: readonly string[], input: Buffer, otherExitCode = 0): Promise<Buffer> {
  const child = spawn('git', args, {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? '',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      // A repository in the folder, which a step may have written, could name programs to run.
      GIT_DIR: '/dev/null',
      LC_ALL: 'C',
    },
  });
  child.stdin.on('error', () => {}); // it ended before it had read all; its exit code says why
  child.stdin.end(input);
  const [stdout, stderr, [exitCode]] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (exitCode !== 0 && exitCode !== otherExitCode) throw new EngineError(`git ${args[0]}: ${stderr.trim()}`);
  return stdout;
}

// ── Fields ───────────────────────────────────────────────────────────────────────────────────

export const changesetFields: Resolvers<ChangesetValue> = {
  sync: async (self) => {
    await self.paths();
    return self.id;
  },
  isEmpty: async (self) => {
    if (self.isEmpty !== undefined) return self.isEmpty();
    const { added, modified, gone } = await self.paths();
    return [...added, ...modified, ...gone].every(isFolder); // git knows of no folders
  },
  addedPaths: async (self) => (await self.paths()).added,
  modifiedPaths: async (self) => (await self.paths()).modified,
  removedPaths: async (self) => (await self.paths()).removed,
  before: (self) => self.before,
  after: (self) => self.after,
  layer: (self, _, session) => new DirectoryValue(lazy(async () => wholeTree(await layerOf(session, self)))),
  asPatch: (self, _, session) =>
    new FileValue(
      'diff.patch',
      lazy(() => patchOf(session, self)),
    ),
  export: async (self, { path }: { path: string }, session) => {
    const target = session.hostPath(path);
    const tree = await layerOf(session, self);
    await session.layers.ensureStillIntact(tree);
    removeFromHost(target, (await self.paths()).removed);
    session.sayLostBits(await writeHostFolder(tree, target), target);
    return target;
  },
};

/** What is new or otherwise. */
const layerOf = async (session: Session, { before, after }: ChangesetValue): Promise<DirNode> =>
  difference(await treeOf(session, await before.content()), await treeOf(session, await after.content()));
