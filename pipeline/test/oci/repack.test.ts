// Repacking what an engine built: equal content is an equal digest, and what is in the end in the image is what its layers make together, as the
// image specification says it (image-spec/layer.md).
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import {
  describeArchive,
  type ImageConfig,
  MEDIA,
  openLayout,
  STAND_IN_LABEL,
  verifyChain,
} from '../../src/oci/layout.ts';
import { mergeLayers } from '../../src/oci/merge-layers.ts';
import { type RepackSpec, repack } from '../../src/oci/repack.ts';
import { readTar, type TarInput } from '../../src/oci/tar.ts';
import { collect, scratch, tarOf } from './helpers.ts';

const folder = await scratch();

const file = (path: string, content: string | Uint8Array = path, more: Partial<TarInput> = {}): TarInput => ({
  ...{ path, type: 'file', mode: 0o644, content },
  ...more,
});
const directory = (path: string, more: Partial<TarInput> = {}): TarInput => ({
  ...{ path, type: 'directory', mode: 0o755 },
  ...more,
});
const link = (path: string, linkpath: string): TarInput => ({ path, type: 'link', mode: 0o644, linkpath });

const merged = async (...layers: TarInput[][]) =>
  await mergeLayers(await Promise.all(layers.map(async (layer) => new Blob([await tarOf(layer)]))));
const names = async (...layers: TarInput[][]) =>
  (await merged(...layers)).entries.map(({ path, type, linkpath }) =>
    type === 'link' ? `${path} = ${linkpath}` : path,
  );

describe('layers on each other', () => {
  const rows: [what: string, layers: TarInput[][], left: string[]][] = [
    ['a file that is written again', [[file('a', '1')], [file('a', '2'), file('b')]], ['a', 'b']],
    [
      'a file that is taken away',
      [
        [directory('d'), file('d/a')],
        [directory('d'), file('d/.wh.a')],
      ],
      ['d', 'd/.wh.a'],
    ],
    // layer.md, "Whiteouts": a/.wh.b hides a/b and all below it.
    [
      'a folder that is taken away',
      [[directory('a'), directory('a/b'), file('a/b/c')], [file('a/.wh.b')]],
      ['a', 'a/.wh.b'],
    ],
    [
      'a folder that is emptied and filled again',
      [
        [directory('a'), file('a/old')],
        [directory('a'), file('a/.wh..wh..opq'), file('a/new')],
      ],
      ['a', 'a/.wh..wh..opq', 'a/new'],
    ],
    [
      'a folder that is taken away, and made again by the next: what lies below stays hidden',
      [[file('.wh.a')], [directory('a'), file('a/new')]],
      ['a', 'a/.wh..wh..opq', 'a/new'],
    ],
    ['a file in the place of what was taken away', [[file('.wh.a')], [file('a')]], ['a']],
    ['a file in the place of a folder', [[directory('a'), file('a/b')], [file('a')]], ['a']],
    ['names of one file', [[file('b', 'x'), link('a', 'b'), link('c', 'b')]], ['a', 'b = a', 'c = a']],
    ['names of one file, of which one goes', [[file('a', 'x'), link('b', 'a')], [file('.wh.a')]], ['.wh.a', 'b']],
    ['paths as some tools write them', [[directory('./'), directory('./a/'), file('./a/b')]], ['a', 'a/b']],
  ];
  test.each(rows)('%s', async (_, layers, left) => expect(await names(...layers)).toEqual(left));

  test('a path that climbs is refused', async () => {
    await expect(merged([file('../../etc/passwd')])).rejects.toMatchObject({ code: 'TAR_INVALID' });
  });

  test('owners, permissions, links and attributes stay; times, order and names of the machine do not', async () => {
    const capability = Buffer.from('0100000200200000', 'hex');
    const xattrs = new Map([
      ['security.capability', capability],
      ['security.selinux', Buffer.from('x')],
    ]);
    const one = [
      file('b', 'B', { mode: 0o4755, uid: 7, gid: 8, mtime: 1_700_000_000, uname: 'me', xattrs }),
      { path: 'a', type: 'symlink', mode: 0o777, linkpath: '../b', mtime: 5.5 } as TarInput,
    ];
    const [a, b] = (await merged(one)).entries;
    expect(a).toMatchObject({ path: 'a', type: 'symlink', linkpath: '../b' });
    expect(b).toMatchObject({ path: 'b', mode: 0o4755, uid: 7, gid: 8, size: 1 });
    expect([...(b?.xattrs ?? [])]).toEqual([['security.capability', capability]]);
    expect(await tarOf((await merged(one)).entries)).toEqual(await tarOf((await merged([...one].reverse())).entries));
  });

  test('what Python compiled says nothing of when: the time in it is that of its source (PEP 552)', async () => {
    const compiled = (flags: number, time: number) => {
      const bytes = Buffer.alloc(20, 7);
      bytes.writeUInt32LE(flags, 4);
      bytes.writeUInt32LE(time, 8);
      return bytes;
    };
    const written = async (bytes: Buffer) => {
      const [entry] = (await merged([file('m.pyc', bytes)])).entries;
      return await collect(entry?.content as AsyncIterable<Uint8Array>);
    };
    expect(await written(compiled(0, 1_700_000_000))).toEqual(compiled(0, 0));
    // By the hash of the source: the same word is a part of it.
    expect(await written(compiled(1, 1_700_000_000))).toEqual(compiled(1, 1_700_000_000));
  });

  test('files that say when they were written are named', async () => {
    // As dpkg and apt write them, and a stamp; a change log of another day is none.
    const mtime = Date.parse('2026-03-04T05:06:07Z') / 1000;
    const { dated } = await merged([
      file('var/log/dpkg.log', '2026-03-04 05:06:07 startup archives unpack\n', { mtime }),
      file('var/log/apt/history.log', '\nStart-Date: 2026-03-04  05:06:07\n', { mtime }),
      file('app/built', '2026-03-04T05:06:07Z', { mtime }),
      file('var/cache/ldconfig/aux-cache', 'glibc-ld.so.cache1.1', { mtime }),
      file('app/CHANGES.md', '# 2.0 of 2025-12-24\n', { mtime }),
    ]);
    expect(dated).toEqual(['app/built', 'var/cache/ldconfig/aux-cache', 'var/log/apt/history.log', 'var/log/dpkg.log']);
  });
});

