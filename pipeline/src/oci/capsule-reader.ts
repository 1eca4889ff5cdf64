// Reads a capsule without trusting it: every path stays inside, every byte is what the manifest says, and nothing is too large.
import { createReadStream } from 'node:fs';
import { mkdir, open, symlink } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { digestOfStream } from './digest.ts';
import { OciError } from './errors.ts';
import { onDisk } from './names.ts';
import { readTar, readTarFile, type TarEntry } from './tar.ts';

/** As in the manifest; see core/capsule/manifest.ts. */
export type ListedFile = { path: string; bytes: number; sha256: string; executable: boolean; link: string | null };

const MAX_MANIFEST = 64 * 1024 * 1024;
/** What all that is unpacked may come to; an image is a few hundred megabytes. */
const MAX_UNPACKED = 16 * 1024 ** 3;

/** The text of the manifest, which is the first entry. Throws an `OciError` for a file that is no capsule. */
export async function readManifest(file: string): Promise<string> {
  for await (const entry of readTarFile(file)) {
    if (entry.path !== 'capsule.json' || entry.type !== 'file') break;
    if (entry.size > MAX_MANIFEST) throw refused('its manifest is too large');
    return (await buffer(entry.content)).toString();
  }
  throw refused('it does not begin with capsule.json');
}

/** Write the files into an empty folder, each checked against the list; all of them, and nothing else, or an `OciError`. */
export async function unpackCapsule(file: string, listed: readonly ListedFile[], folder: string): Promise<void> {
  const expected = new Map(listed.map((entry) => [entry.path, entry]));
  if (expected.size !== listed.length) throw refused('its manifest lists a path twice');
  for (const entry of listed) checkListed(entry, expected);
  const links: ListedFile[] = [];
  for await (const entry of readTarFile(file)) {
    if (entry.path === 'capsule.json') continue;
    const wanted = expected.get(entry.path);
    if (wanted === undefined) throw refused(`its manifest does not list ${shown(entry.path)}`);
    expected.delete(entry.path);
    if (wanted.link === null) await unpackFile(entry, wanted, folder);
    else if (entry.type === 'symlink' && entry.linkpath === wanted.link) links.push(wanted);
    else throw refused(`${shown(entry.path)} is not the link that its manifest lists`);
  }
  const [missing] = expected.keys();
  if (missing !== undefined) throw refused(`${shown(missing)} is missing`);
  // Last, so that nothing is ever written through one.
  for (const { path, link } of links) {
    await mkdir(onDisk(dirname(join(folder, path))), { recursive: true });
    await symlink(onDisk(link ?? ''), onDisk(join(folder, path)));
  }
}

/** Write the files of one of its folders alone, each checked against the list. */
export async function unpackFolder(
  file: string,
  listed: readonly ListedFile[],
  name: string,
  folder: string,
): Promise<void> {
  const wanted = new Map(listed.filter(({ path }) => path.startsWith(`${name}/`)).map((entry) => [entry.path, entry]));
  for (const entry of wanted.values()) checkListed(entry, wanted);
  for await (const entry of readTarFile(file)) {
    const found = wanted.get(entry.path);
    if (found !== undefined) await unpackFile(entry, found, folder);
  }
}

/** One compressed file of a capsule that was unpacked, as it was before. */
export async function expandFile(from: string, to: string): Promise<void> {
  await expanding(from, async (content) => await writeWhole(to, content, 0o644));
}

/** A compressed tar of a capsule, of files only, into an empty folder. */
export async function expandFolder(from: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await expanding(from, async (content) => {
    for await (const entry of readTar(content)) {
      checkPath(entry.path);
      if (entry.type !== 'file') throw refused(`${shown(entry.path)} is neither file nor folder`);
      await writeWhole(join(folder, entry.path), entry.content, entry.mode);
    }
  });
}

async function expanding(from: string, use: (content: AsyncIterable<Buffer>) => Promise<void>): Promise<void> {
  let fault: unknown;
  const noted = async (content: AsyncIterable<Buffer>) =>
    await use(content).catch((error: unknown) => {
      fault = error;
      throw error;
    });
  try {
    await pipeline(createReadStream(from), createBrotliDecompress(), limited(), noted);
  } catch (error) {
    // What ends the reading is told before that it was ended.
    if (fault instanceof OciError) throw fault;
    if (!/^(ERR__ERROR_|ERR_BROTLI|Z_)/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw refused('what is compressed in it cannot be read');
  }
}

/** A few bytes may stand for more than any disk has. */
function limited(): Transform {
  let total = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.byteLength;
      done(total > MAX_UNPACKED ? refused('what is compressed in it is too large') : null, chunk);
    },
  });
}

function checkListed({ path, link }: ListedFile, all: ReadonlyMap<string, ListedFile>): void {
  checkPath(path);
  for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent))
    if (all.has(parent)) throw refused(`${shown(path)} is below ${shown(parent)}, which is no folder`);
  if (link !== null && !staysInSource(path, link, all)) throw refused(`the link ${shown(path)} points out`);
}

const SOURCE = 'source';
const MOST_LINKS = 40;

/** Links are of the source only, which is a root of its own: one may not leave it, nor may several together. */
function staysInSource(path: string, link: string, all: ReadonlyMap<string, ListedFile>): boolean {
  const done = path.split('/').slice(0, -1);
  const todo = [link];
  for (let links = 1; todo.length > 0; ) {
    const [name = '', ...rest] = (todo.shift() as string).split('/');
    if (rest.length > 0) todo.unshift(rest.join('/'));
    if (name === '..') done.pop();
    else if (name !== '' && name !== '.') done.push(name);
    if (done[0] !== SOURCE) return false;
    const next = all.get(done.join('/'))?.link ?? null;
    if (next === null) continue;
    if (posix.isAbsolute(next) || ++links > MOST_LINKS) return false;
    done.pop();
    todo.unshift(next);
  }
  return !posix.isAbsolute(link);
}

/** Also as file systems of other systems know it. */
const GIT = /^(\.git|git~\d+)[. ]*$/i;

function checkPath(path: string): void {
  const isClean =
    path !== '' && posix.normalize(path) === path && !posix.isAbsolute(path) && path.split('/')[0] !== '..';
  if (!isClean || /[\0\\]/.test(path)) throw refused(`the path ${shown(path)} points out`);
  if (path.split('/').some((name) => GIT.test(name)))
    throw refused(`${shown(path)} is of a git repository, which no capsule holds`);
}

async function unpackFile(entry: TarEntry, wanted: ListedFile, folder: string): Promise<void> {
  if (entry.type !== 'file') throw refused(`${shown(entry.path)} is not the file that its manifest lists`);
  if (entry.size !== wanted.bytes) throw refused(`${shown(entry.path)} has ${entry.size} bytes, not ${wanted.bytes}`);
  const path = join(folder, entry.path);
  await writeWhole(path, entry.content, wanted.executable ? 0o755 : 0o644);
  const { digest } = await digestOfStream(createReadStream(onDisk(path)));
  if (digest !== `sha256:${wanted.sha256}`) throw refused(`${shown(entry.path)} was altered`);
}

async function writeWhole(path: string, content: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
  await mkdir(onDisk(dirname(path)), { recursive: true });
  const handle = await open(onDisk(path), 'wx', mode & 0o755);
  try {
    for await (const chunk of content) await handle.write(chunk);
  } finally {
    await handle.close();
  }
}

const shown = (path: string) => JSON.stringify(path).slice(0, 200);

function refused(why: string): OciError {
  return new OciError('CAPSULE_INVALID', why, 'copy the capsule once more');
}
