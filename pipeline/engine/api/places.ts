// Places in a container: which file system holds a path, the root or that of a mount, to be read there or changed.
import { posix } from 'node:path';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { readdirSync } from '../store/files.ts';
import { onTop, type Stack } from '../store/layers.ts';
import { isPattern, patternOf } from '../store/patterns.ts';
import type { Node } from '../store/tree.ts';
import { type ContainerState, type Content, lazy, type Mount } from '../values.ts';
import { stackOf, statusOf } from './content.ts';

export interface Place {
  readonly content: Content;
  readonly path: string;
}

/** The mount that covers a path: the deepest one. Secrets are there for commands alone. */
export function mountAt(mounts: readonly Mount[], path: string): ContentMount | undefined {
  const mount = mounts
    .filter(({ kind }) => kind !== 'secret')
    .filter((mount) => path === mount.path || path.startsWith(`${mount.path.replace(/\/$/, '')}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (mount !== undefined && !hasContent(mount))
    throw new EngineError(`${path}: cannot retrieve path from ${mount.kind === 'cache' ? 'cache' : 'tmpfs'}`);
  return mount;
}

type ContentMount = Extract<Mount, { kind: 'directory' | 'file' }>;
const hasContent = (mount: Mount): mount is ContentMount => mount.kind === 'directory' || mount.kind === 'file';

/** The content that holds a path of a container, and the path in it. */
export async function locate(state: ContainerState, path: string): Promise<Place> {
  const mount = mountAt(state.mounts, path);
  if (mount === undefined) return { content: { stack: await state.rootfs(), path: '/' }, path };
  const below = posix.relative(mount.path, path);
  return {
    content: await mount.content(),
    path: mount.kind === 'file' ? posix.join(mount.name, below) : below || '/',
  };
}

/** What of a state is otherwise when the file system that holds `path` is changed. A mount at this very path is taken away first, if it is of a kind that is `replaced`. */
export function changedAt(
  session: Session,
  state: Pick<ContainerState, 'rootfs' | 'mounts'>,
  path: string,
  change: (stack: Stack, path: string) => Promise<Stack>,
  replaced: readonly Mount['kind'][] = ['directory', 'file'],
): Pick<ContainerState, 'rootfs' | 'mounts'> {
  const { mounts } = state;
  const mount = mountAt(mounts, path);
  if (mount === undefined) return { mounts, rootfs: lazy(async () => change(await state.rootfs(), path)) };
  const below = posix.relative(mount.path, path);
  const others = mounts.filter((other) => other !== mount);
  if (below === '' && replaced.includes(mount.kind))
    return changedAt(session, { ...state, mounts: others }, path, change, replaced);
  if (mount.kind === 'file') throw new EngineError(`${mount.path}: not a directory`);
  const content = lazy<Content>(async () => {
    const stack = await stackOf(session, await mount.content());
    return { stack: await change(stack, below || '/'), path: '/' };
  });
  return { ...state, mounts: mounts.map((other) => (other === mount ? { ...mount, content } : other)) };
}

/** A stack with a node put at a path. A file that has a `name` goes into the folder that is there already, as `cp` has it. */
export async function stackWith(
  session: Session,
  stack: Stack,
  path: string,
  node: Node,
  name?: string,
): Promise<Stack> {
  const place = JSON.stringify([path, name]);
  const layer = await session.layers.layerFor(stack, place, node, () => layerWith(session, stack, path, node, name));
  return onTop(stack, layer);
}

async function layerWith(session: Session, stack: Stack, path: string, node: Node, name?: string): Promise<string> {
  let target = path;
  if (node.kind === 'link' && (await statusOf(session, { stack, path: '/' }, path, false)) !== undefined)
    throw new EngineError(`symlink ${node.target} ${path}: file exists`);
  if (node.kind === 'file') {
    const existing = await statusOf(session, { stack, path: '/' }, path, true);
    if (path.endsWith('/') || existing?.type === 'DIRECTORY') {
      if (name === undefined) throw new EngineError(`${path}: is a directory`);
      target = posix.join(path, name);
    }
  }
  return session.layers.putLayer(stack, target, node);
}

/** A stack without what is at a path. The last name may be a pattern, as in `*.log`. */
export async function stackWithout(session: Session, stack: Stack, path: string): Promise<Stack> {
  let result = stack;
  for (const place of await matches(session, stack, path)) {
    const layer = await session.layers.removeLayer(result, place);
    if (layer !== undefined) result = onTop(result, layer);
  }
  return result;
}

async function matches(session: Session, stack: Stack, path: string): Promise<string[]> {
  const { dir, base } = posix.parse(path);
  const folder = isPattern(base) ? await session.layers.locate(stack, dir) : undefined;
  if (!folder?.stats.isDirectory()) return [path];
  const wildcards = patternOf(base);
  const names = readdirSync(folder.path).filter((name) => wildcards.fits(name));
  return [path, ...names.map((name) => posix.join(dir, name))];
}
