// Archives of images as `docker save` made them before Docker 25, and as podman, jib and Nix make them; laid out by hand as moby's image/spec/v1.2.md describes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { TarInput } from '../../../src/oci/tar.ts';
import { has, tarOf } from '../../oci/helpers.ts';
import { sdkSession } from '../sdk-session.ts';
import { file, symlink } from './crafted-images.ts';
import { errorOf, refusal } from './rows.ts';

const t = sdkSession();
const { dag } = t;

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const layerOf = (name: string, text: string) => tarOf([file(name, text)]);
const configOf = (layers: readonly Buffer[], env = 'A=1') =>
  JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: [env] },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${hashOf(layer)}`) },
  });
const listOf = (...images: object[]) => file('manifest.json', JSON.stringify(images));

async function imported(entries: TarInput[], { gzip = false, tag = '' } = {}) {
  const path = join(mkdtempSync(join(t.tmp, 'saved-')), 'image.tar');
  const archive = await tarOf(entries);
  writeFileSync(path, gzip ? gzipSync(archive) : archive);
  return dag.container().import_(dag.host().file(path), tag ? { tag } : {});
}

test('as docker save wrote it: a folder for each layer, one of them a link to another, and a file `repositories`', async () => {
  const [one, two] = [await layerOf('one', '1'), await layerOf('two', '2')];
  const container = await imported([
    file('a/VERSION', '1.0'),
    file('a/layer.tar', one),
    file('b/layer.tar', two),
    symlink('c/layer.tar', '../a/layer.tar'),
    file('config.json', configOf([one, two, one])),
    listOf({ Config: 'config.json', RepoTags: ['x:1'], Layers: ['a/layer.tar', 'b/layer.tar', 'c/layer.tar'] }),
    file('repositories', '{"x":{"1":"c"}}'),
  ]);
  expect(await container.rootfs().entries()).toEqual(['one', 'two']);
  expect(await container.envVariable('A')).toBe('1');
});

test('as jib and Nix write it: compressed layers, no tag, and the whole compressed again', async () => {
  const layer = await layerOf('hello', 'hi');
  const config = configOf([layer]);
  const entries = [
    file('config.json', config),
    file('x.tar.gz', gzipSync(layer)),
    listOf({ Config: 'config.json', RepoTags: null, Layers: ['x.tar.gz'] }),
  ];
  for (const gzip of [false, true])
    expect(await (await imported(entries, { gzip })).file('/hello').contents()).toBe('hi');
});

test('one of several images, by its tag', async () => {
  const layer = await layerOf('f', '');
  const entries = [
    file('layer.tar', layer),
    file('1.json', configOf([layer], 'A=1')),
    file('2.json', configOf([layer], 'A=2')),
    listOf(
      { Config: '1.json', RepoTags: ['x:one'], Layers: ['layer.tar'] },
      { Config: '2.json', RepoTags: ['x:two', 'y:2'], Layers: ['layer.tar'] },
    ),
  ];
  expect(await (await imported(entries, { tag: 'two' })).envVariable('A')).toBe('2');
  expect(await errorOf((await imported(entries, { tag: 'three' })).sync())).toEqual(
    refusal('no image three; it has x:one, x:two, y:2'),
  );
});

test('one that lacks what its list names, or is not what its config says, is refused in a sentence', async () => {
  const layer = await layerOf('f', '');
  const list = listOf({ Config: 'c.json', RepoTags: [], Layers: ['layer.tar'] });
  expect(await errorOf((await imported([list, file('c.json', configOf([layer]))])).sync())).toEqual(
    refusal('it has no layer.tar'),
  );
  const other = [list, file('c.json', configOf([await layerOf('g', '')])), file('layer.tar', layer)];
  expect(await errorOf((await imported(other)).rootfs().entries())).toEqual(
    refusal('unpacks to sha256:.*its image says sha256:'),
  );
  expect(await errorOf((await imported([file('manifest.json', '{}')])).sync())).toEqual(refusal('no list of images'));
});

test.skipIf(!has('skopeo'))('as skopeo writes it', async () => {
  const path = join(mkdtempSync(join(t.tmp, 'skopeo-')), 'image.tar');
  execFileSync('skopeo', ['copy', '--insecure-policy', `oci-archive:${t.archive}`, `docker-archive:${path}:base:1`], {
    stdio: 'ignore',
  });
  expect(await dag.container().import_(dag.host().file(path)).withExec(['echo', 'runs']).stdout()).toBe('runs\n');
});
