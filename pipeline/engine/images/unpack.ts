// Unpacks a layer's tar into a folder, as overlayfs wants it. Nothing in the tar can reach outside that folder.
import { basename, dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TarEntry } from '../../src/oci/tar.ts';
import { EngineError } from '../errors.ts';
import {
  chmodSync,
  createWriteStream,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from '../store/files.ts';
import { ownerOnDisk } from '../store/ids.ts';
import { kindIn, resolveInside } from '../store/inside.ts';
import { segments } from '../store/tree.ts';
import { CAPABILITY, carriedXattrs, writeXattrs, type Xattrs } from '../store/xattrs.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

export interface UnpackOptions {
  /** Added to every owner. */
  readonly shift: number;
  /** Folders of the layers below, for whiteouts of whole folders. */
  readonly below: readonly string[];
  readonly whiteout: (path: string) => Promise<void>;
  /** A place for work on extended attributes. */
  readonly aside: string;
}

export async function unpackLayer(
  entries: AsyncIterable<TarEntry>,
  root: string,
  options: UnpackOptions,
): Promise<void> {
  mkdirSync(root, { recursive: true });
  chmodSync(root, 0o755);
  lchownSync(root, options.shift, options.shift);
  const folders: TarEntry[] = [];
  const hidden: string[] = [];
  const xattrs: Record<string, Xattrs> = {};
  for await (const entry of entries) {
    const name = basename(entry.path);
    if (name === OPAQUE) {
      target(root, entry.path); // makes the folder, which stays
      hidden.push(dirname(entry.path));
    } else if (name.startsWith(WHITEOUT)) hidden.push(join(dirname(entry.path), whitedOut(entry.path)));
    else {
      await writeEntry(entry, target(root, entry.path), root, options.shift).catch((error) => {
        throw impossible(entry.path, error);
      });
      if (entry.type === 'directory') folders.push(entry);
      const capability = entry.type === 'file' ? entry.xattrs.get(CAPABILITY) : undefined;
      const carried = capability && carriedXattrs(new Map([[CAPABILITY, capability]]));
      const place = relative(root, target(root, entry.path));
      if (carried) xattrs[place] = carried;
      else delete xattrs[place];
    }
  }
  await writeXattrs(root, xattrs, options.aside);
  // What the layer itself has stays, in whatever order it comes.
  for (const path of hidden) await hide(root, target(root, path), options);
  // Last, because writing into a folder changes its time, and may need permissions that it will not have.
  for (const entry of folders.reverse()) {
    const path = target(root, entry.path);
    // A later entry may have put a link in its place, which a change of mode would follow to wherever it leads.
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) setAttributes(entry, path, options.shift);
  }
}

const WHY: Readonly<Record<string, string>> = {
  EEXIST: 'something else is in its way',
  ENOTDIR: 'a file is in its way',
  EISDIR: 'a folder is in its way',
  ENOTEMPTY: 'a folder is in its way',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'it is below links that lead to each other',
};

/** What no file system takes is told of the layer; other faults are the machine's. */
function impossible(path: string, error: unknown): unknown {
  const why = WHY[(error as NodeJS.ErrnoException).code ?? ''];
  const shown = path.length > MOST_SHOWN ? `${path.slice(0, MOST_SHOWN)}…` : path;
  return why === undefined ? error : new EngineError(`the layer holds ${shown}, which cannot be: ${why}`);
}

const MOST_SHOWN = 200;

/** The name that a whiteout hides. */
function whitedOut(path: string): string {
  const name = basename(path).slice(WHITEOUT.length);
  if (name === '' || name === '.' || name === '..')
    throw new EngineError(`the layer holds a whiteout of no name: ${path}`);
  return name;
}

/** Where an entry goes: below the root, whatever links and dots its path holds. */
function target(root: string, path: string): string {
  const name = basename(`/${path}`);
  if (name === '..' || path.split('/').includes('..'))
    throw new EngineError(`the layer holds a path that climbs: ${path}`);
  try {
    const inside = resolveInside(root, dirname(`/${path}`), true, true);
    if (inside === undefined) throw Object.assign(new Error('links in a circle'), { code: 'ELOOP' });
    const parent = inside === '/' ? root : join(root, inside);
    mkdirSync(parent, { recursive: true });
    return name === '' || name === '.' ? parent : join(parent, name);
  } catch (error) {
    throw impossible(path, error);
  }
}

async function writeEntry(entry: TarEntry, path: string, root: string, shift: number): Promise<void> {
  const existing = path === root ? undefined : lstatSync(path, { throwIfNoEntry: false });
  if (path === root && entry.type !== 'directory')
    throw new EngineError(`the layer holds its own root, ${entry.path}, as something else than a folder`);
  if (existing !== undefined && !(existing.isDirectory() && entry.type === 'directory'))
    rmSync(path, { recursive: true, force: true });
  switch (entry.type) {
    case 'directory':
      mkdirSync(path, { recursive: true });
      return;
    case 'symlink':
      symlinkSync(entry.linkpath, path);
      break;
    case 'link': {
      const source = resolveInside(root, entry.linkpath, false);
      if (source === undefined || !lstatSync(join(root, source)).isFile())
        throw new EngineError(`the layer links ${entry.path} to ${entry.linkpath}, which is not a file in it`);
      linkSync(join(root, source), path);
      return;
    }
    case 'file':
      await pipeline(Readable.from(entry.content), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      break;
    default:
      return; // device nodes and pipes: a step gets its devices from the runtime
  }
  setAttributes(entry, path, shift);
}

function setAttributes(entry: TarEntry, path: string, shift: number): void {
  lchownSync(path, ownerOnDisk(entry.uid, shift), ownerOnDisk(entry.gid, shift));
  if (entry.type !== 'symlink') chmodSync(path, entry.mode & 0o7777);
  lutimesSync(path, entry.mtime, entry.mtime);
}

/**
 * What lower layers have at a path is gone, what this one has is not. A folder that would have to be opaque says so name by name, down to the last one
 * that lower layers have too, since Node cannot set the attribute.
 */
async function hide(root: string, path: string, options: UnpackOptions): Promise<void> {
  const here = lstatSync(path, { throwIfNoEntry: false });
  if (here === undefined) return await options.whiteout(path);
  if (!here.isDirectory()) return;
  const place = segments(path.slice(root.length));
  const names = options.below.flatMap((layer) =>
    kindIn(layer, place) === 'dir' ? readdirSync(join(layer, ...place)) : [],
  );
  for (const name of new Set(names)) await hide(root, join(path, name), options);
}
