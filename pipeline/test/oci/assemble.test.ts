// The assembled image: the same content makes the same digest wherever it is made; what must not ship is refused by name.
import { chmod, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { assemble } from '../../src/oci/assemble.ts';
import type { AssembledImage } from '../../src/oci/image-files.ts';
import { type Chain, describeArchive, MEDIA, openLayout, STAND_IN_LABEL, verifyChain } from '../../src/oci/layout.ts';
import { type AssembleSpec, parseSpec } from '../../src/oci/spec.ts';
import { readTar } from '../../src/oci/tar.ts';
import { TYPESCRIPT } from '../typescript.ts';
import { collect, has, type ImageOptions, run, scratch, smallImage, writeArchive, writeFiles } from './helpers.ts';

const folder = await scratch();
const program = fileURLToPath(new URL('../../src/oci/assemble.ts', import.meta.url));
const APP = {
  'server.js': 'listen();',
  'node_modules/a/index.js': 'a',
  'node_modules/a-b/index.js': 'ab',
  'package.json': '{}',
};

let count = 0;
const fresh = (name: string) => {
  count += 1;
  return join(folder, `${count}-${name}`);
};

async function app(files: Record<string, string | Uint8Array> = APP): Promise<string> {
  const path = fresh('app');
  await writeFiles(path, files);
  return path;
}

const smallBase = await smallImage();
const baseArchive = await writeArchive(join(folder, 'base.tar'), smallBase);
const pinOf = (digest: string) => `docker.io/library/small:1@${digest}`;

/** A spec with the dull parts filled in. */
function spec(more: Record<string, unknown> = {}): AssembleSpec {
  const base = { pin: pinOf(smallBase.top.digest), archives: [baseArchive], offline: true };
  return parseSpec({ base, platforms: ['linux/amd64'], ...more });
}

async function assembled(given: AssembleSpec): Promise<{ image: AssembledImage; out: string }> {
  const out = join(fresh('out'), 'image.tar');
  return { image: await assemble(given, { out }), out };
}

async function chainOf(out: string, image: AssembledImage, platform = 'linux/amd64'): Promise<Chain> {
  const source = await openLayout(out);
  try {
    return await verifyChain(source, image.digest, platform);
  } finally {
    await source.close();
  }
}

async function appLayer(out: string, image: AssembledImage) {
  const source = await openLayout(out);
  const found = [];
  for await (const { path, type, mode, uid, gid, mtime, linkpath } of readTar(
    source.stream(image.platforms[0]?.appLayer.digest ?? ''),
  )) {
    found.push({ path, type, mode: mode.toString(8), uid, gid, mtime, linkpath });
  }
  await source.close();
  return found;
}

describe('the image', () => {
  test('has the base byte for byte, one layer of app, and says how to run it', async () => {
    const { image, out } = await assembled(
      spec({
        app: await app(),
        user: '65532:65532',
        entrypoint: ['/usr/bin/node'],
        cmd: ['server.js'],
        env: { PORT: '8000', NODE_VERSION: '25', A: '' },
        workdir: '/app',
        ports: ['8000/tcp'],
        labels: { 'org.opencontainers.image.licenses': 'MIT' },
        healthcheck: { test: ['CMD', 'node', 'healthy.js'], interval: 5e9, retries: 3 },
        stopSignal: 'SIGTERM',
        repoTag: 'drydock/service:dev',
      }),
    );
    const { config, layers, manifest } = await chainOf(out, image);
    expect(config.config).toEqual({
      User: '65532:65532',
      Entrypoint: ['/usr/bin/node'],
      Cmd: ['server.js'],
      Env: ['PATH=/usr/bin', 'NODE_VERSION=25', 'A=', 'PORT=8000'],
      WorkingDir: '/app',
      ExposedPorts: { '8000/tcp': {} },
      Labels: { 'org.opencontainers.image.licenses': 'MIT' },
      Healthcheck: { Test: ['CMD', 'node', 'healthy.js'], Interval: 5e9, Retries: 3 },
      StopSignal: 'SIGTERM',
    });
    expect(layers[0]).toEqual(smallBase.layer);
    expect(layers[1]).toEqual({ mediaType: MEDIA.layer, ...image.platforms[0]?.appLayer });
    expect(config.rootfs.diff_ids).toEqual(image.platforms[0]?.diffIds);
    expect(config.rootfs.diff_ids[1]).toBe(layers[1]?.digest);
    expect(config.created).toBe('1970-01-01T00:00:00Z');
    expect(config.history).toEqual([
      { created: '2024-05-06T07:08:09Z', created_by: 'ADD rootfs' },
      { created_by: 'drydock assemble /app' },
    ]);
    expect(manifest.annotations?.['org.opencontainers.image.base.digest']).toBe(smallBase.top.digest);
    expect(image.standIn).toEqual([]);
    expect(JSON.parse(await readFile(join(out, '../image.json'), 'utf8'))).toEqual(image);
    expect(await describeArchive(out)).toMatchObject({
      digest: image.digest,
      mediaType: MEDIA.manifest,
      size: image.size,
    });
  });

  test('has the app below its target, in byte order, without owners and times', async () => {
    const from = await app({ 'b.sh': '#!/bin/sh', 'a-b/x': '', 'a/x': '' });
    await chmod(join(from, 'b.sh'), 0o4711);
    await chmod(join(from, 'a'), 0o700);
    await symlink('a/x', join(from, 'link'));
    const { image, out } = await assembled(spec({ app: from, target: '/srv/app' }));
    const plain = { uid: 0, gid: 0, mtime: 0, linkpath: '' };
    expect(await appLayer(out, image)).toEqual([
      { path: 'srv', type: 'directory', mode: '755', ...plain },
      { path: 'srv/app', type: 'directory', mode: '755', ...plain },
      { path: 'srv/app/a', type: 'directory', mode: '755', ...plain },
      { path: 'srv/app/a-b', type: 'directory', mode: '755', ...plain },
      { path: 'srv/app/a-b/x', type: 'file', mode: '644', ...plain },
      { path: 'srv/app/a/x', type: 'file', mode: '644', ...plain },
      { path: 'srv/app/b.sh', type: 'file', mode: '755', ...plain },
      { path: 'srv/app/link', type: 'symlink', mode: '777', ...plain, linkpath: 'a/x' },
    ]);
  });

  test('of several platforms is an index in their order, with one app layer for all', async () => {
    const { image, out } = await assembled(spec({ app: await app(), platforms: ['linux/arm64', 'linux/amd64'] }));
    expect(image.mediaType).toBe(MEDIA.index);
    expect(image.platforms.map(({ platform }) => platform)).toEqual(['linux/arm64', 'linux/amd64']);
    expect(image.platforms[0]?.appLayer).toEqual(image.platforms[1]?.appLayer);
    for (const { platform, digest } of image.platforms) {
      expect((await chainOf(out, image, platform)).descriptor.digest).toBe(digest);
    }
  });

  test('of a Docker base is an OCI image whose layer bytes are unchanged', async () => {
    const docker = await smallImage({ flavour: 'docker' });
    const archive = await writeArchive(fresh('docker.tar'), docker);
    const base = { pin: pinOf(docker.top.digest), archives: [archive], offline: true };
    const { image, out } = await assembled(spec({ app: await app(), base }));
    const { manifest, layers } = await chainOf(out, image);
    expect(manifest).toMatchObject({ mediaType: MEDIA.manifest, config: { mediaType: MEDIA.config } });
    expect(layers[0]).toEqual({ ...docker.layer, mediaType: MEDIA.layerGzip });
  });

  test('pinned by the manifest of its platform', async () => {
    const [amd64] = smallBase.manifests;
    const base = { pin: pinOf(amd64?.digest ?? ''), archives: [baseArchive], offline: true };
    const { image } = await assembled(spec({ app: await app(), base }));
    expect(image.platforms).toHaveLength(1);
  });
});

describe('the digest', () => {
  test('depends on nothing but content: not on folder, order, times, modes of folders, umask, zone or locale', async () => {
    const one = await app();
    const other = await app(Object.fromEntries(Object.entries(APP).reverse()));
    await utimes(join(other, 'server.js'), 1, 1);
    await chmod(join(other, 'server.js'), 0o600);
    await chmod(join(other, 'node_modules'), 0o700);
    const first = await assembled(spec({ app: one }));
    const out = fresh('elsewhere.tar');
    const file = fresh('spec.json');
    await writeFile(file, JSON.stringify(spec({ app: other })));
    const command = 'umask 077; exec "$@"';
    await run('sh', ['-c', command, 'sh', process.execPath, ...TYPESCRIPT, program, '--spec', file, '--out', out], {
      env: { ...process.env, TZ: 'Asia/Tokyo', LC_ALL: 'sv_SE.UTF-8' },
    });
    expect((await readFile(out)).equals(await readFile(first.out))).toBe(true);
  });

  const rows: [name: string, files: Record<string, string>, more: Record<string, unknown>, isSame: boolean][] = [
    ['the same again', APP, {}, true],
    ['a name for docker load', APP, { repoTag: 'a/b:c' }, true],
    ['another environment', APP, { env: { B: '2', A: '1' } }, false],
    ['one changed byte', { ...APP, 'server.js': 'listen()?' }, {}, false],
    ['one more empty file', { ...APP, empty: '' }, {}, false],
    ['another target', APP, { target: '/srv' }, false],
    ['another user', APP, { user: '1' }, false],
  ];
  for (const [name, files, more, isSame] of rows) {
    test(`${isSame ? 'stays' : 'changes'} with ${name}`, async () => {
      const before = await assembled(spec({ app: await app() }));
      const after = await assembled(spec({ app: await app(files), ...more }));
      expect(after.image.digest === before.image.digest).toBe(isSame);
    });
  }

  test('does not know the order of keys in a spec', async () => {
    const from = await app();
    const ab = await assembled(spec({ app: from, env: { A: '1', B: '2' }, labels: { a: '1', b: '2' } }));
    const ba = await assembled(spec({ app: from, env: { B: '2', A: '1' }, labels: { b: '2', a: '1' } }));
    expect(ab.image.digest).toBe(ba.image.digest);
  });

  test('changes with the bit that makes a file a program', async () => {
    const from = await app();
    const before = await assembled(spec({ app: from }));
    await chmod(join(from, 'server.js'), 0o744);
    expect((await assembled(spec({ app: from }))).image.digest).not.toBe(before.image.digest);
  });
});

describe('substitutes', () => {
  const standInArchive = async (options: ImageOptions) =>
    await writeArchive(fresh('substitute.tar'), await smallImage(options));
  const base = (archives: string[]) => ({ pin: pinOf(`sha256:${'0'.repeat(64)}`), archives, offline: true });

  test('are taken by their label, which the image inherits', async () => {
    const archive = await standInArchive({ labels: { [STAND_IN_LABEL]: 'debian snapshot + node 24' } });
    const { image, out } = await assembled(spec({ app: await app(), base: base([archive]), labels: { own: 'yes' } }));
    expect(image.standIn).toEqual(['debian snapshot + node 24']);
    const { config, manifest } = await chainOf(out, image);
    expect(config.config?.Labels).toEqual({ [STAND_IN_LABEL]: 'debian snapshot + node 24', own: 'yes' });
    expect(manifest.annotations).toBeUndefined();
    expect((await describeArchive(out)).images[0]?.standIn).toBe('debian snapshot + node 24');
  });

  test.each([
    ['without a label', {}],
    ['with an empty label', { labels: { [STAND_IN_LABEL]: ' ' } }],
    ['for another platform', { labels: { [STAND_IN_LABEL]: 'x' }, platforms: ['linux/s390x'] }],
  ])('are not taken %s', async (_, options) => {
    const given = spec({ app: await app(), base: base([await standInArchive(options)]) });
    await expect(assembled(given)).rejects.toMatchObject({
      code: 'BASE_MISSING',
      message: expect.stringContaining('0'.repeat(64)),
    });
  });
});

describe('the base', () => {
  test('is taken from the first archive in which it is whole', async () => {
    const broken = await smallImage();
    broken.blobs.set(broken.layer.digest, Buffer.alloc(broken.layer.size));
    const archives = [fresh('missing.tar'), await writeArchive(fresh('broken.tar'), broken), baseArchive];
    const notes: string[] = [];
    const given = spec({ app: await app(), base: { pin: pinOf(smallBase.top.digest), archives, offline: true } });
    await assemble(given, { out: join(fresh('out'), 'image.tar'), note: (sentence) => notes.push(sentence) });
    expect(notes).toEqual([expect.stringContaining('missing.tar'), expect.stringContaining('is really')]);
  });

  test('that is nowhere is one sentence with the pin', async () => {
    const base = { pin: pinOf(smallBase.top.digest), offline: true };
    const given = spec({ app: await app(), base });
    await expect(assembled(given)).rejects.toMatchObject({
      code: 'BASE_MISSING',
      message: expect.stringContaining(smallBase.top.digest),
    });
  });

  test('with a foreign layer is refused', async () => {
    const image = await smallImage({ platforms: ['linux/amd64'] });
    const foreign = JSON.parse(image.blobs.get(image.manifests[0]?.digest ?? '')?.toString() ?? '');
    foreign.layers[0].mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const { digestOf } = await import('../../src/oci/digest.ts');
    const bytes = Buffer.from(JSON.stringify(foreign));
    image.blobs.set(digestOf(bytes), bytes);
    const archive = await writeArchive(fresh('foreign.tar'), image);
    const base = { pin: pinOf(digestOf(bytes)), archives: [archive], offline: true };
    await expect(assembled(spec({ app: await app(), base }))).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
  });
});

describe('what must not ship', () => {
  const elf = (machine: number) => {
    const bytes = Buffer.alloc(64);
    bytes.write('\x7fELF\x02\x01', 0, 'latin1');
    bytes.writeUInt16LE(machine, 18);
    return bytes;
  };
  const both = ['linux/amd64', 'linux/arm64'];
  const rows: [
    name: string,
    files: Record<string, string | Uint8Array>,
    platforms: string[],
    message: string | undefined,
  ][] = [
    ['an addon', { 'node_modules/x/x.node': '' }, ['linux/amd64'], 'app/node_modules/x/x.node'],
    ['a program, in an image for two platforms', { esbuild: elf(62) }, both, 'app/esbuild'],
    ['a program of another platform', { esbuild: elf(183) }, ['linux/amd64'], 'a program for arm64'],
    ['a deletion marker', { 'a/.wh.b': '' }, ['linux/amd64'], 'app/a/.wh.b'],
    ['a program of the one platform is let through', { esbuild: elf(62) }, ['linux/amd64'], undefined],
    ['a file too short for a program is let through', { e: '\x7fELF' }, both, undefined],
  ];
  for (const [name, files, platforms, message] of rows) {
    test(name, async () => {
      const result = assembled(spec({ app: await app(files), platforms }));
      if (message === undefined) await result;
      else
        await expect(result).rejects.toMatchObject({ code: 'APP_REFUSED', message: expect.stringContaining(message) });
    });
  }

  test('a pipe', async () => {
    const from = await app();
    await run('mkfifo', [join(from, 'pipe')]);
    await expect(assembled(spec({ app: from }))).rejects.toMatchObject({
      code: 'APP_REFUSED',
      message: expect.stringContaining('app/pipe'),
    });
  });

  test('a link to the folder it was built in', async () => {
    const from = await app();
    await symlink(join(from, 'server.js'), join(from, 'link'));
    await expect(assembled(spec({ app: from }))).rejects.toMatchObject({
      code: 'APP_REFUSED',
      message: expect.stringContaining('app/link'),
    });
  });

  test('a name that is not UTF-8', async () => {
    const from = await app();
    await writeFile(Buffer.concat([Buffer.from(`${from}/`), Buffer.from([0x66, 0xff])]), 'x');
    await expect(assembled(spec({ app: from }))).rejects.toMatchObject({
      code: 'APP_REFUSED',
      message: expect.stringContaining('UTF-8'),
    });
  });
});

describe('the program', () => {
  const start = async (args: string[]) => {
    const command = run(process.execPath, [...TYPESCRIPT, program, ...args]);
    const { stdout, stderr } = await command.catch((error: { stdout: string; stderr: string }) => error);
    return { code: command.child.exitCode, stdout, stderr };
  };

  test('says the digest, and leaves with 0', async () => {
    const out = join(fresh('out'), 'image.tar');
    const args = [
      '--base',
      pinOf(smallBase.top.digest),
      '--archive',
      baseArchive,
      '--offline',
      '--app',
      await app(),
      '--platform',
      'linux/amd64',
    ];
    const { code, stdout } = await start([...args, '--out', out]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${(await describeArchive(out)).digest} linux/amd64\n` });
  });

  test('names every fault of a spec at once, and leaves with 2', async () => {
    const file = fresh('spec.json');
    const bad = {
      base: { pin: 'node:24' },
      platforms: ['linux'],
      entripoint: [],
      labels: { [STAND_IN_LABEL]: '' },
      target: '/a/../b',
    };
    await writeFile(file, JSON.stringify(bad));
    const { code, stderr } = await start(['--spec', file, '--out', fresh('out.tar')]);
    expect(code).toBe(2);
    for (const part of [
      'app is missing',
      'no digest',
      'entripoint is not known',
      'platforms is wrong',
      'labels may not',
      'target',
    ]) {
      expect(stderr).toContain(part);
    }
    expect(stderr.trimEnd().split('\n')).toEqual([expect.any(String), expect.stringMatching(/^hint: /)]);
  });

  test('says what failed in a sentence and a hint, without a stack, and leaves with 1', async () => {
    const file = fresh('spec.json');
    await writeFile(file, JSON.stringify(spec({ app: await app({ 'x.node': '' }) })));
    const { code, stderr } = await start(['--spec', file, '--out', fresh('out.tar')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^app\/x\.node cannot go into the image: it is a native addon\nhint: .*\n$/);
  });

  test.each([[[]], [['--what']], [['--spec', '/nowhere', '--out', '/nowhere']]])('%j is usage error', async (args) => {
    expect((await start(args)).code).toBe(2);
  });
});

test('the archive is in order and complete for older Docker', async () => {
  const { out } = await assembled(
    spec({ app: await app(), platforms: ['linux/arm64', 'linux/amd64'], repoTag: 'drydock/service:dev' }),
  );
  const files = new Map<string, Buffer>();
  const { readTarFile } = await import('../../src/oci/tar.ts');
  for await (const entry of readTarFile(out)) files.set(entry.path, await collect(entry.content));
  const paths = [...files.keys()];
  expect(paths).toEqual([...paths].sort());
  const [docker] = JSON.parse(files.get('manifest.json')?.toString() ?? '');
  expect(docker.RepoTags).toEqual(['drydock/service:dev']);
  expect(JSON.parse(files.get(docker.Config)?.toString() ?? '').architecture).toBe('amd64');
  for (const layer of docker.Layers) expect(files.has(layer)).toBe(true);
});

describe.skipIf(!has('skopeo'))('skopeo (skipped where there is none)', () => {
  test.each([[['linux/amd64']], [['linux/amd64', 'linux/arm64']]])('understands an image of %j', async (platforms) => {
    const { out, image } = await assembled(spec({ app: await app(), platforms, labels: { a: 'b' } }));
    const { stdout } = await run('skopeo', [
      '--override-os=linux',
      '--override-arch=amd64',
      'inspect',
      `oci-archive:${out}`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: image.digest, Architecture: 'amd64', Labels: { a: 'b' } });
  });

  test('copies every blob and finds each digest right', async () => {
    const { out, image } = await assembled(spec({ app: await app(), platforms: ['linux/amd64', 'linux/arm64'] }));
    const to = fresh('copied');
    await mkdir(to);
    await run('skopeo', [
      'copy',
      '--all',
      '--preserve-digests',
      '--insecure-policy',
      `oci-archive:${out}`,
      `oci:${to}:x`,
    ]);
    expect((await describeArchive(to)).digest).toBe(image.digest);
  });
});