type Layer = { tar: Buffer; gzip?: boolean };

/** An image as an engine exports one. */
async function exported(name: string, layers: Layer[], config: Partial<ImageConfig> = {}): Promise<string> {
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, bytes: Buffer) => {
    blobs.set(digestOf(bytes), bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  };
  const written = layers.map(({ tar, gzip = false }) =>
    gzip ? add(MEDIA.layerGzip, gzipSync(tar)) : add(MEDIA.layer, tar),
  );
  const rootfs = { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) };
  const document = { architecture: 'amd64', os: 'linux', rootfs, ...config };
  const image = { schemaVersion: 2, config: add(MEDIA.config, json(document)), layers: written };
  const top = add(MEDIA.manifest, json(image));
  const path = join(folder, `${name}.tar`);
  const entries = [...blobs].map(([digest, bytes]) => file(`blobs/${digest.replace(':', '/')}`, bytes));
  await writeFile(path, await tarOf([...entries, file('index.json', json({ schemaVersion: 2, manifests: [top] }))]));
  return path;
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

const BASE = await tarOf([file('etc/os-release', 'ID=small\n', { mtime: 1_700_000_000 })]);
const PIN = `registry.example/base:1@sha256:${'0'.repeat(64)}`;
const ENV = ['PATH=/usr/bin', 'PORT=9000'];
const created = (text: string, more: Partial<ImageConfig> = {}): Partial<ImageConfig> => ({
  created: text,
  history: [
    { created: '2020-01-01T00:00:00Z', created_by: 'ADD rootfs' },
    { created: text, created_by: 'RUN x' },
  ],
  config: { Env: ENV, Cmd: ['sh'], Labels: { 'org.opencontainers.image.title': 'its own' } },
  ...more,
});
const base = await exported('base', [{ tar: BASE, gzip: true }], {
  history: [{ created: '2020-01-01T00:00:00Z', created_by: 'ADD rootfs' }],
});
const app = (mtime: number) => tarOf([directory('app', { mtime }), file('app/server', 'S', { mtime })]);

const spec = (archive: string, over: Partial<RepackSpec> = {}): RepackSpec => ({
  images: [{ platform: 'linux/amd64', archive, base }],
  pin: PIN,
  repoTag: 'api:1.0.0',
  env: { PORT: '8000', EXTRA: '1' },
  labels: { 'org.opencontainers.image.title': 'api', 'org.opencontainers.image.version': '1.0.0' },
  entrypoint: null,
  standIn: null,
  ...over,
});

