// Opens what is packed in a file, as far as it can be: gzip, zip and tar, in each other. What that costs is bounded; what stays closed is said.
import { Readable } from 'node:stream';
import { constants, gunzipSync, inflateRawSync } from 'node:zlib';
import { readTar } from './tar.ts';

/** How deep archives are in each other: a layer in a tar in a gzip is three. */
const MOST_LEVELS = 4;
/** Of one file, and of all that one `Opener` opens. */
const MOST_OF_ONE = 64 * 1024 * 1024;
const MOST_OF_ALL = 512 * 1024 * 1024;
const MOST_ENTRIES = 10_000;

const startsWith = (...magic: number[]) => {
  const start = Buffer.from(magic);
  return (bytes: Buffer) => bytes.subarray(0, start.length).equals(start);
};
const isGzip = startsWith(0x1f, 0x8b, 8);
/** bzip2, xz, zstd, lz4, 7-Zip, RAR, LZMA and Unix compress, by the first bytes that their formats have. */
const CLOSED = [
  startsWith(0x42, 0x5a, 0x68),
  startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0),
  startsWith(0x28, 0xb5, 0x2f, 0xfd),
  startsWith(4, 0x22, 0x4d, 0x18),
  startsWith(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c),
  startsWith(0x52, 0x61, 0x72, 0x21, 0x1a, 7),
  startsWith(0x5d, 0, 0),
  startsWith(0x1f, 0x9d),
];
const isTar = (bytes: Buffer) => bytes.toString('latin1', 257, 262) === 'ustar';

/** What could not be read in the file as it is; whether all that is packed could be opened. */
export type Opened = { contents: Buffer[]; isComplete: boolean };

export class Opener {
  #left = MOST_OF_ALL;

  async open(file: Buffer): Promise<Opened> {
    const most = Math.min(MOST_OF_ONE, this.#left);
    const opening = new Opening(most);
    await opening.visit(file);
    this.#left -= most - opening.left;
    return opening;
  }
}

class Opening implements Opened {
  readonly contents: Buffer[] = [];
  isComplete = true;
  left: number;

  constructor(left: number) {
    this.left = left;
  }

  async visit(bytes: Buffer, level = 0): Promise<void> {
    if (!isPacked(bytes)) return;
    for (const inside of level < MOST_LEVELS ? await this.#contentsOf(bytes) : this.#closed())
      await this.visit(inside, level + 1);
  }

  async #contentsOf(bytes: Buffer): Promise<Buffer[]> {
    if (isGzip(bytes)) return this.#inflated((most) => gunzipSync(bytes, bounded(most)));
    if (isTar(bytes)) return await packedInTar(bytes).catch(() => this.#closed());
    return (zipEntries(bytes) ?? ['closed']).flatMap((entry) => this.#inZip(bytes, entry));
  }

  /** What is stored as it is costs as well: entries may share their bytes. */
  #inZip(bytes: Buffer, entry: ZipEntry | 'closed'): Buffer[] {
    if (entry === 'closed') return this.#closed();
    const { at, length, isStored } = entry;
    const content = bytes.subarray(at, at + length);
    if (!isStored) return this.#inflated((most) => inflateRawSync(content, bounded(most)));
    if (content.length > this.left) return this.#closed();
    this.left -= content.length;
    return [content];
  }

  /** Nothing where it is too large, or is not what its beginning says. */
  #inflated(inflate: (most: number) => Buffer): Buffer[] {
    try {
      const bytes = inflate(this.left);
      this.left -= bytes.length;
      this.contents.push(bytes);
      return [bytes];
    } catch {
      return this.#closed();
    }
  }

  #closed(): [] {
    this.isComplete = false;
    return [];
  }
}

const isPacked = (bytes: Buffer) =>
  isGzip(bytes) || isTar(bytes) || CLOSED.some((is) => is(bytes)) || endOfZip(bytes) !== undefined;

/** What is cut off is taken as far as it goes. */
const bounded = (most: number) => ({ maxOutputLength: Math.max(most, 1), finishFlush: constants.Z_SYNC_FLUSH });

/** What an archive holds plainly is read with the archive itself; here only what is packed once more, where it stands. */
async function packedInTar(bytes: Buffer): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const { offset, size } of readTar(Readable.from([bytes]))) {
    const content = bytes.subarray(offset, offset + size);
    if (isPacked(content)) found.push(content);
  }
  return found;
}

type ZipEntry = { at: number; length: number; isStored: boolean };

// APPNOTE.TXT of the format: the end of the central directory, one of its headers, and one in front of a file's bytes.
const END = { signature: 0x06054b50, size: 22, longestComment: 0xffff, entries: 10, length: 12, offset: 16 } as const;
const ZIP64 = { signature: 0x06064b50, before: 76 } as const;
const HEADER = { signature: 0x02014b50, size: 46, flags: 8, method: 10, length: 20, name: 28, at: 42 } as const;
const LOCAL = { signature: 0x04034b50, size: 30, name: 26, extra: 28 } as const;
const [STORED, DEFLATED] = [0, 8];
const ENCRYPTED = 1;

/** Of a zip, which may stand behind something else; undefined where there is none. */
function zipEntries(bytes: Buffer): (ZipEntry | 'closed')[] | undefined {
  const end = endOfZip(bytes);
  if (end === undefined) return undefined;
  const entries: (ZipEntry | 'closed')[] = [];
  const more = end - ZIP64.before;
  const directoryEnd = more >= 0 && bytes.readUInt32LE(more) === ZIP64.signature ? more : end;
  let at = directoryEnd - bytes.readUInt32LE(end + END.length);
  const before = at - bytes.readUInt32LE(end + END.offset);
  const count = bytes.readUInt16LE(end + END.entries);
  for (let index = 0; index < count; index++) {
    const isThere = at >= 0 && at + HEADER.size <= directoryEnd && bytes.readUInt32LE(at) === HEADER.signature;
    if (!isThere || index === MOST_ENTRIES) return [...entries, 'closed']; // numbers of 64 bits, or damaged
    entries.push(zipEntry(bytes, at, before));
    const [name, extra, comment] = [0, 2, 4].map((field) => bytes.readUInt16LE(at + HEADER.name + field));
    at += HEADER.size + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  return entries;
}

function endOfZip(bytes: Buffer): number | undefined {
  const first = Math.max(0, bytes.length - END.size - END.longestComment);
  const signature = Buffer.alloc(4);
  signature.writeUInt32LE(END.signature);
  const at = bytes.lastIndexOf(signature);
  return at >= first && at + END.size <= bytes.length ? at : undefined;
}

function zipEntry(bytes: Buffer, header: number, before: number): ZipEntry | 'closed' {
  const method = bytes.readUInt16LE(header + HEADER.method);
  const local = before + bytes.readUInt32LE(header + HEADER.at);
  const isEncrypted = (bytes.readUInt16LE(header + HEADER.flags) & ENCRYPTED) !== 0;
  const isThere =
    local >= 0 && local + LOCAL.size <= bytes.length && bytes.readUInt32LE(local) === LOCAL.signature && !isEncrypted;
  if (!isThere || (method !== STORED && method !== DEFLATED)) return 'closed';
  const names = bytes.readUInt16LE(local + LOCAL.name) + bytes.readUInt16LE(local + LOCAL.extra);
  const length = bytes.readUInt32LE(header + HEADER.length);
  return { at: local + LOCAL.size + names, length, isStored: method === STORED };
}
