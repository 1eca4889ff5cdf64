// Layers that are altered are found and thrown away before they are used; those that are not never are, whatever else happens to them.
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { differingPlace, takeManifest } from '../../../engine/store/manifest.ts';
import { seal } from '../../../engine/store/sealed.ts';
import type { Store } from '../../../engine/store/store.ts';
import { verifyStore } from '../../../engine/store/verify.ts';
import { openStore, temporaryRoot } from './stores.ts';

const FILES = 600;

/** Long enough that one file of it is looked at alone. */
async function addLarge(store: Store, id = 'a'): Promise<string> {
  const folder = store.scratchFolder('layer');
  mkdirSync(join(folder, 'fs/some'), { recursive: true });
  for (let file = 0; file < FILES; file += 1)
    writeFileSync(join(folder, `fs/some/${file}-with-a-name-that-is-not-short`), `content ${file}`);
  symlinkSync('some', join(folder, 'fs/link'));
  await store.commitLayer(id, folder);
  return store.layerPath(id);
}
const place = (file: number) => `some/${file}-with-a-name-that-is-not-short`;

async function stored(): Promise<{ root: string; fs: string; next: () => Store; lost: () => number }> {
  const root = temporaryRoot();
  const first = openStore(root);
  const fs = await addLarge(first);
  await first.close();
  let lost = 0;
  const next = () => {
    const store = openStore(root);
    store.onLostLayer = () => {
      lost += 1;
    };
    return store;
  };
  onTestFinished(() => void vi.restoreAllMocks());
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  return { root, fs, next, lost: () => lost };
}

test('an altered layer is thrown away when it is used, and its session told', async () => {
  const { fs, next, lost } = await stored();
  writeFileSync(join(fs, place(7)), 'content 8');
  const store = next();
  expect(await store.hasLayer('a')).toBe(true); // a look-up alone reads nothing
  await expect(store.checkLayers(['a'])).rejects.toThrow(/was altered, and thrown away; run again$/);
  expect([lost(), await store.hasLayer('a'), existsSync(fs)]).toEqual([1, false, false]);
  expect(vi.mocked(process.stderr.write).mock.calls).toEqual([
    [`warning: a layer of the cache was altered (a/${place(7)}), and is made again\n`],
  ]);
});

test('one file of a large layer is looked at alone', async () => {
  const { fs, next, lost } = await stored();
  writeFileSync(join(fs, place(7)), 'content 8');
  const store = next();
  await store.checkEntry('a', place(6));
  await store.checkEntry('a', 'link');
  expect(lost()).toBe(0);
  await expect(store.checkEntry('a', place(7))).rejects.toThrow('was altered');
  expect(lost()).toBe(1);
});

const alterations: [what: string, alter: (fs: string) => void][] = [
  ['missing', (fs) => rmSync(join(fs, place(7)))],
  ['with another mode', (fs) => chmodSync(join(fs, place(7)), 0o600)],
  ['with another time', (fs) => utimesSync(join(fs, place(7)), 1, 1)],
  [
    'of another kind',
    (fs) => {
      rmSync(join(fs, place(7)));
      symlinkSync('/etc/passwd', join(fs, place(7)));
    },
  ],
];
for (const [what, alter] of alterations)
  test(`one file of a large layer, ${what}, is found`, async () => {
    const { fs, next } = await stored();
    alter(fs);
    await expect(next().checkEntry('a', place(7))).rejects.toThrow('was altered');
  });

test('without a stamp of this boot every byte is read, and then there is one', async () => {
  const { root, fs, next, lost } = await stored();
  const stamp = join(root, 'layers/a/stamp');
  const noted = readFileSync(stamp, 'utf8');
  for (const earlier of ['', seal({ boot: 'earlier', stamp: 'other' })]) {
    writeFileSync(stamp, earlier);
    await next().checkLayers(['a']);
    expect(readFileSync(stamp, 'utf8')).toBe(noted);
  }
  expect([lost(), existsSync(fs)]).toEqual([0, true]);
});

