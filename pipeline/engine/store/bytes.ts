// The bytes of files, wherever they are, and their hashes: worked out when first asked for, and known to every copy of a node.
import { createHash } from 'node:crypto';
import { closeSync, constants, readSync } from 'node:fs';
import { FileText } from '../answer-text.ts';
import { EngineError } from '../errors.ts';
import { chmodSync, copyFile, copyFileSync, openSync, readFileSync, statSync, writeFileSync } from './files.ts';
import { digestOfFile } from './store.ts';

/** In memory, or in a file that nobody changes any more. */
export type Bytes = { readonly data: Buffer } | { readonly path: string };

const hashes = new WeakMap<Bytes, string>();

/** What is handled at once; more is done piecemeal, so that nobody else has to wait. */
const SMALL_BYTES = 1 << 20;

const repairs = new WeakMap<Bytes, () => Promise<void>>();

/** A file whose hash is known, so that it need not be read for it; `repair` sees to it that it still holds these bytes. */
export function hashedFile(path: string, hash: string, repair: () => Promise<void>): Bytes {
  const bytes = { path };
  hashes.set(bytes, hash);
  repairs.set(bytes, repair);
  return bytes;
}

/** To be awaited before the file itself is read. */
export async function ensureIntact(bytes: Bytes): Promise<void> {
  await repairs.get(bytes)?.();
}

/** Gives the hash that was found in an earlier session, or what `read` finds. */
type HashMemory = (read: () => Promise<string>) => Promise<string>;

const memories = new WeakMap<Bytes, HashMemory>();

/** A file that never changes, and that may be too large to be read in each session for its hash alone. */
export function lastingFile(path: string, size: number, memory: HashMemory): Bytes {
  const bytes = { path };
  if (size > SMALL_BYTES) memories.set(bytes, memory);
  return bytes;
}

/** sha256 as hex. Blocks while it reads a file: of large ones, `prepareHash` first. */
export function hashOf(bytes: Bytes): string {
  const known = hashes.get(bytes);
  if (known !== undefined) return known;
  const hash = 'data' in bytes ? createHash('sha256').update(bytes.data).digest('hex') : hashOfFile(bytes.path);
  hashes.set(bytes, hash);
  return hash;
}

/** Makes `hashOf` a look-up. */
export async function prepareHash(bytes: Bytes, size: number): Promise<void> {
  if (hashes.has(bytes)) return;
  if (size <= SMALL_BYTES || 'data' in bytes) return void hashOf(bytes);
  const read = async () => (await digestOfFile(bytes.path)).slice('sha256:'.length);
  hashes.set(bytes, await (memories.get(bytes)?.(read) ?? read()));
}

function hashOfFile(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(SMALL_BYTES);
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** Writes a file where none is, with these permissions. */
export async function copyBytes(bytes: Bytes, path: string, { size, mode }: { size: number; mode: number }) {
  await ensureIntact(bytes);
  if ('data' in bytes) return createFile(path, bytes.data, mode);
  if (size <= SMALL_BYTES) copyFileSync(bytes.path, path, constants.COPYFILE_FICLONE);
  else await copyFile(bytes.path, path, constants.COPYFILE_FICLONE);
  chmodSync(path, mode);
}

/** The permissions that the engine keeps from whatever it makes, unless it says otherwise afterwards. */
export const UMASK = 0o022;

export function createFile(path: string, data: Buffer, mode: number): void {
  writeFileSync(path, data, { mode, flag: 'wx' });
  // A call that most files do not need, and there may be thousands.
  if ((mode & ~UMASK & 0o777) !== mode) chmodSync(path, mode);
}

/** What is taken into memory, and answered, in one piece: as much as a Dagger Engine answers. */
const MOST_BYTES = 128 << 20;

/** `what` is how an error calls it. */
export const readBytes = (bytes: Bytes, what: string): Buffer =>
  'data' in bytes ? bytes.data : readWhole(bytes.path, what);

/** The same as text, to be answered: read when it is sent. */
export function textIn(path: string, what: string): FileText {
  checkSize(path, what);
  return new FileText(path);
}

function readWhole(path: string, what: string): Buffer {
  checkSize(path, what);
  return readFileSync(path);
}

/** A stranger may have made a file as large as a disk, or larger: a sparse one takes no room. */
function checkSize(path: string, what: string): void {
  const { size } = statSync(path);
  if (size <= MOST_BYTES) return;
  throw new EngineError(
    `${what} has ${size} bytes, and no more than ${MOST_BYTES} are read in one piece`,
    'export it, or mount it into a step',
  );
}
