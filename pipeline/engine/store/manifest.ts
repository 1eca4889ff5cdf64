// What a layer held when it was made, entry by entry, and whether it still does.
//
// The manifest has a line for each entry: its path, kind, permissions, owner, time, and the hash of its content. Names and links are bytes,
// a character for each. The stamp is a hash of what the file system itself notes of every change (inode, size, times): as long as a boot
// lasts nobody changes a file without changing that, so an equal stamp spares the reading.

import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readAttributes } from './attributes.ts';
import { SMALL_BYTES } from './bytes.ts';
import { digestOfFile } from './hash.ts';

export interface Taken {
  readonly manifest: string;
  readonly stamp: string;
  /** False where this machine has no tar that could read them. */
  readonly hasAttributes: boolean;
}

export interface TakeOptions {
  /** Hashes of content that are known, by place. */
  readonly hashes?: ReadonlyMap<string, string> | undefined;
  /** Whether files may have extended attributes: those that Node alone wrote have none. */
  readonly mayHaveAttributes?: boolean;
}

const ENTRIES_PER_TURN = 400;
const LARGE_AT_ONCE = 4;

/** A path in a layer, a character for each byte. */
export const placeOf = (path: string): string => Buffer.from(path).toString('latin1');
/** The places on the way to a path, and its own. */
export const placesTo = (names: readonly string[]): string[] =>
  names.map((_, index) => placeOf(names.slice(0, index + 1).join('/')));

const pathOf = (root: string, place: string): Buffer =>
  place === '' ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), Buffer.from(place, 'latin1')]);

type Look = (place: string, path: Buffer, stats: BigIntStats) => Promise<void> | undefined;

/** Every entry in the order of its name, folders before what they hold. */
async function walk(root: string, look: Look): Promise<void> {
  let count = 0;
  const enter = async (place: string): Promise<void> => {
    const path = pathOf(root, place);
    const stats = lstatSync(path, { bigint: true });
    const looking = look(place, path, stats);
    if (looking !== undefined) await looking;
    if (++count % ENTRIES_PER_TURN === 0) await nextTurn();
    if (!stats.isDirectory()) return;
    for (const name of readdirSync(path, 'latin1').sort()) await enter(place === '' ? name : `${place}/${name}`);
  };
  await enter('');
}

const stampLine = (place: string, { ino, size, mtimeNs, ctimeNs }: BigIntStats) =>
  `${place}\0${ino} ${size} ${mtimeNs} ${ctimeNs}\n`;

export async function stampOf(root: string): Promise<string> {
  const hash = createHash('sha256');
  await walk(root, (place, _, stats) => void hash.update(stampLine(place, stats), 'latin1'));
  return hash.digest('hex');
}

export async function takeManifest(root: string, options: TakeOptions = {}): Promise<Taken> {
  const { hashes, mayHaveAttributes = true } = options;
  const names = readdirSync(root, 'latin1');
  const attributes = mayHaveAttributes && names.length > 0 ? readAttributes(root) : Promise.resolve(new Map());
  const stamp = createHash('sha256');
  const lines: [place: string, line: string][] = [];
  const firstNames = new Map<bigint, string>();
  let large: Promise<void>[] = [];
  await walk(root, (place, path, stats) => {
    stamp.update(stampLine(place, stats), 'latin1');
    const line: [string, string] = [place, ''];
    lines.push(line);
    const end = stats.nlink > 1n && !stats.isDirectory() ? sameAs(firstNames, stats.ino, place) : '';
    const known = hashes?.get(place);
    if (!stats.isFile() || known !== undefined || stats.size <= SMALL_BYTES) {
      line[1] = lineOf(place, path, stats, known) + end;
      return;
    }
    large.push(
      digestOfFile(path).then((digest) => {
        line[1] = lineOf(place, path, stats, digest.slice('sha256:'.length)) + end;
      }),
    );
    if (large.length < LARGE_AT_ONCE) return;
    const all = Promise.all(large);
    large = [];
    return all.then(() => {});
  });
  await Promise.all(large);
  const found = await attributes;
  const text = lines.map(([place, line]) => `${line}${found?.has(place) ? ` x${found.get(place)}` : ''}\n`).join('');
  return { manifest: text, stamp: stamp.digest('hex'), hasAttributes: found !== undefined };
}

