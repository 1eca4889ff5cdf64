// What differs between two images: nothing, or each thing by its name.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { differencesBetween } from '../../src/oci/compare-images.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { type Descriptor, MEDIA, openLayout } from '../../src/oci/layout.ts';
import type { TarInput } from '../../src/oci/tar.ts';
import { scratch, smallImage, tarOf, writeArchive } from './helpers.ts';

const folder = await scratch();
const AMD64 = { platforms: ['linux/amd64'] };

type Content = { layers?: Buffer[]; isPacked?: boolean; annotations?: Record<string, string>; env?: string[] };

/** An image of one platform, below no index. */
async function imageOf({ layers = [], isPacked = false, annotations = {}, env = ['A=1'] }: Content) {
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    blobs.set(digestOf(bytes), bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  };
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: env },
    rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: add(MEDIA.config, Buffer.from(JSON.stringify(config))),
    layers: layers.map((tar) => (isPacked ? add(MEDIA.layerGzip, gzipSync(tar)) : add(MEDIA.layer, tar))),
    annotations,
  };
  return { blobs, top: add(MEDIA.manifest, Buffer.from(JSON.stringify(manifest))) };
}

let count = 0;
async function opened(image: { blobs: Map<string, Buffer>; top: Descriptor }) {
  const path = join(folder, `${++count}.tar`);
  return await openLayout(await writeArchive(path, { ...(await smallImage(AMD64)), ...image }));
}
async function between(a: Content, b: Content): Promise<string[]> {
  const [published, rebuilt] = [await opened(await imageOf(a)), await opened(await imageOf(b))];
  try {
    return await differencesBetween(published, rebuilt);
  } finally {
    await Promise.all([published.close(), rebuilt.close()]);
  }
}

const file = (path: string, content: string, over: Partial<TarInput> = {}): TarInput =>
  ({ path, type: 'file', mode: 0o644, content, ...over }) as TarInput;
const tar = await tarOf([file('app/a', '1'), file('app/b', '2')]);

const rows: [what: string, a: Content, b: Content, lines: string[]][] = [
  ['nothing', { layers: [tar] }, { layers: [tar] }, []],
  [
    'a file, one that is gone and one that is new',
    { layers: [tar] },
    { layers: [await tarOf([file('app/a', '9'), file('app/c', '3')])] },
    [
      'linux/amd64, layer 1: app/a differs',
      'linux/amd64, layer 1: app/b is only in what was published',
      'linux/amd64, layer 1: app/c is only in what was rebuilt',
    ],
  ],
  [
    'the mode of a file alone: it is a program now',
    { layers: [tar] },
    { layers: [await tarOf([file('app/a', '1', { mode: 0o4755 }), file('app/b', '2')])] },
    ['linux/amd64, layer 1: app/a differs'],
  ],
  [
    'only how it is packed',
    { layers: [tar] },
    { layers: [tar], isPacked: true },
    ['linux/amd64, layer 1: the same files, packed otherwise'],
  ],
  ['a layer more', { layers: [tar] }, { layers: [tar, tar] }, ['linux/amd64, layer 2: only rebuilt']],
  ['the configuration', { env: ['A=1'] }, { env: ['A=2'] }, ['linux/amd64, configuration: Env differs']],
  ['an annotation', { annotations: { x: '1' } }, {}, ['linux/amd64, annotation x differs']],
];
test.each(rows)('%s', async (_, a, b, lines) => expect(await between(a, b)).toEqual(lines));

test('twenty files are named, and the others counted', async () => {
  const many = (content: string) => tarOf([...Array(25).keys()].map((at) => file(`f${100 + at}`, content)));
  const lines = await between({ layers: [await many('1')] }, { layers: [await many('2')] });
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe('linux/amd64, layer 1: 5 more files differ');
});

test('a platform that one of them lacks', async () => {
  const [one, two] = [await smallImage(AMD64), await smallImage()];
  const [published, rebuilt] = [await opened(one), await opened(two)];
  expect(await differencesBetween(published, rebuilt)).toEqual(['linux/arm64: only rebuilt']);
  await Promise.all([published.close(), rebuilt.close()]);
});
