// Archives that ADD unpacks: tar, as it is or compressed with gzip, xz or zstd. What is none stays a file.
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import xz from 'xz-decompress';
import { readTar } from '../../src/oci/tar.ts';
import { treeOf } from '../api/content.ts';
import { EngineError } from '../errors.ts';
import { noMoreThan } from '../images/import.ts';
import { unpackLayer } from '../images/unpack.ts';
import type { Session } from '../session.ts';
import { ensureIntact, hashOf, prepareHash } from '../store/bytes.ts';
import { EMPTY_STACK, onTop } from '../store/layers.ts';
import { keyOf } from '../store/store.ts';
import type { DirNode, FileNode } from '../store/tree.ts';

const MAGIC = {
  gzip: '1f8b08',
  bzip2: '425a68',
  xz: 'fd377a585a00',
  zstd: '28b52ffd',
} as const;

/** What an archive holds, or undefined for a file that is none. Unpacked once, and kept as a layer. */
export async function archiveTree(session: Session, file: FileNode): Promise<DirNode | undefined> {
  await ensureIntact(file.bytes);
  if (!(await isTar(file))) return undefined;
  await prepareHash(file.bytes, file.size);
  const id = keyOf(['archive', hashOf(file.bytes)]).slice(0, 40);
  if (!(await session.store.hasLayer(id))) await session.once(`unpack ${id}`, () => unpack(session, id, file));
  return treeOf(session, { stack: onTop(EMPTY_STACK, id), path: '/' });
}

/** Where the checksum of a header is: eight bytes that count as blanks in the sum of all. */
const CHECKSUM = { at: 148, size: 8 };
const HEADER_BYTES = 512;

async function isTar(file: FileNode): Promise<boolean> {
  const header = await startOf(decompressed(file), HEADER_BYTES);
  if (header.length < HEADER_BYTES) return false;
  const written = Number.parseInt(header.toString('latin1', CHECKSUM.at, CHECKSUM.at + CHECKSUM.size), 8);
  header.fill(' ', CHECKSUM.at, CHECKSUM.at + CHECKSUM.size);
  return header.reduce((sum, byte) => sum + byte, 0) === written;
}

/** The first bytes. What cannot be decompressed has none. */
async function startOf(source: AsyncIterable<Uint8Array>, size: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of source) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= size) break;
    }
  } catch (error) {
    if (error instanceof EngineError) throw error;
    return Buffer.alloc(0);
  }
  return Buffer.concat(chunks).subarray(0, size);
}

function decompressed(file: FileNode): AsyncIterable<Uint8Array> {
  const source = 'path' in file.bytes ? createReadStream(file.bytes.path) : Readable.from([file.bytes.data]);
  switch (compressionOf(readStart(file))) {
    case 'gzip':
      return piped(source, zlib.createGunzip());
    case 'xz':
      return new xz.XzReadableStream(Readable.toWeb(source) as ReadableStream);
    case 'zstd':
      if (typeof zlib.createZstdDecompress === 'function') return piped(source, zlib.createZstdDecompress());
      throw new EngineError('an archive is compressed with zstd, which this version of Node cannot read', OTHERWISE);
    case 'bzip2':
      throw new EngineError('an archive is compressed with bzip2, which the embedded engine cannot read', OTHERWISE);
    default:
      return source;
  }
}

const OTHERWISE = 'compress it with gzip or xz, or unpack it with RUN after a COPY';

const compressionOf = (start: Buffer) =>
  (Object.keys(MAGIC) as (keyof typeof MAGIC)[]).find((name) => start.toString('hex').startsWith(MAGIC[name]));

function readStart({ bytes }: FileNode): Buffer {
  if ('data' in bytes) return bytes.data.subarray(0, 8);
  const file = openSync(bytes.path, 'r');
  try {
    const start = Buffer.alloc(8);
    return start.subarray(0, readSync(file, start, 0, start.length, 0));
  } finally {
    closeSync(file);
  }
}

function piped(source: Readable, transform: Transform): Readable {
  source.on('error', (error) => transform.destroy(error));
  transform.on('close', () => source.destroy()); // also where only the beginning was read
  return source.pipe(transform);
}

async function unpack(session: Session, id: string, file: FileNode): Promise<void> {
  const { store, idShift, views } = session;
  const folder = store.scratchFolder('unpack');
  try {
    const bytes = noMoreThan(store.budget, decompressed(file), 'an archive');
    const aside = store.scratch('xattrs');
    const options = { shift: idShift, below: [], whiteout: (path: string) => views.whiteout(path), aside };
    await unpackLayer(readTar(bytes), `${folder}/fs`, options);
    await store.commitLayer(id, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
