// What a RUN has mounted, as the engine's steps take it.
import { posix } from 'node:path';
import { fileIn, statusOf, subfolder } from '../api/content.ts';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { DEFAULT_DIR, dirNode, emptyDir, type FileNode, fileNode } from '../store/tree.ts';
import {
  CacheVolumeValue,
  type Content,
  DirectoryValue,
  type Mount,
  ready,
  type SecretValue,
  wholeTree,
} from '../values.ts';
import type { RunMount } from './mounts.ts';
import type { RunStep } from './plan.ts';

/** The files of a stage or an image; of the build's context where none is named. */
export type SourceFor = (name: string | undefined) => Promise<Content>;

type MountOf<Type extends RunMount['type']> = Extract<RunMount, { type: Type }>;

export async function mountsOf(
  session: Session,
  { mounts, script }: RunStep,
  secrets: readonly SecretValue[],
  sourceFor: SourceFor,
): Promise<Mount[]> {
  const made: Mount[] = [];
  for (const mount of mounts) {
    if (mount.type === 'bind') made.push(await bound(session, mount, await sourceFor(mount.from)));
    else if (mount.type === 'cache')
      made.push(await cached(session, mount, mount.from === '' ? undefined : await sourceFor(mount.from)));
    else if (mount.type === 'secret') made.push(...secretFile(mount, secrets));
    else made.push({ kind: 'temp', path: mount.target, ...(mount.size === undefined ? {} : { size: mount.size }) });
  }
  return script === undefined ? made : [...made, scriptFolder(script)];
}

async function bound(
  session: Session,
  { target, source, isReadOnly }: MountOf<'bind'>,
  content: Content,
): Promise<Mount> {
  const path = `/${source}`;
  if ((await statusOf(session, content, path, true))?.type === 'REGULAR') {
    const file = holding('file', await fileIn(session, content, path));
    return { kind: 'file', path: target, content: ready(file), name: 'file' };
  }
  const folder = await subfolder(session, content, path, source);
  return { kind: 'directory', path: target, content: ready(folder), readOnly: isReadOnly };
}

async function cached(
  session: Session,
  { target, id, sharing, owner, mode, source }: MountOf<'cache'>,
  from: Content | undefined,
): Promise<Mount> {
  const volume = new CacheVolumeValue(`dockerfile ${id}`, { sharing, owner });
  const mount: Mount = { kind: 'cache', path: target, volume, owner, sharing };
  const start =
    from !== undefined
      ? await subfolder(session, from, `/${source}`, source)
      : mode !== undefined
        ? wholeTree(emptyDir({ ...DEFAULT_DIR, mode }))
        : undefined;
  return start === undefined ? mount : { ...mount, source: new DirectoryValue(ready(start)) };
}

/** A secret is meant by its name, or by its address. */
const secretOf = (secrets: readonly SecretValue[], id: string) =>
  secrets.find(({ name, uri }) => id === name || id === uri);

function secretFile(
  { id, target, isRequired, owner, mode }: MountOf<'secret'>,
  secrets: readonly SecretValue[],
): Mount[] {
  const secret = secretOf(secrets, id);
  if (secret === undefined && isRequired)
    throw new EngineError(`secret ${id} not found`, `pass a secret named ${id} in \`secrets\``);
  return secret === undefined || target === undefined ? [] : [{ kind: 'secret', path: target, secret, owner, mode }];
}

export function secretVariablesOf({ mounts }: RunStep, secrets: readonly SecretValue[]): Map<string, SecretValue> {
  const variables = new Map<string, SecretValue>();
  for (const mount of mounts) {
    const secret = mount.type === 'secret' ? secretOf(secrets, mount.id) : undefined;
    if (mount.type === 'secret' && mount.variable !== undefined && secret !== undefined)
      variables.set(mount.variable, secret);
  }
  return variables;
}

/** A heredoc that is a program lies in a folder of its own while it runs. */
function scriptFolder({ path, content }: NonNullable<RunStep['script']>): Mount {
  const file = fileNode(Buffer.from(content), { mode: 0o755 });
  const folder = holding(posix.basename(path), file);
  return { kind: 'directory', path: posix.dirname(path), content: ready(folder), readOnly: true };
}

const holding = (name: string, file: FileNode) => wholeTree(dirNode(DEFAULT_DIR, new Map([[name, file]])));