async function configIn(archive: string, digest: string) {
  const source = await openLayout(archive);
  try {
    const { config, layers, manifest } = await verifyChain(source, digest, 'linux/amd64');
    const last = layers.at(-1)?.digest ?? '';
    const files: string[] = [];
    for await (const { path, mtime } of readTar(source.stream(last))) files.push(`${path} ${mtime}`);
    return { config, layers, manifest, files };
  } finally {
    await source.close();
  }
}

describe('an image', () => {
  test('two builds at two times, and with other layers, have one digest', async () => {
    const first = await exported(
      'first',
      [{ tar: BASE }, { tar: await app(1_700_000_000) }],
      created('2026-01-01T00:00:00Z'),
    );
    const second = await exported(
      'second',
      [
        { tar: BASE, gzip: true },
        { tar: await tarOf([file('app/server', 'earlier'), directory('app')]), gzip: true },
        { tar: await tarOf([file('app/server', 'S', { mtime: 3 })]), gzip: true },
      ],
      created('2026-02-02T02:02:02Z'),
    );
    const [one, other] = [
      await repack(spec(first), join(folder, 'one/image.tar')),
      await repack(spec(second), join(folder, 'other/image.tar')),
    ];
    expect(other.digest).toBe(one.digest);
    expect([one.dated, one.mixed, one.standIn]).toEqual([[], [], []]);
  });

  test('the base is there byte for byte, and what it says of itself stays', async () => {
    const built = await exported('built', [{ tar: BASE }, { tar: await app(9) }], created('2026-01-01T00:00:00Z'));
    const out = join(folder, 'kept/image.tar');
    const image = await repack(spec(built), out);
    const { config, layers, manifest, files } = await configIn(out, image.digest);
    expect(layers[0]).toEqual({
      mediaType: MEDIA.layerGzip,
      digest: digestOf(gzipSync(BASE)),
      size: gzipSync(BASE).byteLength,
    });
    expect(files).toEqual(['app 0', 'app/server 0']);
    expect(config.created).toBe('1970-01-01T00:00:00Z');
    expect(config.config).toMatchObject({ Env: [...ENV, 'EXTRA=1'], Cmd: ['sh'] });
    expect(config.config?.Labels).toEqual({
      'org.opencontainers.image.title': 'its own',
      'org.opencontainers.image.version': '1.0.0',
    });
    expect(manifest.annotations).toMatchObject({ 'org.opencontainers.image.base.digest': `sha256:${'0'.repeat(64)}` });
    expect((await describeArchive(out)).images[0]?.appDiffIds).toEqual([layers[1]?.digest]);
  });

  test('a program of its own takes the place of both', async () => {
    const built = await exported('start', [{ tar: BASE }], created('2026-01-01T00:00:00Z'));
    const out = join(folder, 'start/image.tar');
    const { config } = await configIn(out, (await repack(spec(built, { entrypoint: ['/app/server'] }), out)).digest);
    expect([config.config?.Entrypoint, config.config?.Cmd]).toEqual([['/app/server'], undefined]);
  });

  test('from scratch, all is its own', async () => {
    const built = await exported('scratch', [{ tar: await app(9) }]);
    const out = join(folder, 'scratch/image.tar');
    const images = [{ platform: 'linux/amd64', archive: built, base: null }];
    const image = await repack(spec(built, { images, pin: null }), out);
    expect((await configIn(out, image.digest)).layers).toHaveLength(1);
    expect(image.mixed).toEqual([]);
  });

  test('layers of the base that were made anew are told', async () => {
    const built = await exported('anew', [{ tar: await tarOf([file('etc/os-release', 'ID=small\n')]) }]);
    expect((await repack(spec(built), join(folder, 'anew/image.tar'))).mixed).toEqual(['linux/amd64']);
  });

  test('a substitute is named by the label of the base, and by one that only a stage was made of', async () => {
    const labels = { [STAND_IN_LABEL]: 'base, assembled' };
    const inherited = await exported('inherited', [{ tar: BASE }], { config: { Labels: labels } });
    const copied = await exported('copied', [{ tar: BASE }]);
    const [one, other] = [
      await repack(spec(inherited), join(folder, 'inherited/image.tar')),
      await repack(spec(copied, { standIn: 'compiler, assembled' }), join(folder, 'copied/image.tar')),
    ];
    expect([one.standIn, other.standIn]).toEqual([['base, assembled'], ['compiler, assembled']]);
    const { images } = await describeArchive(join(folder, 'copied/image.tar'));
    expect(images[0]?.standIn).toBe('compiler, assembled');
  });
});
