// Digests: of bytes, of streams, and streams that fail when they are not what their descriptor says.
import { createHash } from 'node:crypto';
import { OciError } from './errors.ts';

/** What a blob is checked against. */
export type Expected = { digest: string; size: number };

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether the text is a digest of the one algorithm used here. */
export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && DIGEST.test(text);
}

/** `sha256:…` of some bytes. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Digest and length of a stream, which is read to its end. */
export async function digestOfStream(source: AsyncIterable<Uint8Array>): Promise<Expected> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    size += chunk.byteLength;
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

/** Pass a stream through, and fail if it is longer, shorter or other than expected. Nothing is kept in memory. */
export async function* verified<T extends Uint8Array>(
  source: AsyncIterable<T>,
  expected: Expected,
  where: string,
): AsyncGenerator<T> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > expected.size) throw sizeFault(expected, `more than ${expected.size}`, where);
    hash.update(chunk);
    yield chunk;
  }
  if (size < expected.size) throw sizeFault(expected, String(size), where);
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== expected.digest) throw digestFault(expected.digest, found, where);
}

/** The same for bytes at hand. */
export function verifyBytes(bytes: Uint8Array, expected: Expected, where: string): void {
  if (bytes.byteLength !== expected.size) throw sizeFault(expected, String(bytes.byteLength), where);
  const found = digestOf(bytes);
  if (found !== expected.digest) throw digestFault(expected.digest, found, where);
}

export function digestFault(expected: string, found: string, where: string): OciError {
  return new OciError(
    'BLOB_DIGEST',
    `${where}: ${expected} is really ${found}`,
    'it is damaged or was swapped: fetch it again',
  );
}

function sizeFault(expected: Expected, found: string, where: string): OciError {
  return new OciError(
    'BLOB_SIZE',
    `${where}: ${expected.digest} should have ${expected.size} bytes but has ${found}`,
    'it was cut short or was swapped: fetch it again',
  );
}
