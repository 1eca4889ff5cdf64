// COPY and ADD: finds what the sources mean in a folder, and makes the one layer that puts it in place, as BuildKit does.
import { posix } from 'node:path';
import { fileIn, ownerIn, statusOf, subfolder, treeOf } from '../api/content.ts';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { onTop, type Stack } from '../store/layers.ts';
import { filterTree, isPattern, patternOf, patternsOf } from '../store/patterns.ts';
import {
  type Attributes,
  DEFAULT_DIR,
  type DirNode,
  dirNode,
  emptyDir,
  fileNode,
  map,
  type Node,
  paths,
  put,
  segments,
} from '../store/tree.ts';
import type { Content } from '../values.ts';
import { archiveTree } from './archive.ts';
import type { CopyStep } from './plan.ts';

/** What one source means: a file, or a folder whose content is meant. */
interface Found {
  /** Where it is in the folder that is copied from. */
  readonly path: string;
  readonly node: Node;
  readonly isUnpacked?: boolean;
}

export async function copyInto(session: Session, rootfs: Stack, step: CopyStep, source: Content): Promise<Stack> {
  const found: Found[] = [];
  for (const pattern of step.sources) found.push(...(await findIn(session, source, pattern, step)));
  for (const { name, content } of step.files) found.push({ path: name, node: fileNode(Buffer.from(content)) });
  if (found.length === 0) return rootfs;
  const { target, owner, mode, keepsParents } = step;
  const place = JSON.stringify([target, owner, mode, keepsParents, found.map(({ path }) => path)]);
  const whole = dirNode(DEFAULT_DIR, new Map(found.map(({ node }, index) => [String(index), node])));
  const layer = await session.layers.layerFor(rootfs, place, whole, () => layerWith(session, rootfs, step, found));
  return onTop(rootfs, layer);
}

async function findIn(session: Session, source: Content, pattern: string, step: CopyStep): Promise<Found[]> {
  const [root = '/', below = pattern] = step.keepsParents ? pivoted(pattern) : [];
  const folder = root === '/' ? source : await subfolder(session, source, root);
  const found = isPattern(below) ? await matching(session, folder, below) : [await foundAt(session, folder, below)];
  const rules = patternsOf(step.exclude);
  const kept: Found[] = [];
  for (const { path, node } of found) {
    const name = step.keepsParents ? path : posix.basename(path);
    if (node.kind !== 'dir') {
      if (rules.matches(name)) continue;
      const unpacked = step.unpacks && node.kind === 'file' ? await archiveTree(session, node) : undefined;
      kept.push(unpacked === undefined ? { path, node } : { path, node: unpacked, isUnpacked: true });
    } else if (rules.isEmpty) kept.push({ path, node });
    else kept.push({ path, node: await withoutExcluded(node, step, path) });
  }
  return kept;
}

/** Patterns are of names in the folder that is copied, or, where parents are kept, of whole paths. */
async function withoutExcluded(folder: DirNode, { exclude, keepsParents }: CopyStep, path: string): Promise<DirNode> {
  const rules = keepsParents ? exclude.map((rule) => below(path, rule)) : exclude;
  return filterTree(folder, { exclude: rules.filter((rule) => rule !== undefined) }, async () => Buffer.alloc(0));
}

/** A rule for whole paths as one for those below a folder; undefined where it means none of them. */
function below(folder: string, rule: string): string | undefined {
  const prefix = segments(folder).join('/');
  if (rule.startsWith('**') || prefix === '') return rule;
  return rule.startsWith(`${prefix}/`) ? rule.slice(prefix.length + 1) : undefined;
}

/** With --parents, what comes before `/./` is left out of the path. */
function pivoted(pattern: string): [root: string, below: string] {
  const at = pattern.indexOf('/./');
  return at < 0 ? ['/', pattern] : [pattern.slice(0, at) || '/', pattern.slice(at + 3)];
}

/** A path cannot lead out of the folder; a link is followed. */
async function foundAt(session: Session, folder: Content, asked: string): Promise<Found> {
  const path = posix.resolve('/', asked);
  const status = await statusOf(session, folder, path, true);
  if (status === undefined) throw new EngineError(`${asked}: no such file or directory`);
  const node =
    status.type === 'DIRECTORY'
      ? await treeOf(session, await subfolder(session, folder, path))
      : await fileIn(session, folder, path, asked);
  return { path, node };
}

/** All that fits a pattern. It may be nothing. */
async function matching(session: Session, folder: Content, pattern: string): Promise<Found[]> {
  const names = segments(pattern);
  const plain = names.slice(0, names.findIndex(isPattern));
  if ((await statusOf(session, folder, `/${plain.join('/')}`, true))?.type !== 'DIRECTORY') return [];
  const tree = await treeOf(session, await subfolder(session, folder, `/${plain.join('/')}`));
  const wildcards = patternOf(names.slice(plain.length).join('/'));
  const places = [...paths(tree)].map(([path]) => path.replace(/\/$/, '')).filter((path) => wildcards.fits(path));
  return Promise.all(places.map((path) => foundAt(session, folder, posix.join('/', ...plain, path))));
}

async function layerWith(session: Session, rootfs: Stack, step: CopyStep, found: readonly Found[]): Promise<string> {
  const content: Content = { stack: rootfs, path: '/' };
  const ids = step.owner === '' ? {} : await ownerIn(session, content, step.owner);
  const mode = step.mode === undefined ? {} : { mode: step.mode };
  const parents: Attributes = { ...DEFAULT_DIR, ...ids };
  const changed = ({ node, isUnpacked }: Found) =>
    map(node, (attributes) => ({ ...attributes, ...ids, ...(isUnpacked ? {} : mode) }));
  const there = await session.layers.locate(rootfs, step.target);
  const isThere = there?.stats.isDirectory() ?? false;
  const [only] = found as [Found];
  const isFile = only.node.kind !== 'dir' && found.length === 1 && !step.keepsParents;
  if (isFile && !isThere && !step.target.endsWith('/'))
    return putWithParents(session, rootfs, step.target, changed(only), parents);
  if (there !== undefined && !isThere) throw new EngineError(`${step.target} is a file, not a folder`);
  // A folder that is there stays as it is, whatever the one is like that is copied into it.
  let tree = emptyDir(there === undefined ? parents : session.layers.attributes(there.stats));
  for (const item of found) {
    const place = step.keepsParents ? item.path : item.node.kind === 'dir' ? '/' : posix.basename(item.path);
    tree = put(tree, place, changed(item), parents);
  }
  return putWithParents(session, rootfs, step.target, tree, parents);
}

/** A layer with a node at a path. Folders that are missing on the way to it are made with the attributes given. */
async function putWithParents(
  session: Session,
  rootfs: Stack,
  path: string,
  node: Node,
  parents: Attributes,
): Promise<string> {
  const names = segments(path);
  const isThere = async (depth: number) =>
    (await statusOf(session, { stack: rootfs, path: '/' }, `/${names.slice(0, depth).join('/')}`, true)) !== undefined;
  let depth = 1;
  while (depth < names.length && (await isThere(depth))) depth++;
  const nested = names
    .slice(depth)
    .reduceRight<Node>((child, name) => dirNode(parents, new Map([[name, child]])), node);
  return session.layers.putLayer(rootfs, names.slice(0, depth).join('/'), nested);
}