/** Names of one file in one layer: exported, the second is a link to the first. */
function sameAs(firstNames: Map<bigint, string>, ino: bigint, place: string): string {
  const first = firstNames.get(ino);
  if (first === undefined) firstNames.set(ino, place);
  return first === undefined ? '' : ` =${JSON.stringify(first)}`;
}

const keyOf = (place: string) => `${JSON.stringify(place)} `;

/** What tells an entry from any other; of a file with its content, which is read unless its hash is given. */
function lineOf(place: string, path: Buffer, stats: BigIntStats, hash?: string): string {
  const { mode, uid, gid, mtimeNs, size } = stats;
  const facts = `${mode.toString(8)} ${uid} ${gid} ${mtimeNs}`;
  if (stats.isFile()) return `${keyOf(place)}file ${facts} ${size} ${hash ?? hashOf(readFileSync(path))}`;
  if (stats.isDirectory()) return `${keyOf(place)}dir ${facts}`;
  if (stats.isSymbolicLink()) return `${keyOf(place)}link ${facts} ${JSON.stringify(readlinkSync(path, 'latin1'))}`;
  return `${keyOf(place)}other ${facts} ${stats.rdev}`;
}

export const hashOf = (data: string | Buffer): string => {
  const hash = createHash('sha256');
  return (typeof data === 'string' ? hash.update(data, 'latin1') : hash.update(data)).digest('hex');
};

export type EntryKind = 'file' | 'dir' | 'link' | 'other';

/** Answers from a manifest, without a look at the layer. */
export class Manifest {
  readonly #text: Buffer;

  constructor(text: Buffer) {
    this.#text = text;
  }

  /** Whether to look at all of the layer takes no longer than to read one file. */
  isShort(): boolean {
    return this.#text.length < SHORT_LENGTH;
  }

  kindOf(place: string): EntryKind | undefined {
    return this.#rest(place)?.split(' ', 1)[0] as EntryKind | undefined;
  }

  /** Whether the layer still has this very entry. Reads it, but for its attributes. */
  async isAsMade(root: string, place: string): Promise<boolean> {
    const path = pathOf(root, place);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return false;
    const large = stats.isFile() && stats.size > SMALL_BYTES;
    const hash = large ? (await digestOfFile(path)).slice('sha256:'.length) : undefined;
    const made = `${keyOf(place)}${this.#rest(place)}`;
    const now = lineOf(place, path, stats, hash);
    return made === now || made.startsWith(`${now} `);
  }

  /** What follows a place in its line. The first line is the layer's own folder. */
  #rest(place: string): string | undefined {
    const key = place === '' ? keyOf(place) : `\n${keyOf(place)}`;
    const at = this.#text.indexOf(key, 0, 'latin1');
    return at < 0
      ? undefined
      : this.#text.toString('latin1', at + key.length, this.#text.indexOf('\n', at + key.length, 'latin1'));
  }
}

const SHORT_LENGTH = 50_000;

/** A place where two manifests differ, for people. */
export function differingPlace(made: string, now: string): string {
  const [before, after] = [linesByPlace(made), linesByPlace(now)];
  // The deepest one: folders above it have another time.
  const places = [...new Set([...before.keys(), ...after.keys()])].filter(
    (place) => before.get(place) !== after.get(place),
  );
  const [place = '""'] = places.sort((a, b) => b.split('/').length - a.split('/').length);
  return Buffer.from(JSON.parse(place) as string, 'latin1').toString();
}

function linesByPlace(manifest: string): Map<string, string> {
  const lines = manifest.split('\n').filter(Boolean);
  return new Map(lines.map((line) => [/^"(?:[^"\\]|\\.)*"/.exec(line)?.[0] ?? line, line]));
}
