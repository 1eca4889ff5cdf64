// Makes one layer of several that lie on each other: what is left of them in the end, in sorted order, without times.
import { posix } from 'node:path';
import { OciError } from './errors.ts';
import { readTar, sortedByPath, type TarHeader, type TarInput } from './tar.ts';

/** What of several layers is left, and which of its files say when they were written: no two builds make the same of them. */
export type Merged = { entries: TarInput[]; dated: string[] };

/** `layers` are tar archives, the lowest first. */
export async function mergeLayers(layers: readonly Blob[]): Promise<Merged> {
  const merging = new Merging();
  for (const layer of layers) await merging.add(layer);
  return { entries: merging.entries(), dated: merging.dated() };
}

/** The same for all names of one file. */
type Inode = { header: TarHeader; content: Blob; isDated: boolean };
type Named = { path: string; inode: Inode };

/** As the image specification has it: `.wh.a` takes `a` away from the layers below, and `.wh..wh..opq` all that its folder has there. */
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

const whiteoutOf = (path: string) => posix.join(posix.dirname(path), WHITEOUT + posix.basename(path));

class Merging {
  readonly #found = new Map<string, Inode>();

  async add(layer: Blob): Promise<void> {
    const added: Named[] = [];
    for await (const { content, ...header } of readTar(layer.stream())) {
      const path = pathOf(header.path);
      if (path === '') continue;
      const bytes = layer.slice(header.offset, header.offset + header.size);
      added.push({ path, inode: { header, content: bytes, isDated: await isDated(path, header, content) } });
    }
    const isWhiteout = ({ path }: Named) => posix.basename(path).startsWith(WHITEOUT);
    // Whatever their order: they are about the layers below.
    for (const { path, inode } of added.filter(isWhiteout)) this.#takeAway(path, inode);
    for (const named of added.filter((one) => !isWhiteout(one))) this.#put(named);
  }

  #takeAway(path: string, inode: Inode): void {
    const [folder, name] = [posix.dirname(path), posix.basename(path)];
    if (name === OPAQUE) this.#empty(folder);
    else {
      const gone = posix.join(folder, name.slice(WHITEOUT.length));
      this.#empty(gone);
      this.#found.delete(gone);
    }
    this.#found.set(path, inode);
  }

  #put({ path, inode }: Named): void {
    for (const folder of foldersAbove(path)) this.#reopen(folder, FOLDER);
    this.#reopen(path, inode);
    if (this.#found.get(path)?.header.type === 'directory' && inode.header.type !== 'directory') this.#empty(path);
    const { type, linkpath } = inode.header;
    const same = type === 'link' ? this.#found.get(pathOf(linkpath)) : undefined;
    this.#found.set(path, same ?? inode);
  }

  /** What was taken away and is there again hides what is below it all the same. */
  #reopen(path: string, inode: Inode): void {
    const whiteout = this.#found.get(whiteoutOf(path));
    if (whiteout === undefined) return;
    this.#found.delete(whiteoutOf(path));
    if (inode.header.type !== 'directory') return;
    this.#found.set(path, inode);
    this.#found.set(posix.join(path, OPAQUE), whiteout);
  }

  #empty(folder: string): void {
    const below = folder === '.' ? '' : `${folder}/`;
    for (const path of this.#found.keys()) if (path.startsWith(below)) this.#found.delete(path);
  }

  entries(): TarInput[] {
    const first = new Map<Inode, string>();
    return this.#sorted().map(({ path, inode }) => {
      const linkpath = first.get(inode);
      if (linkpath !== undefined) return { path, type: 'link', mode: inode.header.mode, linkpath };
      if (inode.header.type === 'file') first.set(inode, path);
      return entryOf(path, inode);
    });
  }

  dated(): string[] {
    return this.#sorted().flatMap(({ path, inode }) => (inode.isDated ? [path] : []));
  }

  #sorted(): Named[] {
    return sortedByPath([...this.#found].map(([path, inode]) => ({ path, inode })));
  }
}

const FOLDER: Inode = {
  header: {
    ...{ path: '', type: 'directory', mode: 0o755, size: 0, linkpath: '', mtime: 0, uid: 0, gid: 0, uname: '' },
    ...{ gname: '', devMajor: 0, devMinor: 0, xattrs: new Map(), offset: 0 },
  } as TarHeader,
  content: new Blob([]),
  isDated: false,
};

function entryOf(path: string, { header, content }: Inode): TarInput {
  const { type, mode, size, linkpath, uid, gid, devMajor, devMinor } = header;
  const xattrs = new Map([...header.xattrs].filter(([name]) => !OF_THE_MACHINE.test(name)));
  const read = () => (path.endsWith('.pyc') ? compiled(content) : content.stream());
  return {
    ...{ path, type, mode, uid, gid, devMajor, devMinor, xattrs },
    ...(type === 'file' ? { size, content: rereadable(read) } : {}),
    ...(linkpath === '' ? {} : { linkpath }),
  };
}

/** Written by its kernel, and nothing of the image. */
const OF_THE_MACHINE = /^(security\.selinux|(trusted|user)\.overlay\.)/;

/** Once to hash the layer, once to write it. */
const rereadable = (read: () => AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => read()[Symbol.asyncIterator](),
});

/** Python's own (PEP 552): without flags, the third word is the time of the source, which is 0 here as well. */
async function* compiled(content: Blob): AsyncGenerator<Uint8Array> {
  const head = Buffer.from(await content.slice(0, 16).arrayBuffer());
  if (head.byteLength === 16 && head.readUInt32LE(4) === 0) head.writeUInt32LE(0, 8);
  yield head;
  yield* content.slice(16).stream();
}

function pathOf(stored: string): string {
  const parts = stored.split('/').filter((part) => part !== '' && part !== '.');
  if (!parts.includes('..')) return parts.join('/');
  throw new OciError('TAR_INVALID', `a layer holds the path ${stored}, which climbs`, 'build the image again');
}

function foldersAbove(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

const LARGEST_LOG = 1024 * 1024;
/** That a date can have. */
const MOST_SECONDS = 8e12;
/** It holds times and numbers of files, in binary. */
const LOADER_CACHE = 'var/cache/ldconfig/aux-cache';

/** A log, a stamp: it has the hour of its own time in it. */
async function isDated(
  path: string,
  { type, size, mtime }: TarHeader,
  content: AsyncIterable<Buffer>,
): Promise<boolean> {
  if (path === LOADER_CACHE) return true;
  if (type !== 'file' || size === 0 || size > LARGEST_LOG || !(mtime > 0 && mtime < MOST_SECONDS)) return false;
  const [day, hour] = new Date(mtime * 1000).toISOString().split(/[T:]/) as [string, string];
  const parts: Buffer[] = [];
  for await (const part of content) parts.push(part);
  return new RegExp(`${day}[T ]{1,2}${hour}:`).test(Buffer.concat(parts).toString('latin1'));
}
