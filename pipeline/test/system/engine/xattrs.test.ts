// File capabilities: a program that `setcap` gave a right keeps it, by whatever way its file goes. A real Dagger Engine v0.21.8 keeps them on all of these.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, Directory } from '@dagger.io/dagger';
import { beforeAll, expect, test } from 'vitest';
import { openLayout, parseManifest, readBlob } from '../../../src/oci/layout.ts';
import { readTar } from '../../../src/oci/tar.ts';
import { sdkSession, sh } from '../sdk-session.ts';
import { file, folder, writeLayer } from './crafted-images.ts';

const t = sdkSession();

/** `cap_net_raw+ep`, as linux/capability.h has it: version 2, effective; permitted bit 13. */
const NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');
let image: Container;
let programs: Directory;

beforeAll(async () => {
  const xattrs = new Map([['security.capability', NET_RAW]]);
  const archive = await writeLayer(t.tmp, [
    folder('bin'),
    { ...file('bin/ping', 'a program', 0o755), xattrs },
    file('bin/other', 'another', 0o755),
  ]);
  image = t.dag.container().import_(t.dag.host().file(archive));
  programs = image.directory('/bin');
});

/** Of the files in the last layer of an exported container, those with a capability, and it. */
async function capabilities(container: Container): Promise<Record<string, string>> {
  const path = join(mkdtempSync(join(t.tmp, 'export-')), 'image.tar');
  await container.asTarball({ forcedCompression: t.sdk.ImageLayerCompression.Uncompressed }).export(path);
  const source = await openLayout(path);
  const [top] = await source.entries();
  const { layers } = parseManifest(await readBlob(source, top as never), path);
  const found: Record<string, string> = {};
  for await (const entry of readTar(source.stream(layers.at(-1)?.digest ?? ''))) {
    const value = entry.xattrs.get('security.capability');
    if (value !== undefined) found[entry.path] = value.toString('hex');
  }
  await source.close();
  return found;
}

const value = NET_RAW.toString('hex');

test('an import, and withDirectory', async () => {
  expect(await capabilities(t.dag.container().withDirectory('/copy', programs))).toEqual({ 'copy/ping': value });
});

test('withFile, also with other permissions', async () => {
  const ping = programs.file('ping');
  expect(await capabilities(t.base().withFile('/a', ping))).toEqual({ a: value });
  expect(await capabilities(t.base().withFile('/b', ping, { permissions: 0o700 }))).toEqual({ b: value });
});

test('a folder that is seen through several layers, filtered, and mounted', async () => {
  const several = image.withNewFile('/bin/new', '').directory('/bin');
  const filtered = several.filter({ include: ['ping'] });
  const mounted = t.dag.container().withMountedDirectory('/m', several.withNewFile('x', '')).directory('/m');
  for (const directory of [several, filtered, mounted])
    expect(await capabilities(t.dag.container().withDirectory('/copy', directory))).toEqual({ 'copy/ping': value });
});

test('what a step changes has none, and what it leaves alone has', async () => {
  const stepped = t.base().withDirectory('/p', programs).withExec(sh('cp /p/ping /p/copy; echo more >> /p/other'));
  expect(await capabilities(t.dag.container().withDirectory('/', stepped.directory('/p')))).toEqual({ ping: value });
});

test('two files that differ in nothing else are two', async () => {
  const plain = t.dag.directory().withFile('ping', t.dag.file('ping', 'a program', { permissions: 0o755 }));
  const other = t.dag.directory().withFile('ping', programs.file('ping'));
  expect(await plain.digest()).not.toBe(await other.digest());
});
