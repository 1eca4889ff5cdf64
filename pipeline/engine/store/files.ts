// Node's calls on files, for trees in which names may be any bytes: paths go in and names come out as text of src/oci/names.ts.
import {
  chmodSync as chmod,
  chownSync as chown,
  copyFileSync as copyFileBlocking,
  type Dirent,
  existsSync as exists,
  lchownSync as lchown,
  linkSync as link,
  lstatSync as lstat,
  lutimesSync as lutimes,
  mkdirSync as mkdir,
  openSync as open,
  createReadStream as read,
  readdirSync as readdir,
  readFileSync as readFile,
  readlinkSync as readlink,
  realpathSync as realpath,
  renameSync as rename,
  rmSync as rm,
  statSync as stat,
  symlinkSync as symlink,
  utimesSync as utimes,
  createWriteStream as write,
  writeFileSync as writeFile,
} from 'node:fs';
import { copyFile as copyFileInTurns } from 'node:fs/promises';
import { decodeName, onDisk } from '../../src/oci/names.ts';

type Call = (...args: never[]) => unknown;
const named = (value: unknown) => (typeof value === 'string' ? onDisk(value) : value);

/** The first argument is a path, and the second too where `both`. */
function byName<T extends Call>(call: T, { both = false } = {}): T {
  const loose = call as unknown as (...args: unknown[]) => unknown;
  const wrapped = both
    ? (from: unknown, to: unknown, ...rest: unknown[]) => loose(named(from), named(to), ...rest)
    : (path: unknown, ...rest: unknown[]) => loose(named(path), ...rest);
  return wrapped as unknown as T;
}

const BOTH = { both: true };
export const chmodSync = byName(chmod);
export const chownSync = byName(chown);
export const createReadStream = byName(read);
export const createWriteStream = byName(write);
export const existsSync = byName(exists);
export const lchownSync = byName(lchown);
export const linkSync = byName(link, BOTH);
export const lstatSync = byName(lstat) as typeof lstat;
export const lutimesSync = byName(lutimes);
export const mkdirSync = byName(mkdir);
export const openSync = byName(open);
export const readFileSync = byName(readFile);
export const renameSync = byName(rename, BOTH);
export const rmSync = byName(rm);
export const statSync = byName(stat) as typeof stat;
/** What a link leads to is a name, too. */
export const symlinkSync = byName(symlink, BOTH);
export const utimesSync = byName(utimes);
export const writeFileSync = byName(writeFile);

/** What root copies belongs to the owner of its source since libuv 1.51, of Node 22; here it is whose who made it, as before. */
const own = (path: string) => chown(onDisk(path), process.getuid?.() ?? 0, process.getgid?.() ?? 0);

export async function copyFile(from: string, to: string, mode?: number): Promise<void> {
  await copyFileInTurns(onDisk(from), onDisk(to), mode);
  own(to);
}

export function copyFileSync(from: string, to: string, mode?: number): void {
  copyFileBlocking(onDisk(from), onDisk(to), mode);
  own(to);
}

/** Stands in text for bytes that are none, and may be in a name itself: only then it is worth to ask once more. */
const REPLACEMENT = '\ufffd';

export function readlinkSync(path: string): string {
  const target = readlink(onDisk(path));
  return target.includes(REPLACEMENT) ? decodeName(readlink(onDisk(path), 'buffer')) : target;
}

export function realpathSync(path: string): string {
  const real = realpath(onDisk(path));
  return real.includes(REPLACEMENT) ? decodeName(realpath(onDisk(path), 'buffer')) : real;
}

export function readdirSync(path: string): string[] {
  const names = readdir(onDisk(path));
  if (!names.some((name) => name.includes(REPLACEMENT))) return names;
  return readdir(onDisk(path), 'buffer').map(decodeName);
}

export function readdirTypes(path: string): Dirent[] {
  const entries = readdir(onDisk(path), { withFileTypes: true });
  if (!entries.some(({ name }) => name.includes(REPLACEMENT))) return entries;
  const raw = readdir(onDisk(path), { encoding: 'buffer', withFileTypes: true });
  return raw.map((entry) => Object.assign(entry as unknown as Dirent, { name: decodeName(entry.name) }));
}
