// Places in a container: which file system holds a path, the root or that of a mount, to be read there or changed.
import { readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { onTop, type Stack } from '../store/layers.ts';
import { isPattern, patternToRegExp } from '../store/patterns.ts';
import type { Node } from '../store/tree.ts';
import { type ContainerState, type Content, lazy, type Mount } from '../values.ts';
import { stackOf, statusOf } from './content.ts';

export interface Place {
  readonly content: Content;
  readonly path: string;
}

/** The mount that covers a path: the deepest one. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts
    .filter((mount) => path === mount.path || path.startsWith(`${mount.path.replace(/\/$/, '')}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

/** The content that holds a path of a container, and the path in it. */
export async function locate(state: ContainerState, path: string): Promise<Place> {
  const mount = mountAt(state.mounts, path);
  if (mount === undefined) return { content: { stack: await state.rootfs(), path: '/' }, path };
  if (mount.kind !== 'directory' && mount.kind !== 'file') {
    throw new EngineError(`cannot read ${path}: it is below the ${mount.kind} mount ${mount.path}`);
  }
  return {
    content: await mount.content(),
    path: mount.kind === 'file' ? mount.name : posix.relative(mount.path, path) || '/',
  };
}

/** What of a state is otherwise when the file system that holds `path` is changed. */
export function changedAt(
  session: Session,
  state: Pick<ContainerState, 'rootfs' | 'mounts'>,
  path: string,
  change: (stack: Stack, path: string) => Promise<Stack>,
): Partial<ContainerState> {
  const mount = mountAt(state.mounts, path);
  if (mount?.kind !== 'directory') return { rootfs: lazy(async () => change(await state.rootfs(), path)) };
  const content = lazy<Content>(async () => {
    const stack = await stackOf(session, await mount.content());
    return { stack: await change(stack, posix.relative(mount.path, path) || '/'), path: '/' };
  });
  return { mounts: state.mounts.map((other) => (other === mount ? { ...mount, content } : other)) };
}

/** A stack with a node put at a path. A file that has a `name` goes into the folder that is there already, as `cp` has it. */
export async function stackWith(
  session: Session,
  stack: Stack,
  path: string,
  node: Node,
  name?: string,
): Promise<Stack> {
  let target = path;
  if (node.kind === 'file') {
    const existing = await statusOf(session, { stack, path: '/' }, path, true);
    if (path.endsWith('/') || existing?.type === 'DIRECTORY') {
      if (name === undefined) throw new EngineError(`${path}: is a directory`);
      target = posix.join(path, name);
    }
  }
  return onTop(stack, await session.layers.putLayer(stack, target, node));
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
  const expression = patternToRegExp(base);
  const names = readdirSync(folder.path).filter((name) => expression.test(name));
  return [path, ...names.map((name) => posix.join(dir, name))];
}
