// Whole assemblies of a tiny recipe, from packages made here and served on loopback.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assembleStandIn } from '../../../engine/images/assembled/assemble.ts';
import { AssembleError } from '../../../engine/images/assembled/errors.ts';
import type { Recipe } from '../../../engine/images/assembled/recipe.ts';
import {
  byArchitecture,
  link,
  slim,
  unpackDebian,
  unpackNpm,
  unpackWheel,
} from '../../../engine/images/assembled/steps.ts';
import { describeArchive, openLayout, readBase } from '../../../src/oci/layout.ts';
import { readTarFile } from '../../../src/oci/tar.ts';
import { deb, debianPin, file, lockOf, npmPin, pypiPin, type Served, serve, tar, zip } from './packages.ts';

let folder: string;
let served: Served;
let files: Map<string, Buffer>;
let recipe: Recipe;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assembled-test-'));
  const tool = await deb('tool', [
    { path: './bin/', type: 'directory', mode: 0o755 },
    file('./bin/tool'),
    { path: './bin/same', type: 'link', mode: 0o644, linkpath: './bin/tool' },
    file('./usr/share/man/man1/tool.1'),
    file('./usr/share/doc/tool/copyright'),
    file('./usr/share/doc/tool/README'),
  ]);
  const zlib = await deb('zlib', [file('./usr/lib/libz.so.1')]);
  const npm = gzipSync(await tar([file('package/bin/run.js'), file('package/docs/x.md')]));
  files = new Map([
    ['pool/tool_1.0_all.deb', tool],
    ['pool/zlib_1.0_all.deb', zlib],
    ['runner/-/runner-1.0.0.tgz', npm],
  ]);
  served = await serve(files);
  recipe = {
    reference: 'tiny:1',
    digest: `sha256:${'0'.repeat(64)}`,
    lock: lockOf([debianPin('tool', tool), debianPin('zlib', zlib)], [npmPin('runner', npm)]),
    layers: [
      { title: 'Debian', steps: [unpackDebian({ keep: slim, status: 'file' }), link('usr/bin/alias', 'tool')] },
      { title: 'runner', steps: [unpackNpm('runner', { './': 'opt/runner/' }, /^docs\//)] },
    ],
    config: { Cmd: ['tool'] },
  };
});

afterEach(async () => {
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

const assemble = (name: string, more: { offline?: boolean; cache?: string } = {}) =>
  assembleStandIn(recipe, 'linux/amd64', {
    destination: join(folder, name),
    cache: join(folder, more.cache ?? 'cache'),
    offline: more.offline ?? false,
    registries: served.registries,
  });

/** The code and message of what a promise is refused with. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AssembleError)) throw new Error(`not refused as it should be: ${String(error)}`);
  return `${error.code}: ${error.message}`;
}

test('the layout is sound, labelled, and holds what the packages bring', async () => {
  const { manifestDigest, label } = await assemble('image');
  expect(label).toBe('tiny:1, assembled from 2 Debian packages and npm runner 1.0.0');

  const { images } = await describeArchive(join(folder, 'image'));
  expect(images).toMatchObject([{ platform: 'linux/amd64', digest: manifestDigest, standIn: label }]);

  const source = await openLayout(join(folder, 'image'));
  const { layers } = await readBase(source, recipe.digest, 'linux/amd64');
  await source.close();
  const listed = await Promise.all(
    layers.map(async ({ digest }) => {
      const lines: string[] = [];
      const blob = join(folder, 'image', 'blobs', 'sha256', digest.slice(7));
      for await (const entry of readTarFile(blob)) {
        expect(entry.mtime).toBe(0);
        if (entry.type !== 'directory') lines.push(`${entry.path}${entry.linkpath && ` > ${entry.linkpath}`}`);
      }
      return lines;
    }),
  );
  expect(listed).toEqual([
    [
      'bin > usr/bin',
      'lib > usr/lib',
      'lib64 > usr/lib64',
      'sbin > usr/sbin',
      'usr/bin/alias > tool',
      'usr/bin/tool',
      'usr/lib/libz.so.1',
      'usr/share/doc/tool/copyright',
      'var/lib/dpkg/info/tool.list',
      'var/lib/dpkg/info/zlib.list',
      'var/lib/dpkg/status',
      'usr/bin/same > usr/bin/tool',
    ],
    ['opt/runner/bin/run.js'],
  ]);
});

test('the same lock makes the same digest, whatever the cache and the registry were', async () => {
  const first = await assemble('one');
  const second = await assemble('two', { cache: 'other' });
  expect(second).toEqual(first);
  expect(await readFile(join(folder, 'two', 'index.json'))).toEqual(await readFile(join(folder, 'one', 'index.json')));
});

test('two at once share a cache, and a destination that holds the same is fine', async () => {
  const [first, second] = await Promise.all([assemble('image'), assemble('image')]);
  expect(second).toEqual(first);
});

test('a warm cache asks no registry', async () => {
  await assemble('one');
  served.requests.length = 0;
  await assemble('two', { offline: true });
  expect(served.requests).toEqual([]);
});

test('offline, all that is missing is named', async () => {
  expect(await refusal(assemble('image', { offline: true }))).toBe(
    'OFFLINE_MISSING: 3 packages are not in the cache, and the network is off: tool 1.0 (all), zlib 1.0 (all), ' +
      'npm runner 1.0.0; run once with the network on; everything is kept',
  );
});

test('bytes other than the pin says are refused and not kept', async () => {
  files.set('pool/tool_1.0_all.deb', await deb('tool', [file('./bin/evil')]));
  expect(await refusal(assemble('image'))).toMatch(
    /^PIN_MISMATCH: tool 1\.0 \(all\) from 127\.0\.0\.1:\d+ is not what/,
  );
  expect(await refusal(assemble('image', { offline: true }))).toMatch(/^OFFLINE_MISSING: .*tool 1\.0/);
});

test('a damaged package in the cache is fetched again', async () => {
  await assemble('one');
  const [pin] = recipe.lock.platforms['linux/amd64']?.debian ?? [];
  await writeFile(join(folder, 'cache', 'sha256', pin?.sha256 ?? ''), 'damaged');
  served.requests.length = 0;
  await assemble('two');
  expect(served.requests).toEqual(['pool/tool_1.0_all.deb']);
});

test('a package that is gone is one sentence with a way out', async () => {
  files.delete('pool/zlib_1.0_all.deb');
  expect(await refusal(assemble('image'))).toMatch(/^PACKAGE_GONE: zlib 1\.0 \(all\) is no longer at .*renew the lock/);
});

test('a platform without a lock is refused', async () => {
  const options = { destination: join(folder, 'x'), cache: folder, offline: true, registries: served.registries };
  expect(await refusal(assembleStandIn(recipe, 'linux/s390x', options))).toMatch(/^NO_RECIPE_FOR_PLATFORM/);
});

/** Paths, modes and content of the files in the one layer of an image. */
async function filesOf(name: string): Promise<[path: string, mode: number, content: string][]> {
  const source = await openLayout(join(folder, name));
  const { layers } = await readBase(source, recipe.digest, 'linux/amd64');
  await source.close();
  const files: [string, number, string][] = [];
  for await (const entry of readTarFile(join(folder, name, 'blobs', 'sha256', layers[0]?.digest.slice(7) ?? ''))) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry.content) chunks.push(chunk);
    if (entry.type === 'file') files.push([entry.path, entry.mode, Buffer.concat(chunks).toString()]);
  }
  return files;
}

test('single files of a wheel and of a package named after the platform; the label says what they hold', async () => {
  const wheel = zip([
    ['tool/bin/tool', 0o775, Buffer.from('tool')],
    ['tool/README', 0o600, Buffer.from('not asked for')],
  ]);
  const npm = gzipSync(await tar([file('package/run-amd64', 'run'), file('package/run-arm64')]));
  files.set('tool/', Buffer.from('<a href="../files/tool-1.0-py3-none-any.whl#sha256=0">'));
  files.set('files/tool-1.0-py3-none-any.whl', wheel);
  files.set('@s/run-amd64/-/run-amd64-1.0.0.tgz', npm);
  recipe = {
    ...recipe,
    holds: { amd64: 'Tool 0.9', arm64: 'Tool 0.8' },
    lock: lockOf([], [npmPin('@s/run-amd64', npm)], [pypiPin('tool', wheel)]),
    layers: [
      {
        title: 'all',
        steps: [
          byArchitecture({
            amd64: unpackWheel('tool', { 'tool/bin/tool': 'tool' }),
            arm64: unpackWheel('no-such-tool', {}),
          }),
          unpackNpm('@s/run-{architecture}', { 'run-{architecture}': 'bin/run' }),
        ],
      },
    ],
  };
  expect((await assemble('image')).label).toBe(
    'tiny:1, assembled from npm @s/run-amd64 1.0.0 and PyPI tool 1.0, holding Tool 0.9',
  );
  expect(await filesOf('image')).toEqual([
    ['bin/run', 0o644, 'run'],
    ['tool', 0o755, 'tool'],
  ]);
});

const dangerous: [name: string, path: string][] = [
  ['climbs', './../etc/passwd'],
  ['is absolute', '/etc/passwd'],
  ['climbs in between', 'usr/../../x'],
];
for (const [name, path] of dangerous) {
  test(`a package whose path ${name} is refused`, async () => {
    const evil = await deb('evil', [file(path)]);
    files.set('pool/evil_1.0_all.deb', evil);
    recipe = { ...recipe, lock: lockOf([debianPin('evil', evil)]) };
    expect(await refusal(assemble('image'))).toMatch(/^PACKAGE_INVALID: evil 1\.0 holds the unsafe path/);
  });
}

test('a package that writes through a link is refused', async () => {
  const evil = await deb('evil', [
    { path: './opt/out', type: 'symlink', mode: 0o777, linkpath: '/etc' },
    file('./opt/out/passwd'),
  ]);
  files.set('pool/evil_1.0_all.deb', evil);
  recipe = { ...recipe, lock: lockOf([debianPin('evil', evil)]) };
  expect(await refusal(assemble('image'))).toMatch(/^PACKAGE_INVALID: evil 1\.0 brings opt\/out\/passwd, but opt\/out/);
});
