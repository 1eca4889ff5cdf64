// Reads zip archives, which Python's wheels are: the directory at the end, then the files that are asked for.
import { crc32, inflateRawSync } from 'node:zlib';
import { invalidPackage } from './errors.ts';

export type ZipEntry = { path: string; mode: number; isDirectory: boolean; content: () => Buffer };

const END = { magic: 0x06054b50, size: 22, longestComment: 0xffff };
const DIRECTORY = { magic: 0x02014b50, size: 46 };
const LOCAL = { magic: 0x04034b50, size: 30 };
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;

/** What the archive lists. Content is unpacked, and checked by its size and checksum, when it is asked for. */
export function* readZip(archive: Buffer, where: string): Generator<ZipEntry> {
  try {
    yield* entriesOf(archive, where);
  } catch (error) {
    if (error instanceof RangeError) throw invalidPackage(where, 'is cut off', { cause: error });
    throw error;
  }
}

function* entriesOf(archive: Buffer, where: string): Generator<ZipEntry> {
  const end = findEnd(archive, where);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (archive.readUInt32LE(at) !== DIRECTORY.magic)
      throw invalidPackage(where, `has a broken zip entry at byte ${at}`);
    const nameLength = archive.readUInt16LE(at + 28);
    const path = archive.toString('utf8', at + DIRECTORY.size, at + DIRECTORY.size + nameLength);
    const entryAt = at;
    yield {
      path,
      mode: archive.readUInt32LE(at + 38) >>> 16,
      isDirectory: path.endsWith('/'),
      content: () => contentAt(archive, entryAt, `${path} of ${where}`),
    };
    at += DIRECTORY.size + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
}

/** The end record is the last thing but for a comment of any text, so it is searched for backwards. */
function findEnd(archive: Buffer, where: string): number {
  const last = archive.length - END.size;
  for (let at = last; at >= Math.max(0, last - END.longestComment); at--) {
    if (archive.readUInt32LE(at) === END.magic && at + END.size + archive.readUInt16LE(at + 20) === archive.length) {
      return at;
    }
  }
  throw invalidPackage(where, 'is not a zip archive, or is cut off');
}

function contentAt(archive: Buffer, entry: number, where: string): Buffer {
  const method = archive.readUInt16LE(entry + 10);
  const [sum, packed, size] = [16, 20, 24].map((offset) => archive.readUInt32LE(entry + offset)) as [
    number,
    number,
    number,
  ];
  const local = archive.readUInt32LE(entry + 42);
  const isEncrypted = (archive.readUInt16LE(entry + 8) & ENCRYPTED) !== 0;
  if (isEncrypted || (method !== STORED && method !== DEFLATED)) {
    throw invalidPackage(where, 'is encrypted, or compressed in a way that is not read here');
  }
  if (archive.readUInt32LE(local) !== LOCAL.magic) throw invalidPackage(where, 'is not where the zip directory says');
  const start = local + LOCAL.size + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const bytes = archive.subarray(start, start + packed);
  const content = method === STORED ? bytes : inflated(bytes, size, where);
  if (content.length !== size || crc32(content) !== sum) throw invalidPackage(where, 'is not what its checksum says');
  return content;
}

function inflated(bytes: Buffer, size: number, where: string): Buffer {
  try {
    // One byte of room for an empty file, which zlib asks for.
    return inflateRawSync(bytes, { maxOutputLength: size + 1 });
  } catch (error) {
    throw invalidPackage(where, 'cannot be decompressed', { cause: error });
  }
}
