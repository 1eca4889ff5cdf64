// Packs what a stage read into a capsule: a tar whose first entry lists all others with their hashes. Run inside a container.
//
//   capsule.ts compress --file F --out O              one file, by Brotli
//   capsule.ts image --file F --pin P --platform X --out O   an image as its pin names it: the archive F, or from its registry
//   capsule.ts folder --folder D [--folder E] --out O the files of folders as one tar, by Brotli; of equal paths the first
//   capsule.ts pack --spec S --out O                  the capsule; S is a `PackSpec`
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { constants, createBrotliCompress } from 'node:zlib';
import { digestOf, digestOfStream } from './digest.ts';
import { OciError } from './errors.ts';
import { openLayout, readBase } from './layout.ts';
import { decodeName, encodeName, onDisk } from './names.ts';
import { exitCodeOf, runAsProgram } from './program.ts';
import { pullToArchive } from './pull.ts';
import { parseMirrors, parsePin, RegistryClient } from './registry.ts';
import { comparePaths, type TarInput, writeTar } from './tar.ts';

export type PackSpec = {
  /** The manifest without its `files`. */
  manifest: object;
  /** Folders by the path that they have in the capsule. */
  folders: { path: string; from: string }[];
  files: { path: string; from: string }[];
};

type Entry = { path: string; from: string; bytes: number; sha256: string; executable: boolean; link: string | null };

/** Of a Node image of 196 MB: 72 MB at 1, 60 MB at 4, 55 MB at 5, which takes more than twice as long. */
const QUALITY = 4;
const WINDOW_BITS = 24;

export async function main(args: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        file: { type: 'string', default: '' },
        folder: { type: 'string', multiple: true, default: [] },
        pin: { type: 'string', default: '' },
        platform: { type: 'string', default: '' },
        mirror: { type: 'string', multiple: true, default: [] },
        spec: { type: 'string', default: '' },
        out: { type: 'string', default: '' },
      },
    });
    await mkdir(dirname(values.out), { recursive: true });
    const [command] = positionals;
    if (command === 'compress') await compress(values.file, values.out);
    else if (command === 'image') await image(values);
    else if (command === 'folder')
      await pipeline(Readable.from(writeTar(await union(values.folder))), brotli(), createWriteStream(values.out));
    else await pack(JSON.parse(await readFile(values.spec, 'utf8')) as PackSpec, values.out);
  });
}

async function compress(file: string, out: string): Promise<void> {
  await pipeline(createReadStream(file), brotli(), createWriteStream(out));
}

type ImageOptions = { file: string; pin: string; platform: string; mirror: string[]; out: string };

/** An engine that makes layers anew has no archive of the image that was pinned. */
async function image({ file, pin, platform, mirror, out }: ImageOptions): Promise<void> {
  const reference = parsePin(pin);
  if (await isImage(file, reference.digest, platform)) return await compress(file, out);
  const pulled = `${out}.pulled`;
  await pullToArchive(new RegistryClient({ mirrors: parseMirrors(mirror) }), reference, pulled, {
    platforms: [platform],
  });
  await compress(pulled, out);
  await rm(pulled);
}

async function isImage(file: string, digest: string, platform: string): Promise<boolean> {
  const source = await openLayout(file);
  try {
    await readBase(source, digest, platform);
    return true;
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    return false;
  } finally {
    await source.close();
  }
}

function brotli() {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN } = constants;
  return createBrotliCompress({ params: { [BROTLI_PARAM_QUALITY]: QUALITY, [BROTLI_PARAM_LGWIN]: WINDOW_BITS } });
}

/** The same content makes the same capsule: entries are in the order of their paths, and have no times and owners. */
async function pack({ manifest, folders, files }: PackSpec, out: string): Promise<void> {
  const inFolders = await Promise.all(folders.map(async ({ path, from }) => await filesBelow(from, path)));
  const given = await Promise.all(files.map(async ({ path, from }) => await entryOf(path, from)));
  const entries = [...inFolders.flat(), ...given].sort((a, b) => comparePaths(a.path, b.path));
  const listed = entries.map(({ path, bytes, sha256, executable, link }) => ({
    path,
    bytes,
    sha256,
    executable,
    link,
  }));
  const first: TarInput = {
    path: 'capsule.json',
    type: 'file',
    mode: 0o644,
    content: `${JSON.stringify({ ...manifest, files: listed }, null, 1)}\n`,
  };
  await pipeline(Readable.from(writeTar([first, ...entries.map(toTar)])), createWriteStream(out));
}

async function union(folders: readonly string[]): Promise<TarInput[]> {
  const found = new Map<string, Entry>();
  for (const folder of folders)
    for (const entry of await filesBelow(folder, '')) if (!found.has(entry.path)) found.set(entry.path, entry);
  return [...found.values()].sort((a, b) => comparePaths(a.path, b.path)).map(toTar);
}

/** Files and links; sockets and devices are nothing that a stage reads. */
async function filesBelow(folder: string, prefix: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const entry of await readdir(onDisk(folder), { encoding: 'buffer', withFileTypes: true })) {
    const name = decodeName(entry.name);
    const [path, from] = [join(prefix, name), join(folder, name)];
    if (entry.isDirectory()) found.push(...(await filesBelow(from, path)));
    else if (entry.isFile()) found.push(await entryOf(path, from));
    else if (entry.isSymbolicLink()) found.push(await linkOf(path, from));
  }
  return found;
}

async function entryOf(path: string, from: string): Promise<Entry> {
  const { digest, size } = await digestOfStream(createReadStream(onDisk(from)));
  const { mode } = await stat(onDisk(from));
  return {
    path,
    from,
    bytes: size,
    sha256: digest.slice('sha256:'.length),
    executable: (mode & 0o100) !== 0,
    link: null,
  };
}

async function linkOf(path: string, from: string): Promise<Entry> {
  const link = decodeName(await readlink(onDisk(from), 'buffer'));
  return { path, from, bytes: 0, sha256: digestOf(encodeName(link)).slice('sha256:'.length), executable: false, link };
}

function toTar({ path, from, bytes, executable, link }: Entry): TarInput {
  if (link !== null) return { path, type: 'symlink', mode: 0o777, linkpath: link };
  return { path, type: 'file', mode: executable ? 0o755 : 0o644, size: bytes, content: lazily(from) };
}

/** Opened when its turn comes: thousands at once would be too many. */
async function* lazily(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(onDisk(path));
}

runAsProgram('capsule.ts', main);
