// What a layer holds, as a hash of all of it, to tell that it still does: bytes on a disk change by themselves, and by strangers' hands.
//
// To read every byte whenever a layer is used would cost more than most steps. So beside the hash of the content a hash of the state is kept: of each
// entry its inode, size and times. Whatever is written through the kernel moves the time of a change, which nobody can set. What changes below the
// file system does not, so in each boot of the machine all is read once.
import { createHash, type Hash } from 'node:crypto';
import { type BigIntStats, createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeName } from '../../src/oci/names.ts';

const ENTRIES_PER_TURN = 200;
const SMALL_BYTES = 1 << 18;
const SLASH = Buffer.from('/');

const joined = (path: Buffer, name: Buffer) => Buffer.concat([path, SLASH, name]);

/** sha256 over names, kinds, permissions, owners, times to the second, and all content. Names are bytes. */
export const contentOf = (folder: string): Promise<string> =>
  hashOf(Buffer.from(folder), async (hash, path, stats) => {
    const { mode, uid, gid, mtimeMs, rdev } = stats;
    hash.update(
      `${mode} ${uid} ${gid} ${stats.isDirectory() ? '' : mtimeMs / 1000n} ${stats.isFile() ? stats.size : rdev}\0`,
    );
    if (stats.isSymbolicLink()) hash.update(readlinkSync(path, 'buffer'));
    else if (stats.isFile()) await addFile(hash, path, stats.size);
  });

/** By the place of an entry in its folder, as Latin-1, so that any name has a text. */
export type FolderState = Readonly<Record<string, string>>;

const DEEP = 2;

/**
 * What the file system knows of each entry, told without reading any of them: one value for all below each entry two levels down, and one for each
 * above it. With names, of the way to that entry only, as far as it goes: a file is looked at without all others.
 */
export async function stateOf(folder: string, names: readonly string[] = []): Promise<FolderState> {
  const states: Record<string, string> = {};
  const look = async (path: Buffer, place: Buffer, depth: number) => {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return;
    const isWhole = depth === DEEP || !stats.isDirectory();
    states[place.toString('latin1')] = isWhole ? await hashOf(path, addState) : stateLine(stats);
    if (isWhole) return;
    const name = names[depth];
    const children = name === undefined ? readdirSync(path, 'buffer').sort(Buffer.compare) : [encodeName(name)];
    for (const child of children) await look(joined(path, child), joined(place, child), depth + 1);
  };
  await look(Buffer.from(folder), Buffer.alloc(0), 0);
  return states;
}

const stateLine = ({ ino, mode, uid, gid, size, mtimeNs, ctimeNs }: BigIntStats) =>
  `${ino} ${mode} ${uid} ${gid} ${size} ${mtimeNs} ${ctimeNs}`;

const addState: Add = async (hash, _, stats) => void hash.update(`${stateLine(stats)}\0`);

type Add = (hash: Hash, path: Buffer, stats: BigIntStats) => Promise<void>;

async function hashOf(folder: Buffer, add: Add): Promise<string> {
  const hash = createHash('sha256');
  const progress = { entries: 0 };
  await walk(hash, folder, add, progress);
  return hash.digest('hex');
}

async function walk(hash: Hash, path: Buffer, add: Add, progress: { entries: number }): Promise<void> {
  if (++progress.entries % ENTRIES_PER_TURN === 0) await nextTurn();
  const stats = lstatSync(path, { bigint: true });
  await add(hash, path, stats);
  if (!stats.isDirectory()) return;
  const names = readdirSync(path, 'buffer').sort(Buffer.compare);
  for (const name of names) {
    hash.update(name).update('\0');
    await walk(hash, joined(path, name), add, progress);
  }
  hash.update('/\0');
}

async function addFile(hash: Hash, path: Buffer, size: bigint): Promise<void> {
  if (size === 0n) return;
  if (size <= SMALL_BYTES) hash.update(readFileSync(path));
  else for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
}
