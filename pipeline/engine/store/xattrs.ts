// Extended attributes of a layer's files. Node has no calls for them: GNU tar reads and writes them, and what GNU's cp copies is them alone.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { readTar, type TarInput, writeTar } from '../../src/oci/tar.ts';
import { plainStats } from './inside.ts';

/** By name, in base64. */
export type Xattrs = Readonly<Record<string, string>>;
/** Of those files of a layer that have any, by their path in it. */
export type LayerXattrs = Readonly<Record<string, Xattrs>>;

export const CAPABILITY = 'security.capability';
/** What overlays note for themselves is nobody's attribute; without root they note it among a user's. */
const isCarried = (name: string) => name === CAPABILITY || (name.startsWith('user.') && !name.includes('.overlay.'));

const REVISION = 0xff000000;
const VERSION_2 = 0x02000000;
const VERSION_2_BYTES = 20;

/** A capability that was given in a user namespace names that one's root by the host's number: elsewhere it is another's. */
export function portable(name: string, value: Buffer): Buffer {
  if (name !== CAPABILITY || value.length <= VERSION_2_BYTES) return value;
  const own = Buffer.from(value.subarray(0, VERSION_2_BYTES));
  own.writeUInt32LE(((own.readUInt32LE(0) & ~REVISION) | VERSION_2) >>> 0, 0);
  return own;
}

export function carriedXattrs(found: ReadonlyMap<string, Buffer>): Xattrs | undefined {
  const carried = [...found].filter(([name]) => isCarried(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (carried.length === 0) return undefined;
  return Object.fromEntries(carried.map(([name, value]) => [name, portable(name, value).toString('base64')]));
}

const MARK = Buffer.from('SCHILY.xattr.');
const LONGEST_NAME = 64;

/** Tells whether the bytes of a tar that go by name an attribute that is carried. A file may hold such bytes, too. */
export class XattrSighting {
  seen = false;
  #tail = Buffer.alloc(0);

  look(chunk: Buffer): void {
    if (this.seen) return;
    const bytes = Buffer.concat([this.#tail, chunk.subarray(0, LONGEST_NAME)]);
    this.seen = isNamedIn(bytes) || isNamedIn(chunk);
    this.#tail = Buffer.from(chunk.subarray(-LONGEST_NAME));
  }
}

function isNamedIn(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
    const name = bytes.toString('latin1', at + MARK.length, at + LONGEST_NAME);
    if (isCarried(name.split('=')[0] as string)) return true;
  }
  return false;
}

/** Those of a tar's files. */
export async function xattrsIn(tar: AsyncIterable<Uint8Array>): Promise<LayerXattrs> {
  const found: Record<string, Xattrs> = {};
  for await (const entry of readTar(tar)) {
    const carried = entry.type === 'file' ? carriedXattrs(entry.xattrs) : undefined;
    if (carried !== undefined) found[entry.path.replace(/^\.\//, '')] = carried;
  }
  return found;
}

/** Gives files of a folder their attributes; `aside` is a place for work. Where the machine does not let them be set, they have none. */
export async function writeXattrs(folder: string, wanted: LayerXattrs, aside: string): Promise<void> {
  const places = Object.keys(wanted).filter((place) => plainStats(folder, place.split('/'))?.isFile());
  if (places.length === 0) return;
  mkdirSync(aside);
  try {
    await copyXattrs(places, wanted, { from: aside, to: folder });
  } catch {
    // programs that are not GNU's, or a file system without such attributes
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

async function copyXattrs(places: readonly string[], wanted: LayerXattrs, { from, to }: { from: string; to: string }) {
  const tar = spawn('tar', ['--extract', '--xattrs', '--xattrs-include=*', '-C', from], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, TAR_OPTIONS: '' },
  });
  const ended = once(tar, 'close');
  const entries = places.map(
    (place): TarInput => ({ path: place, type: 'file', mode: 0o600, xattrs: valuesOf(wanted[place]) }),
  );
  await pipeline(Readable.from(writeTar(entries)), tar.stdin);
  await ended;
  const words = ['--recursive', '--attributes-only', '--preserve=xattr', '--no-target-directory', from, to];
  await promisify(execFile)('cp', words);
}

const valuesOf = (xattrs: Xattrs = {}) =>
  new Map(Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
