// The chain from pin to layers: each way in which it can break has a name. And what the byte programs may import.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { canonicalJson } from '../../src/oci/json.ts';
import { describeArchive, openBlob, openLayout, readBase, STAND_IN_LABEL, verifyChain } from '../../src/oci/layout.ts';
import { isPlatform, parsePlatform } from '../../src/oci/platform.ts';
import {
  archiveEntries,
  collect,
  run,
  type SmallImage,
  scratch,
  smallImage,
  tarOf,
  writeArchive,
  writeFiles,
} from './helpers.ts';

const folder = await scratch();
let count = 0;
const fresh = (name: string) => {
  count += 1;
  return join(folder, `${count}-${name}`);
};

async function writeLayout(image: SmallImage): Promise<string> {
  const path = fresh('layout');
  const entries = archiveEntries(image).map(({ path: name, content }) => [name, content as string | Buffer]);
  await writeFiles(path, Object.fromEntries(entries));
  return path;
}

async function chain(path: string, pin: string, platform = 'linux/amd64') {
  const source = await openLayout(path);
  try {
    return await verifyChain(source, pin, platform);
  } finally {
    await source.close();
  }
}

describe.each([
  ['an archive', (image: SmallImage) => writeArchive(fresh('image.tar'), image)],
  ['a folder', writeLayout],
])('in %s', (_, write) => {
  test('a sound chain holds, for each platform', async () => {
    const image = await smallImage({ platforms: ['linux/amd64', 'linux/arm/v7'] });
    const path = await write(image);
    for (const [index, platform] of ['linux/amd64', 'linux/arm/v7'].entries()) {
      const found = await chain(path, image.top.digest, platform);
      expect(found.descriptor).toEqual(image.manifests[index]);
      expect(found.layers).toEqual([image.layer]);
    }
  });

  test('a pin may name the manifest itself', async () => {
    const image = await smallImage();
    const pin = image.manifests[1]?.digest ?? '';
    const path = await write(image);
    expect((await chain(path, pin, 'linux/arm64')).descriptor.digest).toBe(pin);
    await expect(chain(path, pin, 'linux/amd64')).rejects.toMatchObject({
      code: 'PLATFORM_MISSING',
      message: expect.stringContaining('linux/arm64'),
    });
  });

  const rows: [name: string, harm: (image: SmallImage) => void, code: string][] = [
    ['the pin is not there', (image) => image.blobs.delete(image.top.digest), 'BLOB_MISSING'],
    ['the index was swapped', (image) => change(image, image.top.digest), 'BLOB_DIGEST'],
    ['the manifest is missing', (image) => image.blobs.delete(image.manifests[0]?.digest ?? ''), 'BLOB_MISSING'],
    ['the manifest was swapped', (image) => change(image, image.manifests[0]?.digest ?? ''), 'BLOB_DIGEST'],
    ['the config was swapped', (image) => change(image, configOf(image)), 'BLOB_DIGEST'],
    ['the config is missing', (image) => image.blobs.delete(configOf(image)), 'BLOB_MISSING'],
    ['the layer was swapped', (image) => change(image, image.layer.digest), 'BLOB_DIGEST'],
    ['the layer was cut', (image) => cut(image, image.layer.digest), 'BLOB_SIZE'],
    ['the layer is missing', (image) => image.blobs.delete(image.layer.digest), 'BLOB_MISSING'],
  ];
  test.each(rows)('%s', async (_name, harm, code) => {
    const image = await smallImage();
    harm(image);
    await expect(chain(await write(image), image.top.digest)).rejects.toMatchObject({ code });
  });
});

function configOf(image: SmallImage): string {
  return JSON.parse(image.blobs.get(image.manifests[0]?.digest ?? '')?.toString() ?? '').config.digest;
}

/** Change one byte, keep the name. */
function change(image: SmallImage, digest: string): void {
  const bytes = Buffer.from(image.blobs.get(digest) ?? '');
  bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1;
  image.blobs.set(digest, bytes);
}

function cut(image: SmallImage, digest: string): void {
  image.blobs.set(digest, (image.blobs.get(digest) ?? Buffer.alloc(0)).subarray(1));
}

describe('a document that cannot be right is named', () => {
  const rows: [name: string, document: unknown, message: string][] = [
    ['no JSON', '{', 'not JSON'],
    ['a list', '[]', 'not a JSON object'],
    ['neither index nor manifest', {}, 'has no config'],
    ['Docker schema 1', { schemaVersion: 1, fsLayers: [] }, 'schema 1'],
    ['an index of nonsense', { manifests: [{ digest: 'x' }] }, 'without media type, digest or size'],
    [
      'a path for a digest',
      { manifests: [{ mediaType: 'x', digest: 'sha256:../../etc/passwd', size: 1 }] },
      'without media type, digest or size',
    ],
    ['an index without this platform', { manifests: [] }, 'no image for linux/amd64'],
  ];
  test.each(rows)('%s', async (_, document, message) => {
    const image = await smallImage();
    const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
    image.blobs.set(digestOf(bytes), bytes);
    const path = await writeArchive(fresh('odd.tar'), image);
    await expect(chain(path, digestOf(bytes))).rejects.toMatchObject({ message: expect.stringContaining(message) });
  });

  test('fewer layers than the config counts', async () => {
    const image = await smallImage({ config: { rootfs: { type: 'layers', diff_ids: [] } } });
    await expect(chain(await writeArchive(fresh('few.tar'), image), image.top.digest)).rejects.toThrow(
      /has 1 layers.*counts 0/,
    );
  });
});

