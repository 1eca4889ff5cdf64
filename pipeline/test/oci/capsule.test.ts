// Capsules are packed the same twice, and unpacked only if every path stays inside and every byte is the one that was listed.
import { createHash } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../src/oci/capsule.ts';
import {
  expandFile,
  expandFolder,
  type ListedFile,
  readManifest,
  unpackCapsule,
} from '../../src/oci/capsule-reader.ts';
import { type TarInput, writeTar } from '../../src/oci/tar.ts';
import { ending } from './helpers.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-capsule-'));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

let count = 0;
const place = (name: string) => join(folder, `${++count}-${name}`);

async function tar(entries: readonly TarInput[]): Promise<string> {
  const path = place('made.tar');
  await writeFile(path, await buffer(Readable.from(writeTar(entries))));
  return path;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const listed = (path: string, text: string, change: Partial<ListedFile> = {}): ListedFile => ({
  path,
  bytes: Buffer.byteLength(text),
  sha256: sha256(text),
  executable: false,
  link: null,
  ...change,
});
const link = (path: string, target: string): ListedFile => listed(path, '', { sha256: sha256(target), link: target });
const file = (path: string, content: string): TarInput => ({ path, type: 'file', mode: 0o644, content });
const MANIFEST = file('capsule.json', '{}');

describe('packing', () => {
  test('files, links and who may run; the same twice; and all of it comes out again', async () => {
    const source = place('source');
    await mkdir(join(source, 'bin'), { recursive: true });
    await writeFile(join(source, 'bin/run.sh'), '#!/bin/sh\n');
    await chmod(join(source, 'bin/run.sh'), 0o755);
    await writeFile(join(source, 'README.md'), 'read me\n');
    await symlink('../README.md', join(source, 'bin/readme'));
    await symlink('bin/../bin/readme', join(source, 'through'));
    await symlink('.', join(source, 'self'));
    await symlink('self/self/nowhere/../x', join(source, 'dangling'));
    const odd = Buffer.from('caf\xe9', 'latin1');
    await writeFile(Buffer.concat([Buffer.from(`${source}/`), odd]), 'not UTF-8\n');
    await symlink(odd, join(source, 'odd'));
    const log = place('log');
    await writeFile(log, 'it failed\n');
    const spec = place('spec.json');
    const folders = [{ path: 'source', from: source }];
    const files = [{ path: 'logs/test.log', from: log }];
    await writeFile(spec, JSON.stringify({ manifest: { format: 'drydock-capsule' }, folders, files }));
    const [once, twice] = [place('a.tar'), place('b.tar')];
    for (const out of [once, twice]) expect(await main(['pack', '--spec', spec, '--out', out])).toBe(0);
    expect(await readFile(once)).toEqual(await readFile(twice));

    const manifest = JSON.parse(await readManifest(once)) as { format: string; files: ListedFile[] };
    expect(manifest.format).toBe('drydock-capsule');
    expect(manifest.files.map(({ path }) => path)).toEqual([
      'logs/test.log',
      'source/README.md',
      'source/bin/readme',
      'source/bin/run.sh',
      'source/caf\udce9',
      'source/dangling',
      'source/odd',
      'source/self',
      'source/through',
    ]);
    const out = place('unpacked');
    await unpackCapsule(once, manifest.files, out);
    expect(await readFile(join(out, 'source/README.md'), 'utf8')).toBe('read me\n');
    expect(await readlink(join(out, 'source/bin/readme'))).toBe('../README.md');
    expect(await readFile(Buffer.concat([Buffer.from(`${out}/source/`), odd]), 'utf8')).toBe('not UTF-8\n');
    expect(await readlink(join(out, 'source/odd'), 'buffer')).toEqual(odd);
    expect((await stat(join(out, 'source/bin/run.sh'))).mode & 0o777).toBe(0o755);
  });

  test('folders become one tar, of equal paths the first; a file is what it was', async () => {
    const [a, b] = [place('a'), place('b')];
    for (const [of, name] of [
      [a, 'one'],
      [b, 'two'],
    ] as const) {
      await mkdir(of);
      await writeFile(join(of, 'both'), name);
      await writeFile(join(of, name), name);
    }
    const packed = place('packed');
    expect(await main(['folder', '--folder', a, '--folder', b, '--out', packed])).toBe(0);
    const out = place('expanded');
    await expandFolder(packed, out);
    expect((await readdir(out)).sort()).toEqual(['both', 'one', 'two']);
    expect(await readFile(join(out, 'both'), 'utf8')).toBe('one');

    expect(await main(['compress', '--file', join(a, 'one'), '--out', place('small')])).toBe(0);
    const again = place('again');
    await expandFile(join(folder, `${count - 1}-small`), again);
    expect(await readFile(again, 'utf8')).toBe('one');
  });

  test('what is not there is one sentence', async () =>
    expect(await ending(() => main(['compress', '--file', place('nothing'), '--out', place('out')]))).toEqual({
      code: 1,
      said: expect.stringMatching(/^ENOENT: .*nothing'\nhint: .*\n$/),
    }));
});

describe('refused', () => {
  const rows: [name: string, entries: TarInput[], files: ListedFile[], reason: RegExp][] = [
    ['a path that climbs', [MANIFEST, file('../out', 'x')], [listed('../out', 'x')], /the path "\.\.\/out" points out/],
    ['an absolute path', [MANIFEST, file('/etc/out', 'x')], [listed('/etc/out', 'x')], /points out/],
    ['a path that is not clean', [MANIFEST, file('a/../b', 'x')], [listed('a/../b', 'x')], /points out/],
    ['a link that climbs', [MANIFEST], [link('source/a', '../../etc/passwd')], /the link "source\/a" points out/],
    ['an absolute link', [MANIFEST], [link('source/a', '/etc/passwd')], /points out/],
    ['a link out of its folder', [MANIFEST], [link('source/a', '../logs/b')], /points out/],
    ['a link that is not of the source', [MANIFEST], [link('inputs/a', 'b')], /points out/],
    // Each stays inside by itself; followed one through the other they do not (the kind of CVE-2021-30465 and of tar's own escapes).
    [
      'two links that lead out together',
      [MANIFEST],
      [link('source/a/b/c/up', '../../..'), link('source/out', 'a/b/c/up/../../etc/passwd')],
      /the link "source\/out" points out/,
    ],
    [
      'three, in another order',
      [MANIFEST],
      [link('source/1', '2/..'), link('source/2', 'd/3/..'), link('source/d/3', '../..')],
      /points out/,
    ],
    ['links in a circle', [MANIFEST], [link('source/a', 'b'), link('source/b', 'a')], /points out/],
    ...['source/.git/config', 'source/sub/.git', 'source/.GIT/HEAD', 'source/git~1/config', 'source/.git. /x'].map(
      (path): (typeof rows)[number] => [path, [MANIFEST, file(path, 'x')], [listed(path, 'x')], /of a git repository/],
    ),
    [
      'a file below a link',
      [MANIFEST],
      [link('source/a', 'b'), listed('source/a/c', 'x')],
      /"source\/a\/c" is below "source\/a"/,
    ],
    ['a path twice', [MANIFEST], [listed('a', 'x'), listed('a', 'x')], /lists a path twice/],
    ['what is not listed', [MANIFEST, file('a', 'x')], [], /does not list "a"/],
    ['what is listed and not there', [MANIFEST], [listed('a', 'x')], /"a" is missing/],
    ['other bytes', [MANIFEST, file('a', 'y')], [listed('a', 'x')], /"a" was altered/],
    ['more bytes', [MANIFEST, file('a', 'xx')], [listed('a', 'x')], /"a" has 2 bytes, not 1/],
    [
      'a link for a file',
      [MANIFEST, { path: 'a', type: 'symlink', mode: 0o777, linkpath: 'b' }],
      [listed('a', '')],
      /"a" is not the file that its manifest lists/,
    ],
    [
      'another link',
      [MANIFEST, { path: 'source/a', type: 'symlink', mode: 0o777, linkpath: 'c' }],
      [link('source/a', 'b')],
      /not the link/,
    ],
    [
      'a hard link',
      [MANIFEST, { path: 'a', type: 'link', mode: 0o644, linkpath: 'capsule.json' }],
      [listed('a', '')],
      /not the file/,
    ],
    [
      'a device',
      [MANIFEST, { path: 'a', type: 'character', mode: 0o644, devMajor: 1, devMinor: 3 }],
      [listed('a', '')],
      /not the file/,
    ],
  ];
  for (const [name, entries, files, reason] of rows) {
    test(name, async () => {
      const out = place('out');
      await expect(unpackCapsule(await tar(entries), files, out)).rejects.toThrow(reason);
    });
  }

  test('what does not begin with a manifest', async () =>
    await expect(readManifest(await tar([file('a', 'x'), MANIFEST]))).rejects.toThrow(
      /does not begin with capsule\.json/,
    ));

  test('what is cut off, at any place', async () => {
    const whole = await tar([MANIFEST, file('a', 'x'.repeat(5000)), file('b', 'y')]);
    const { size } = await stat(whole);
    const files = [listed('a', 'x'.repeat(5000)), listed('b', 'y')];
    for (const length of [0, 100, 512, 1024, 1600, 3000, size - 1500]) {
      await truncate(whole, 0);
      await writeFile(
        whole,
        (await readFile(await tar([MANIFEST, file('a', 'x'.repeat(5000)), file('b', 'y')]))).subarray(0, length),
      );
      await expect(unpackCapsule(whole, files, place('out')), `${length} bytes`).rejects.toThrow();
    }
  });

  test('compressed content that is no such thing, or holds what it must not', async () => {
    const [nonsense, climbing] = [place('nonsense'), place('climbing')];
    await writeFile(nonsense, 'this is not Brotli');
    await expect(expandFile(nonsense, place('out'))).rejects.toThrow(/cannot be read/);
    const inner = await buffer(Readable.from(writeTar([file('../../out', 'x')])));
    await writeFile(climbing, brotliCompressSync(inner));
    await expect(expandFolder(climbing, place('out'))).rejects.toThrow(/points out/);
  });
});
