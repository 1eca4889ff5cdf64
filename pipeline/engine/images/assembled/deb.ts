// Opens a .deb: an ar archive of control.tar and data.tar, each compressed in one of several ways.
import { Readable, type Transform } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import * as zlib from 'node:zlib';
import xz from 'xz-decompress';
import { readTar, type TarEntry } from '../../../src/oci/tar.ts';
import { AssembleError, invalidPackage } from './errors.ts';

const AR_MAGIC = '!<arch>\n';
const AR_HEADER = 60;
/** Well above any package of a recipe; a decompressor that runs away is stopped here. */
const MAX_UNPACKED = 1024 * 1024 * 1024;

/** The members of an ar archive, as views into its bytes. Reads the common format; GNU's long names never occur in a .deb. */
export function readAr(archive: Buffer, where: string): Map<string, Buffer> {
  if (archive.toString('latin1', 0, AR_MAGIC.length) !== AR_MAGIC) throw invalidPackage(where, 'is not an ar archive');
  const members = new Map<string, Buffer>();
  let at = AR_MAGIC.length;
  while (at < archive.length) {
    const header = archive.toString('latin1', at, at + AR_HEADER);
    const size = Number(header.slice(48, 58).trim());
    const start = at + AR_HEADER;
    if (header.length < AR_HEADER || !header.endsWith('`\n') || !Number.isSafeInteger(size) || size < 0) {
      throw invalidPackage(where, `has a broken ar header at byte ${at}`);
    }
    if (start + size > archive.length) throw invalidPackage(where, 'is cut off');
    members.set(header.slice(0, 16).trim().replace(/\/$/, ''), archive.subarray(start, start + size));
    at = start + size + (size % 2); // members begin at even bytes
  }
  return members;
}

/** The two archives inside a .deb, as streams of tar entries. */
export type Deb = { control: () => AsyncGenerator<TarEntry>; data: () => AsyncGenerator<TarEntry> };

export function openDeb(archive: Buffer, where: string): Deb {
  const members = readAr(archive, where);
  const tarOf = (name: string) => () => readTar(memberStream(members, name, where));
  return { control: tarOf('control.tar'), data: tarOf('data.tar') };
}

function memberStream(members: Map<string, Buffer>, stem: string, where: string): AsyncIterable<Buffer> {
  for (const [name, bytes] of members) {
    if (name === stem || name.startsWith(`${stem}.`)) {
      return decompress(bytes, name.slice(stem.length + 1), `${name} of ${where}`);
    }
  }
  throw invalidPackage(where, `has no ${stem}`);
}

/** Undo a compression that is named by a file's ending. */
export async function* decompress(bytes: Buffer, ending: string, where: string): AsyncGenerator<Buffer> {
  try {
    yield* limited(decompressed(bytes, ending, where), where);
  } catch (error) {
    if (error instanceof AssembleError) throw error;
    throw invalidPackage(where, 'cannot be decompressed', { cause: error });
  }
}

function decompressed(bytes: Buffer, ending: string, where: string): AsyncIterable<Uint8Array> {
  switch (ending) {
    case '':
      return chunksOf([bytes]);
    case 'gz':
      // In a stream: Node's own package unpacks to 190 MB.
      return compose(chunksOf([bytes]), zlib.createGunzip({ chunkSize: 256 * 1024 }));
    case 'xz':
      // WebAssembly, yet as fast as the native program on packages of this size (about 65 MB/s), and always there.
      return new xz.XzReadableStream(ReadableStream.from([bytes]));
    case 'zst':
      // Debian uses none; Ubuntu does. Node has zstd since 22.15.
      if (typeof zlib.zstdDecompressSync === 'function') return chunksOf([zlib.zstdDecompressSync(bytes)]);
      throw invalidPackage(where, 'is compressed with zstd, which this version of Node cannot read');
    default:
      throw invalidPackage(where, `is compressed with ${ending}, which is not read here`);
  }
}

function compose(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncIterable<Uint8Array> {
  const readable = Readable.from(source);
  readable.once('error', (error) => transform.destroy(error));
  return readable.pipe(transform);
}

async function* chunksOf(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* limited(chunks: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > MAX_UNPACKED) throw invalidPackage(where, 'unpacks to more than 1 GiB');
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}