describe('what is no layout is named', () => {
  const rows: [name: string, make: (path: string) => Promise<unknown>, message: string][] = [
    ['nothing there', async () => undefined, 'there is no OCI layout'],
    ['an empty folder', (path) => mkdir(path), 'no index.json'],
    ['a tar of something else', async (path) => writeFile(path, await tarOf([])), 'no index.json'],
    ['a compressed archive', async (path) => writeFile(path, gzipSync(await tarOf([]))), 'is compressed'],
    [
      'a truncated archive',
      async (path) => writeFile(path, (await tarOf(archiveEntries(await smallImage()))).subarray(0, 3000)),
      'ends',
    ],
  ];
  test.each(rows)('%s', async (_, make, message) => {
    const path = fresh('odd');
    await make(path);
    await expect(describeArchive(path)).rejects.toMatchObject({
      name: 'OciError',
      message: expect.stringContaining(message),
    });
  });
});

test('a substitute is taken for its platform, and never over the pinned image', async () => {
  const image = await smallImage({ labels: { [STAND_IN_LABEL]: 'a recipe' } });
  const source = await openLayout(await writeArchive(fresh('substitute.tar'), image));
  const absent = `sha256:${'1'.repeat(64)}`;
  expect(await readBase(source, absent, 'linux/arm64')).toMatchObject({
    standIn: 'a recipe',
    config: { architecture: 'arm64' },
  });
  expect(await readBase(source, image.top.digest, 'linux/amd64')).not.toHaveProperty('standIn');
  await expect(readBase(source, absent, 'linux/s390x')).rejects.toMatchObject({ code: 'BASE_MISSING' });
  await source.close();
});

test('a substitute with a broken layer is not taken', async () => {
  const image = await smallImage({ labels: { [STAND_IN_LABEL]: 'a recipe' } });
  change(image, image.layer.digest);
  const source = await openLayout(await writeArchive(fresh('broken.tar'), image));
  await expect(readBase(source, `sha256:${'1'.repeat(64)}`, 'linux/amd64')).rejects.toMatchObject({
    code: 'BLOB_DIGEST',
  });
  await source.close();
});

test('a blob larger than a chunk is whole', async () => {
  const big = Buffer.alloc(1_000_000, 'big');
  const image = await smallImage();
  const descriptor = { mediaType: 'x', digest: digestOf(big), size: big.byteLength };
  image.blobs.set(descriptor.digest, big);
  const source = await openLayout(await writeArchive(fresh('big.tar'), image));
  expect((await collect(openBlob(source, descriptor))).equals(big)).toBe(true);
  await source.close();
});

const platforms: [found: string, wanted: string, isMeant: boolean][] = [
  ['linux/amd64', 'linux/amd64', true],
  ['linux/amd64', 'linux/arm64', false],
  ['windows/amd64', 'linux/amd64', false],
  ['linux/arm64/v8', 'linux/arm64', true],
  ['linux/arm64', 'linux/arm64/v8', true],
  ['linux/arm/v6', 'linux/arm/v7', false],
  ['linux/arm/v7', 'linux/arm', true],
  ['linux/amd64/v3', 'linux/amd64', true],
];
test.each(platforms)('platform %s for %s: %s', (found, wanted, isMeant) => {
  expect(isPlatform(parsePlatform(found), wanted)).toBe(isMeant);
});

test('equal documents have equal bytes', () => {
  expect(canonicalJson({ b: [{ d: 1, c: undefined }], a: null }).toString()).toBe('{"a":null,"b":[{"d":1}]}');
});

describe('a program for bytes', async () => {
  const source = fileURLToPath(new URL('../../src/oci/', import.meta.url));
  const files = (await readdir(source)).filter((name) => name.endsWith('.ts'));

  // In a container there is nothing else: no packages, and nothing of the project outside this folder.
  test.each(files)('%s imports Node and its own folder only', async (name) => {
    const text = await readFile(join(source, name), 'utf8');
    for (const [, from = ''] of text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'/gm)) {
      const isBuiltin = from.startsWith('node:') && builtinModules.includes(from.slice(5));
      expect(isBuiltin || /^\.\/[\w-]+\.ts$/.test(from), from).toBe(true);
    }
  });

  test.each(files)('%s opens with its purpose', async (name) => {
    expect(await readFile(join(source, name), 'utf8')).toMatch(/^\/\/ [A-Z].*\.\n/);
  });

  // Node strips types and nothing else: an enum or a parameter property would fail in the container only. The compiler refuses them.
  test('is erasable TypeScript', async () => {
    const config = await readFile(new URL('../../../tsconfig.base.json', import.meta.url), 'utf8');
    expect(JSON.parse(config).compilerOptions).toMatchObject({ erasableSyntaxOnly: true });
  });

  const major = Number(process.versions.node.split('.')[0]);
  test.skipIf(major < 24)('runs as it is (skipped before Node 24, which strips types without a warning)', async () => {
    const failed = await run(process.execPath, [join(source, 'assemble.ts')]).catch(
      (error: { stderr: string }) => error,
    );
    expect(failed.stderr).toMatch(/^--out is missing\nhint: .*\n$/);
  });
});
