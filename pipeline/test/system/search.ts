// Searches whatever a run leaves behind for a secret: in clear, encoded or hashed, also inside archives and compressed files.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { readTar } from '../../src/oci/tar.ts';
import { filesIn } from './repository.ts';

const BASE64_BITS = 6;
const BYTE_BITS = 8;

/** The forms in which a secret could have been written down. */
function formsOf(secret: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const digest = createHash('sha256').update(bytes);
  return new Map([
    ['in clear', bytes],
    ['in UTF-16', Buffer.from(secret, 'utf16le')],
    ['in hex', Buffer.from(hex)],
    ['in capital hex', Buffer.from(hex.toUpperCase())],
    ...[0, 1, 2].map((shift) => [`in base64, from byte ${shift} of three`, base64Inside(bytes, shift)] as const),
    ['as its own digest', Buffer.from(digest.digest('hex'))],
  ]);
}

/** What base64 of any text has in it where the secret stands `shift` bytes behind a multiple of three. */
function base64Inside(secret: Buffer, shift: number): Buffer {
  const text = Buffer.concat([Buffer.alloc(shift), secret]).toString('base64');
  const first = Math.ceil((shift * BYTE_BITS) / BASE64_BITS);
  const last = Math.floor(((shift + secret.length) * BYTE_BITS) / BASE64_BITS);
  return Buffer.from(text.slice(first, last));
}

/** Each file below the folders that holds the secret, or is called so, with the form; a form that cannot be searched is one, too. */
export async function placesThatHold(secret: string, places: readonly string[]): Promise<string[]> {
  const forms = formsOf(secret);
  const found: string[] = [];
  for (const path of places.flatMap((place) => (statSync(place).isDirectory() ? filesIn(place) : [place])))
    for (const form of [...plainly(Buffer.from(path), forms), ...(await formsIn(readFileSync(path), forms))])
      found.push(`${path}: ${form}`);
  return found;
}

const plainly = (bytes: Buffer, forms: ReadonlyMap<string, Buffer>) =>
  [...forms].filter(([, form]) => bytes.includes(form)).map(([name]) => name);

async function formsIn(bytes: Buffer, forms: ReadonlyMap<string, Buffer>): Promise<string[]> {
  const own = plainly(bytes, forms);
  if (isZstd(bytes)) return [...own, 'in a zstd file, which this search cannot open'];
  if (isGzip(bytes)) return [...own, ...(await within('gzip', await formsIn(gunzipSync(bytes), forms)))];
  if (!isTar(bytes)) return own;
  const inside: string[] = [];
  // What an archive holds plainly was seen above.
  for await (const entry of readTar(Readable.from([bytes]))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    if (isGzip(content) || isZstd(content)) inside.push(...(await within(entry.path, await formsIn(content, forms))));
  }
  return [...own, ...inside];
}

const within = (place: string, forms: readonly string[]) => forms.map((form) => `${form}, within ${place}`);

const isGzip = (bytes: Buffer) => bytes.length > 2 && bytes.readUInt16BE(0) === 0x1f8b;
const isZstd = (bytes: Buffer) => bytes.length > 4 && bytes.readUInt32LE(0) === 0xfd2fb528;
const isTar = (bytes: Buffer) => bytes.toString('latin1', 257, 262) === 'ustar';
