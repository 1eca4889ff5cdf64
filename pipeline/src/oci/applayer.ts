// Turns a folder into the entries of the app layer: content and names decide, the machine it was made on does not.
import { type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { OciError } from './errors.ts';
import { formatPlatform, parsePlatform } from './platform.ts';
import { sortedByPath, type TarInput } from './tar.ts';

const CHUNK = 256 * 1024;
/** e_machine of an ELF header, as platforms call it. */
const ELF_MACHINES: Record<number, string> = {
  3: '386',
  21: 'ppc64le',
  22: 's390x',
  40: 'arm',
  62: 'amd64',
  183: 'arm64',
  243: 'riscv64',
};

/**
 * List a folder as tar entries below `target`, parents of the target included, sorted by bytes.
 * Contents are opened when they are read, and can be read more than once.
 */
export async function appEntries(folder: string, target: string, platforms: readonly string[]): Promise<TarInput[]> {
  const root = await realFolder(folder);
  const below: TarInput[] = [];
  await walk(root, root, target.slice(1), platforms, below);
  const parts = target.slice(1).split('/');
  const parents = parts.map((_, index): TarInput => directory(parts.slice(0, index + 1).join('/')));
  return [...parents, ...sortedByPath(below)];
}

async function realFolder(folder: string): Promise<string> {
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined || !(await lstat(root)).isDirectory()) {
    throw new OciError(
      'SPEC_INVALID',
      `there is no app folder at ${folder}`,
      'build the app first, or fix `app` in the spec',
    );
  }
  return root;
}

async function walk(
  root: string,
  folder: string,
  inside: string,
  platforms: readonly string[],
  found: TarInput[],
): Promise<void> {
  // As bytes: a name that is not UTF-8 would come back changed, and as another file.
  for (const raw of await readdir(folder, { encoding: 'buffer' })) {
    const name = raw.toString('utf8');
    const path = join(folder, name);
    const shown = posix.join(inside, name);
    if (!Buffer.from(name).equals(raw)) throw refused(shown, 'its name is not UTF-8', 'rename it');
    refuseName(name, shown);
    const stats = await lstat(path);
    if (stats.isDirectory()) {
      found.push(directory(shown));
      await walk(root, path, shown, platforms, found);
    } else if (stats.isFile()) {
      const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
      found.push({
        path: shown,
        type: 'file',
        mode,
        size: stats.size,
        content: rereadable(() => readChecked(path, shown, platforms)),
      });
    } else if (stats.isSymbolicLink()) {
      found.push({ path: shown, type: 'symlink', mode: 0o777, linkpath: await checkedLink(root, path, shown) });
    } else throw refused(shown, 'it is neither a file, a folder nor a symbolic link', 'remove it from the app folder');
  }
}

function directory(path: string): TarInput {
  return { path, type: 'directory', mode: 0o755 };
}

function refuseName(name: string, shown: string): void {
  if (name.endsWith('.node'))
    throw refused(shown, 'it is a native addon', 'the app layer is pure JavaScript, the same for every platform');
  // In a layer such a name deletes files of the base.
  if (name.startsWith('.wh.')) throw refused(shown, 'names that begin with .wh. mean deletion in a layer', 'rename it');
}

async function checkedLink(root: string, path: string, shown: string): Promise<string> {
  const linkpath = await readlink(path);
  if (linkpath === root || linkpath.startsWith(`${root}/`)) {
    throw refused(shown, 'it points to the build folder by its absolute path', 'make the link relative');
  }
  return linkpath;
}

/** An iterable that starts afresh each time it is iterated: once to hash the layer, once to write it. */
function rereadable(read: () => AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => read()[Symbol.asyncIterator]() };
}

async function* readChecked(path: string, shown: string, platforms: readonly string[]): AsyncGenerator<Buffer> {
  const handle: FileHandle = await open(path, 'r');
  try {
    for (let position = 0; ; ) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position);
      if (bytesRead === 0) return;
      const chunk = buffer.subarray(0, bytesRead);
      if (position === 0) refuseForeignElf(chunk, shown, platforms);
      position += bytesRead;
      yield chunk;
    }
  } finally {
    await handle.close();
  }
}

/** The header says which machine a program is for, so the answer is the same on every host. */
function refuseForeignElf(start: Buffer, shown: string, platforms: readonly string[]): void {
  if (start.byteLength < 20 || start.toString('latin1', 0, 4) !== '\x7fELF') return;
  const isBigEndian = start[5] === 2;
  const machine = ELF_MACHINES[isBigEndian ? start.readUInt16BE(18) : start.readUInt16LE(18)] ?? 'an unknown machine';
  const foreign = platforms.find((platform) => parsePlatform(platform).architecture !== machine);
  if (foreign === undefined && platforms.length === 1) return;
  const wanted = platforms.map((platform) => formatPlatform(parsePlatform(platform))).join(' and ');
  throw refused(
    shown,
    `it is a program for ${machine}, and the image is for ${wanted}`,
    'the app layer is the same for every platform: leave it out',
  );
}

function refused(shown: string, why: string, hint: string): OciError {
  return new OciError('APP_REFUSED', `${shown} cannot go into the image: ${why}`, hint);
}
