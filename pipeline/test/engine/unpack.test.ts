// Layers whose entries would have the unpacker look or write outside of their own folder (the kind of CVE-2024-23652 and of Docker's CVE-2019-14271).
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unpackLayer } from '../../engine/images/unpack.ts';
import { ownerOnDisk } from '../../engine/store/ids.ts';
import { readTar, type TarInput } from '../../src/oci/tar.ts';
import { tarOf } from '../oci/helpers.ts';
import { file, folder, symlink } from '../system/engine/crafted-images.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'drydock-unpack-'));
  chmodSync(place, 0o755);
  for (const name of ['host/inner', 'below']) mkdirSync(join(place, name), { recursive: true });
  writeFileSync(join(place, 'host/secret'), '');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;

/** What whiteouts were asked for, below the layer's root. */
async function unpack(entries: TarInput[]): Promise<string[]> {
  const root = join(place, 'layer/fs');
  mkdirSync(join(place, 'layer'), { recursive: true });
  const hidden: string[] = [];
  const whiteout = async (path: string) => void hidden.push(path.replace(`${root}/`, ''));
  const options = { shift: 0, below: [join(place, 'below')], whiteout, aside: join(place, 'aside') };
  await unpackLayer(readTar(Readable.from([await tarOf(entries)])), root, options);
  return hidden;
}

const OPAQUE = '.wh..wh..opq';

test.runIf(isRoot)('an opaque folder hides what the layer below has in it', async () => {
  mkdirSync(join(place, 'below/d/e'), { recursive: true });
  expect(await unpack([folder('d'), file(`d/${OPAQUE}`, '')])).toEqual(['d/e']);
});

/** The example of the OCI image specification ("Opaque Whiteout"), whose orders are all the same layer, and what it says of plain ones. */
const again = [folder('a/b'), folder('a/b/c'), file('a/b/c/foo', '')];
const remade: [what: string, entries: TarInput[], hidden: string[]][] = [
  ['opaque, said first', [folder('a'), file(`a/${OPAQUE}`, ''), ...again], ['a/b/c/bar']],
  ['opaque, said last', [folder('a'), ...again, file(`a/${OPAQUE}`, '')], ['a/b/c/bar']],
  ['opaque, and nowhere else, with a file at the top', [file(`a/${OPAQUE}`, '')], ['a/b', 'a/top']],
  ['the whole layer opaque', [file(OPAQUE, ''), folder('a'), ...again], ['a/b/c/bar']],
  ['whited out and made again', [file('.wh.a', ''), folder('a'), ...again], ['a/b/c/bar']],
  ['made again and whited out', [folder('a'), ...again, file('.wh.a', '')], ['a/b/c/bar']],
  ['whited out, made again as a file', [file('.wh.a', ''), file('a', '')], []],
  ['the same but for a file at the top, made again', [folder('a'), file('a/.wh.top', ''), file('a/top', 'new')], []],
  ['whited out, a link now', [file('.wh.a', ''), symlink('a', '..')], []],
];
for (const [what, entries, hidden] of remade)
  test.runIf(isRoot)(`a folder of the layer below that is ${what}: what it had is gone`, async () => {
    mkdirSync(join(place, 'below/a/b/c'), { recursive: true });
    writeFileSync(join(place, 'below/a/b/c/bar'), '');
    if (what.includes('top')) writeFileSync(join(place, 'below/a/top'), '');
    expect((await unpack(entries)).sort()).toEqual(hidden);
  });

const links: [where: string, plant: () => void, path: string][] = [
  ['is a link', () => symlinkSync(join(place, 'host'), join(place, 'below/d')), 'd'],
  ['is below a link', () => symlinkSync(place, join(place, 'below/d')), 'd/host'],
  ['is below a link that climbs', () => symlinkSync('..', join(place, 'below/d')), 'd/host'],
];
for (const [where, plant, path] of links)
  test.runIf(isRoot)(`one that ${where} in the layer below says nothing of where that leads`, async () => {
    plant();
    expect(await unpack([folder(path), file(`${path}/${OPAQUE}`, '')])).toEqual([]);
  });

for (const name of ['.wh.', '.wh..', '.wh...'])
  for (const path of [name, `d/${name}`])
    test.runIf(isRoot)(`a whiteout ${path} is refused in a sentence`, async () => {
      await expect(unpack([folder('d'), file(path, '')])).rejects.toThrow(
        `the layer holds a whiteout of no name: ${path}`,
      );
      expect(readdirSync(join(place, 'layer'))).toEqual(['fs']);
    });

test.runIf(isRoot)('a folder that a link of the same layer stands for stays inside', async () => {
  await unpack([symlink('d', join(place, 'host')), file('d/new', 'x'), symlink('e', '../../host'), file('e/new', 'x')]);
  expect(readdirSync(join(place, 'host')).sort()).toEqual(['inner', 'secret']);
  expect(existsSync(join(place, 'layer/fs', place, 'host/new'))).toBe(true);
});

const impossible: [what: string, entries: TarInput[], said: RegExp][] = [
  ['a file below a file', [file('a', ''), file('a/b', '')], /^the layer holds a\/b, which cannot be: .* in its way$/],
  ['a name of 300 characters', [file('a'.repeat(300), '')], /a{200}…, which cannot be: the name is too long$/],
  [
    'a file below links in a circle',
    [symlink('l', 'l'), file('l/x', '')],
    /^the layer holds l\/x, .* lead to each other$/,
  ],
  ['a root that is a file', [file('.', '')], /^the layer holds its own root, \., as something else than a folder$/],
  ['a root that is a link', [symlink('/', '/etc')], /^the layer holds its own root/],
];
for (const [what, entries, said] of impossible)
  test.runIf(isRoot)(`${what} is one sentence`, async () => {
    await expect(unpack(entries)).rejects.toThrow(said);
  });

test('owners that no step has are nobody, on the host as well', () => {
  const shift = 1_879_048_192;
  for (const id of [-1, -shift, 65_536, 4_294_967_295, Number.NaN, 0.5])
    expect(ownerOnDisk(id, shift)).toBe(shift + 65_534);
  for (const id of [0, 1000, 65_535]) expect(ownerOnDisk(id, shift)).toBe(shift + id);
});