test('links to files of a layer, made and removed, are no alteration, nor is reading', async () => {
  const { root, fs, next, lost } = await stored();
  linkSync(join(fs, place(7)), join(root, 'link'));
  await next().checkLayers(['a']);
  await next().checkEntry('a', place(7));
  rmSync(join(root, 'link'));
  readFileSync(join(fs, place(8)));
  await next().checkLayers(['a']);
  expect(lost()).toBe(0);
});

test('a store that was copied elsewhere is as sound as it was', async () => {
  const { root, next } = await stored();
  renameSync(join(root, 'layers/a'), join(root, 'layers/b'));
  await next().checkLayers(['b']);
});

test('a manifest that was altered is written again from the layer that it tells of', async () => {
  const { root, next, lost } = await stored();
  const manifest = join(root, 'layers/a/manifest');
  const made = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, made.replace('some', 'none'));
  await next().checkEntry('a', place(7));
  expect([readFileSync(manifest, 'utf8'), lost()]).toEqual([made, 0]);
});

test('two sessions look at once, while another reads every byte', async () => {
  const { root, next, lost } = await stored();
  const [one, other] = [next(), next()];
  const [, , verified] = await Promise.all([
    one.checkLayers(['a', 'a']),
    other.checkLayers(['a']),
    verifyStore(root, join(root, 'tmp/gc-test')),
  ]);
  expect([verified.altered, lost()]).toEqual([[], 0]);
});

test('a layer that another session throws away in the middle of a step is missed at its end', async () => {
  const { root, fs, next, lost } = await stored();
  const store = next();
  await store.checkLayers(['a']);
  await store.expectLayers([fs, join(fs, 'some')]);
  renameSync(join(root, 'layers/a'), join(root, 'tmp/gone'));
  await addLarge(openStore(root));
  await expect(store.expectLayers([join(fs, 'some')])).rejects.toThrow('was altered');
  expect(lost()).toBe(1);
  await store.checkLayers(['a']); // the new one
});

test('verifying throws away what is altered, of every kind, and nothing else', async () => {
  const { root, fs, next } = await stored();
  const store = next();
  await addLarge(store, 'b');
  await store.keep('facts', 'one', { one: 1 });
  await store.keep('facts', 'two', { two: 2 });
  writeFileSync(join(root, 'blobs/sha256', '0'.repeat(64)), 'not these');
  await store.close();
  writeFileSync(join(root, 'records/facts/one'), 'torn');
  writeFileSync(join(fs, place(7)), 'content 8');
  const aside = join(root, 'tmp/gc-test');
  const { altered } = await verifyStore(root, aside);
  expect(altered).toEqual([
    { kind: 'layers', place: `a/${place(7)}` },
    { kind: 'images', place: '0'.repeat(64) },
    { kind: 'records', place: 'facts/one' },
  ]);
  expect([readdirSync(join(root, 'layers')), existsSync(aside)]).toEqual([['b'], false]);
  expect((await verifyStore(root, aside)).altered).toEqual([]);
});

test('names are bytes: line ends, quotes, and what is no UTF-8', async () => {
  const folder = join(temporaryRoot(), '..', 'names');
  mkdirSync(folder);
  const names = ['line\nend', 'quote"s', "back\\slash'", 'ünï', 'space d', ' x', '-r', '*'].map((name) =>
    Buffer.from(name),
  );
  for (const name of [...names, Buffer.from([0x66, 0xff, 0xfe])]) {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), 'content');
  }
  const made = (await takeManifest(folder)).manifest;
  expect(made.split('\n').filter(Boolean)).toHaveLength(names.length + 2);
  expect((await takeManifest(folder)).manifest).toBe(made);
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff, 0xfe])]), 'altered');
  expect(differingPlace(made, (await takeManifest(folder)).manifest)).toMatch(/^f/);
});
