// The engine's own tools (crun, pasta, nft, …): packages pinned by hash, taken from wherever this machine gets packages, and unpacked into the cache.
// `bin/tools.sh` knows the folder by a hash of this folder and the lock, and asks for it when it is not there.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolders } from '../../src/oci/folders.ts';
import type { TarEntry } from '../../src/oci/tar.ts';
import { EnvironmentError } from '../errors.ts';
import { adopt, fetchAll, wantedOf } from '../images/assembled/cache.ts';
import { openDeb } from '../images/assembled/deb.ts';
import { type Lock, parseLock } from '../images/assembled/lock-file.ts';
import toolsLock from '../images/assembled/locks/engine-tools.json' with { type: 'json' };
import { hostRegistries, type Registries } from '../images/assembled/registries.ts';
import { isElf, LOADER, withOurLibraries, withOurLoader } from './elf.ts';

/** `passt.avx2` and `pasta.avx2` are what the other two become where the processor can. */
export const TOOLS: ReadonlySet<string> = new Set([
  ...['crun', 'tini-static', 'passt', 'passt.avx2', 'pasta', 'pasta.avx2', 'nft', 'ip', 'perl'],
  ...['mount', 'umount', 'unshare', 'nsenter', 'setpriv', 'choom', 'flock'],
]);

export const TOOLS_LOCK: Lock = parseLock(toolsLock);

/** Node's name of a processor, and what Debian calls the same in names of packages and folders. */
const PROCESSORS: Readonly<Record<string, { platform: string; triplet: string; loader: string }>> = {
  x64: { platform: 'linux/amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { platform: 'linux/arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

export type InstallOptions = {
  /** The folder to make; one that is there is left alone. */
  folder: string;
  /** Where packages are kept, by their hash. */
  packages: string;
  /** A folder that may have some of them as well, named by their hash. */
  given?: string;
  offline: boolean;
  log: (line: string) => void;
  arch?: string;
  registries?: Registries;
};

const lockFor = (arch: string) => TOOLS_LOCK.platforms[PROCESSORS[arch]?.platform ?? ''];

/** The folder that has the packages, and their names in it; none where not all are there. */
export function heldPackages(cache: string): { folder: string; files: string[] } | undefined {
  const folder = join(cache, 'sha256');
  const files = (lockFor(process.arch)?.debian ?? []).map(({ sha256 }) => sha256);
  return files.length > 0 && files.every((name) => existsSync(join(folder, name))) ? { folder, files } : undefined;
}

/** Fetches the tools and unpacks them, aside and then by name, so that a folder that has the name is whole. */
export async function installTools(options: InstallOptions): Promise<void> {
  const { folder, packages: cache, given, offline, log, arch = process.arch, registries = hostRegistries() } = options;
  const processor = PROCESSORS[arch];
  const lock = lockFor(arch);
  if (processor === undefined || lock === undefined)
    throw new EnvironmentError(`the engine has no tools for ${arch} processors`, 'use an x64 or arm64 machine');
  makeFolders(dirname(folder));
  const wanted = wantedOf(lock, TOOLS_LOCK.madeFrom);
  if (given !== undefined) await adopt(wanted.values(), given, cache);
  const packages = await fetchAll(wanted, { cache, offline, registries, log });
  const aside = `${folder}.${randomUUID()}.part`;
  try {
    for (const name of ['bin', 'lib']) await mkdir(join(aside, name), { recursive: true });
    for (const [pin, bytes] of packages) await unpack(bytes, wanted.get(pin)?.title ?? '', aside, processor);
    await writeFile(join(aside, SUMS), sumsOf(aside, basename(folder)), { flush: true });
    await rename(aside, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // else another run was quicker
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** As `sha256sum` writes and checks it, below the name of the folder: bin/tools.sh looks at that and at those files that it runs itself. */
const SUMS = 'sums';

/** Whether all files are as they were unpacked, and of the version that the folder is named by. Read each time that a session starts: 15 MB take some 10 ms. */
export function areSound(folder: string): boolean {
  try {
    const programs = readdirSync(join(folder, 'bin')).map((name) => `bin/${name}`);
    const start = [...programs, `lib/${LOADER}`].every((path) => statSync(join(folder, path)).mode & 0o100);
    return start && readFileSync(join(folder, SUMS), 'utf8') === sumsOf(folder, basename(folder));
  } catch {
    return false; // a file is missing, or cannot be read
  }
}

function sumsOf(folder: string, name: string): string {
  const paths = ['bin', 'lib'].flatMap((name) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
  const sum = (path: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, path)))
      .digest('hex');
  return [`# ${name}\n`, ...paths.sort().map((path) => `${sum(path)}  ${path}\n`)].join('');
}

type Processor = { triplet: string; loader: string };

async function unpack(bytes: Buffer, where: string, folder: string, processor: Processor): Promise<void> {
  for await (const entry of openDeb(bytes, where).data()) {
    const name = basename(entry.path);
    if (/^(\.\/)?(usr\/)?s?bin\/[^/]+$/.test(entry.path) && TOOLS.has(name))
      await put(entry, join(folder, 'bin', name), (program) => withOurLoader(program, where));
    else if (isLibrary(entry.path, processor)) {
      const isLoader = name === processor.loader;
      const relocate = (library: Buffer) => (isLoader ? withOurLibraries(library, processor.triplet, where) : library);
      await put(entry, join(folder, 'lib', isLoader && entry.type === 'file' ? LOADER : name), relocate);
    }
  }
}

const isLibrary = (path: string, { triplet }: Processor) =>
  new RegExp(`^(\\./)?(usr/)?lib/${triplet}/[^/]+\\.so(\\.[^/]+)?$`).test(path);

async function put(entry: TarEntry, path: string, relocate: (elf: Buffer) => Buffer): Promise<void> {
  // All are in one folder here, so a link leads to its neighbour; one from /sbin to /bin is needless.
  if (entry.type === 'symlink' || entry.type === 'link') {
    const target = basename(entry.linkpath);
    return target === basename(path) ? undefined : symlink(target, path);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of entry.content) chunks.push(chunk);
  const content = Buffer.concat(chunks);
  await writeFile(path, isElf(content) ? relocate(content) : content, { mode: entry.mode & 0o755, flush: true });
}

/** The command line of a tool outside of a session, where its loader has to be told what is where. */
export function commandOf(folder: string, name: string): [string, ...string[]] {
  return [join(folder, 'lib', LOADER), '--library-path', join(folder, 'lib'), join(folder, 'bin', name)];
}
