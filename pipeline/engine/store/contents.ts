// What a layer holds, as a hash of all of it, to tell that it still does: bytes on a disk change by themselves, and by strangers' hands.
//
// To read every byte whenever a layer is used would cost more than most steps. So beside the hash of the content a hash of the state is kept: of each
// entry its inode, size and times. Whatever is written through the kernel moves the time of a change, which nobody can set. What changes below the
// file system does not, so in each boot of the machine all is read once.
import { execFile, spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { type BigIntStats, createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { encodeName } from '../../src/oci/names.ts';
import { EngineError } from '../errors.ts';
import { formatSize } from './sizes.ts';
import { type LayerXattrs, XattrSighting, xattrsIn } from './xattrs.ts';

const ENTRIES_PER_TURN = 200;
const SMALL_BYTES = 1 << 18;
const SLASH = Buffer.from('/');

const joined = (path: Buffer, name: Buffer) => Buffer.concat([path, SLASH, name]);

/** What overlayfs notes for itself, of files that it copied: it says nothing of what they are. */
const NOTES = ['origin', 'impure', 'nlink', 'uuid', 'index', 'upper', 'protattr'];

/** All of a folder, as GNU tar writes it: extended attributes, which Node cannot read, and hard links too. Times to the second. */
const ARCHIVE = [
  ...['--create', '--sort=name', '--numeric-owner', '--format=posix', '--no-acls', '--no-selinux'],
  '--blocking-factor=128', // as much as fits in a pipe
  '--pax-option=exthdr.name=x,delete=atime,delete=ctime,delete=mtime',
  '--xattrs',
  ...['security.capability', 'trusted.overlay.*', 'user.*'].map((name) => `--xattrs-include=${name}`),
  ...NOTES.map((name) => `--xattrs-exclude=*.overlay.${name}`),
];

/** What TAR_OPTIONS says is meant for others. */
const tarEnvironment = () => ({ ...process.env, TAR_OPTIONS: '' });

const WITHOUT_TAR = 'files';

let way: Promise<string> | undefined;
/** How content is told on this machine: by its tar, each version of which may write other bytes, or without, where that is not GNU's. */
export function contentWay(): Promise<string> {
  way ??= promisify(execFile)('tar', [...ARCHIVE, '--version'], { env: tarEnvironment() }).then(
    ({ stdout }) => /^tar \(GNU tar\) \S+/.exec(stdout)?.[0] ?? WITHOUT_TAR,
    () => WITHOUT_TAR,
  );
  return way;
}

/**
 * The way in which it is told, and a hash. What is told in different ways cannot be compared. Throws where it comes to more than `most` bytes, holes
 * counted: a file of some terabytes of nothing takes a moment to make, and hours to read.
 */
export async function contentOf(
  folder: string,
  most = Number.POSITIVE_INFINITY,
  sighting = new XattrSighting(),
): Promise<string> {
  const how = await contentWay();
  return `${how}: ${await (how === WITHOUT_TAR ? filesHash(folder, most) : archiveHash(folder, most, sighting))}`;
}

/** The content, and the extended attributes that files have. */
export async function toldLayer(folder: string, most: number): Promise<{ content: string; xattrs: LayerXattrs }> {
  const sighting = new XattrSighting();
  const content = await contentOf(folder, most, sighting);
  return { content, xattrs: sighting.seen ? await xattrsIn(readByTar(folder).stdout) : {} };
}

const tooLarge = (most: number) =>
  new EngineError(
    `what a step left is larger than ${formatSize(most)}, its holes counted`,
    'if that is meant, set DRYDOCK_STORE_BUDGET to more',
  );

export const isTold = (content: string, how: string) => content.startsWith(`${how}: `);

const readByTar = (folder: string) =>
  spawn('tar', [...ARCHIVE, '-C', folder, '.'], { stdio: ['ignore', 'pipe', 'ignore'], env: tarEnvironment() });

async function archiveHash(folder: string, most: number, sighting: XattrSighting): Promise<string> {
  const tar = readByTar(folder);
  const hash = createHash('sha256');
  let size = 0;
  tar.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > most) tar.kill();
    else hash.update(chunk);
    sighting.look(chunk);
  });
  const [code] = (await once(tar, 'close')) as [number | null];
  if (size > most) throw tooLarge(most);
  // 1 is said, too, when a file became part of another layer meanwhile.
  if (code !== 0 && code !== 1) throw new Error(`tar could not read ${folder}`);
  return hash.digest('hex');
}

/** sha256 over names, kinds, permissions, owners, times to the second, and all content. Names are bytes. */
function filesHash(folder: string, most: number): Promise<string> {
  let bytes = 0n;
  return hashOf(Buffer.from(folder), async (hash, path, stats) => {
    bytes += stats.isFile() ? stats.size : 0n;
    if (bytes > most) throw tooLarge(most);
    const { mode, uid, gid, mtimeMs, rdev } = stats;
    hash.update(
      `${mode} ${uid} ${gid} ${stats.isDirectory() ? '' : mtimeMs / 1000n} ${stats.isFile() ? stats.size : rdev}\0`,
    );
    if (stats.isSymbolicLink()) hash.update(readlinkSync(path, 'buffer'));
    else if (stats.isFile()) await addFile(hash, path, stats.size);
  });
}

/** By the place of an entry in its folder, as Latin-1, so that any name has a text. */
export type FolderState = Readonly<Record<string, string>>;

const DEEP = 3;

/**
 * What the file system knows of each entry, told without reading any of them: one value for all below each entry three levels down, and one for each
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
