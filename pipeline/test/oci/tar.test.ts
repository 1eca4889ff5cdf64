// Tar against the real `tar`, both ways; and each way in which an archive can be broken.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readTar, readTarFile, sortedByPath, type TarHeader, type TarInput, writeTar } from '../../src/oci/tar.ts';
import { chunked, collect, has, run, scratch, tarOf } from './helpers.ts';

const folder = await scratch();
const hasTar = has('tar');

type Read = Omit<TarHeader, 'offset'> & { text: string };

async function readAll(bytes: Uint8Array, chunk = 1000, requireEnd = true): Promise<Read[]> {
  const found: Read[] = [];
  for await (const { content, offset: _, ...header } of readTar(chunked(bytes, chunk), { requireEnd })) {
    found.push({ ...header, text: (await collect(content)).toString() });
  }
  return found;
}

const file = (path: string, content = 'x', more: Partial<TarInput> = {}): TarInput => ({
  path,
  type: 'file',
  mode: 0o644,
  content,
  ...more,
});

const deep = `${'deep/'.repeat(40)}file`;
const entries: [name: string, entry: TarInput, expected: Partial<Read>][] = [
  [
    'a file',
    file('a.txt', 'hello'),
    { path: 'a.txt', type: 'file', text: 'hello', mode: 0o644, uid: 0, gid: 0, mtime: 0 },
  ],
  ['an empty file', file('empty', ''), { size: 0, text: '' }],
  ['a file of one block exactly', file('block', 'b'.repeat(512)), { size: 512, text: 'b'.repeat(512) }],
  ['a folder', { path: 'dir/', type: 'directory', mode: 0o755 }, { path: 'dir', type: 'directory', mode: 0o755 }],
  ['a symlink', { path: 'l', type: 'symlink', mode: 0o777, linkpath: '../x' }, { type: 'symlink', linkpath: '../x' }],
  ['a hard link', { path: 'h', type: 'link', mode: 0o644, linkpath: 'a.txt' }, { type: 'link', linkpath: 'a.txt' }],
  [
    'a device',
    { path: 'null', type: 'character', mode: 0o666, devMajor: 1, devMinor: 3 },
    { type: 'character', devMajor: 1, devMinor: 3 },
  ],
  ['a fifo', { path: 'pipe', type: 'fifo', mode: 0o600 }, { type: 'fifo' }],
  ['a path of 100', file('p'.repeat(100)), { path: 'p'.repeat(100) }],
  ['a path of 101 without a slash', file('p'.repeat(101)), { path: 'p'.repeat(101) }],
  ['a deep path', file(deep), { path: deep }],
  ['a path too deep for ustar', file(`${'d/'.repeat(200)}f`), { path: `${'d/'.repeat(200)}f` }],
  ['a name beyond ASCII', file('Főtanúsítvány.crt'), { path: 'Főtanúsítvány.crt' }],
  [
    'a long link',
    { path: 'l', type: 'symlink', mode: 0o777, linkpath: 'é'.repeat(200) },
    { linkpath: 'é'.repeat(200) },
  ],
  ['a name that is not UTF-8', file('caf\udce9/\udcff'), { path: 'caf\udce9/\udcff' }],
  [
    'a link to one',
    { path: 'l', type: 'symlink', mode: 0o777, linkpath: '\udcfe' },
    { type: 'symlink', linkpath: '\udcfe' },
  ],
  ['large ids', file('ids', 'x', { uid: 3_000_000, gid: 4_000_000_000 }), { uid: 3_000_000, gid: 4_000_000_000 }],
  ['owners by name', file('own', 'x', { uname: 'node', gname: 'staff' }), { uname: 'node', gname: 'staff' }],
  ['a time with a fraction', file('t', 'x', { mtime: 1_700_000_000.25 }), { mtime: 1_700_000_000.25 }],
  ['a time before 1970', file('t', 'x', { mtime: -5 }), { mtime: -5 }],
  ['set-user-id', file('su', 'x', { mode: 0o4755 }), { mode: 0o4755 }],
];

describe('what is written can be read', () => {
  for (const [name, entry, expected] of entries) {
    test(name, async () => {
      const [found, ...more] = await readAll(await tarOf([entry]));
      expect(found).toMatchObject(expected);
      expect(more).toEqual([]);
    });
  }

  test('extended attributes, bytes and all', async () => {
    const value = Buffer.from([1, 0, 10, 61, 255]);
    const [found] = await readAll(
      await tarOf([file('ping', 'x', { xattrs: new Map([['security.capability', value]]) })]),
    );
    expect(found?.xattrs.get('security.capability')).toEqual(value);
  });

  test('all of them, in chunks of any size, are the same', async () => {
    const bytes = await tarOf(entries.map(([, entry]) => entry));
    const whole = await readAll(bytes, bytes.byteLength);
    expect(whole).toHaveLength(entries.length);
    for (const size of [1, 7, 511, 513]) expect(await readAll(bytes, size)).toEqual(whole);
  });
});

test('PAX records count their own digits', async () => {
  // Lengths around 100 and 1000, where one more digit makes the record one longer.
  for (const length of [80, 85, 86, 87, 88, 89, 90, 91, 92, 980, 987, 988, 989, 990, 991]) {
    const path = 'ü'.repeat(1) + 'p'.repeat(length);
    expect((await readAll(await tarOf([file(path)])))[0]?.path).toBe(path);
  }
});

test('a stream has to keep to its size', async () => {
  const stream = (size: number): TarInput => ({
    path: 's',
    type: 'file',
    mode: 0o644,
    size,
    content: chunked(Buffer.from('12345'), 2),
  });
  expect((await readAll(await tarOf([stream(5)])))[0]?.text).toBe('12345');
  await expect(tarOf([stream(4)])).rejects.toMatchObject({ code: 'TAR_INPUT' });
  await expect(tarOf([stream(6)])).rejects.toMatchObject({ code: 'TAR_INPUT' });
});

describe('names that are not UTF-8, as GNU tar writes them', () => {
  for (const format of ['posix', 'gnu', 'ustar'])
    test(format, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'drydock-tar-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from('636166e9', 'hex')]), 'content');
      const bytes = execFileSync('tar', ['-c', `--format=${format}`, '-C', folder, '.'], {
        env: { ...process.env, LC_ALL: 'C' },
      });
      const read = await readAll(bytes);
      expect(read.map(({ path }) => path)).toEqual(['.', './caf\udce9']);
      const again = execFileSync('tar', ['-t', '--quoting-style=literal'], { input: await tarOf([file('caf\udce9')]) });
      expect(again.toString('latin1')).toBe('caf\xe9\n');
    });
});

test('order is that of bytes, not of a locale', () => {
  const paths = ['b', 'a/c', 'a-b', 'a', 'Z', 'é', 'z', '\u{1f600}', '\uff5e'];
  const sorted = sortedByPath(paths.map((path) => ({ path }))).map((entry) => entry.path);
  expect(sorted).toEqual(['Z', 'a', 'a-b', 'a/c', 'b', 'z', 'é', '\uff5e', '\u{1f600}']);
});

test('content that nobody reads is skipped, from a stream and from a file', async () => {
  const bytes = await tarOf([file('a', 'a'.repeat(5000)), file('b', 'b')]);
  await writeFile(join(folder, 'skip.tar'), bytes);
  for (const source of [readTar(chunked(bytes, 700)), readTarFile(join(folder, 'skip.tar'))]) {
    const paths: string[] = [];
    for await (const entry of source) paths.push(`${entry.path} ${entry.offset}`);
    expect(paths).toEqual(['a 512', 'b 6144']);
  }
});

test('content that is asked for too late is empty', async () => {
  const bytes = await tarOf([file('a', 'aaaa'), file('b', 'bbbb')]);
  const late: AsyncIterable<Buffer>[] = [];
  for await (const entry of readTar(chunked(bytes, 512))) late.push(entry.content);
  for (const content of late) expect((await collect(content)).byteLength).toBe(0);
});

test('a stream is read to its end, beyond the closing blocks', async () => {
  const bytes = Buffer.concat([await tarOf([file('a')]), Buffer.alloc(9000)]);
  let seen = 0;
  const counted = async function* () {
    for await (const chunk of chunked(bytes, 600)) {
      seen += chunk.byteLength;
      yield chunk;
    }
  };
  for await (const _ of readTar(counted()));
  expect(seen).toBe(bytes.byteLength);
});

describe('what is broken is named', () => {
  const sound = () => tarOf([file('a.txt', 'hello'), file('b.txt', 'b'.repeat(2000))]);
  const changed = async (change: (bytes: Buffer) => Buffer) => change(await sound());
  const rows: [name: string, change: (bytes: Buffer) => Buffer, code: string, message: string][] = [
    ['cut in a header', (bytes) => bytes.subarray(0, 1024 + 100), 'TAR_TRUNCATED', 'in a header'],
    ['cut in content', (bytes) => bytes.subarray(0, 2000), 'TAR_TRUNCATED', 'in the content of b.txt'],
    ['cut in padding', (bytes) => bytes.subarray(0, 600), 'TAR_TRUNCATED', 'in the content of a.txt'],
    ['cut before its end', (bytes) => bytes.subarray(0, 1024), 'TAR_TRUNCATED', 'closing zero blocks'],
    ['empty', () => Buffer.alloc(0), 'TAR_TRUNCATED', 'closing zero blocks'],
    ['a changed name', (bytes) => Buffer.concat([Buffer.from('c'), bytes.subarray(1)]), 'TAR_INVALID', 'checksum'],
    ['a size that is no number', (bytes) => resum(bytes, () => bytes.write('zz', 124)), 'TAR_INVALID', 'number'],
    ['a type nobody knows', (bytes) => resum(bytes, () => bytes.write('V', 156)), 'TAR_UNSUPPORTED', 'type "V"'],
    ['not a tar at all', () => Buffer.from('hello '.repeat(200)), 'TAR_INVALID', 'number'],
  ];
  for (const [name, change, code, message] of rows) {
    test(name, async () => {
      const bytes = await changed(change);
      await expect(readAll(bytes)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
      await writeFile(join(folder, 'broken.tar'), bytes);
      const fromFile = async () => {
        for await (const _ of readTarFile(join(folder, 'broken.tar')));
      };
      await expect(fromFile()).rejects.toMatchObject({ code });
    });
  }

  test('a missing end is forgiven on request', async () => {
    expect(await readAll((await sound()).subarray(0, 1024), 100, false)).toHaveLength(1);
  });

  test('a PAX header too large for memory', async () => {
    const bytes = await tarOf([file('ü'.repeat(100))]);
    resum(bytes, () => bytes.write('00077777777', 124));
    await expect(readAll(bytes)).rejects.toMatchObject({ code: 'TAR_INVALID' });
  });
});

/** Change the first header and make its checksum right again. */
function resum(bytes: Buffer, change: () => void): Buffer {
  change();
  bytes.fill(' ', 148, 156);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

describe.skipIf(!hasTar)('the real tar (skipped where there is none)', () => {
  test('lists what is written here', async () => {
    const path = join(folder, 'ours.tar');
    await writeFile(path, await tarOf(entries.map(([, entry]) => entry)));
    const { stdout } = await run('tar', ['--quoting-style=literal', '-tf', path]);
    const expected = entries.map(([, entry]) => (entry.type === 'directory' ? 'dir/' : entry.path));
    expect(stdout.trimEnd().split('\n')).toEqual(expected.map((path) => path.toWellFormed()));
  });

  test.each(['gnu', 'ustar', 'pax', 'v7', 'oldgnu'])('format %s can be read', async (format) => {
    const from = join(folder, `from-${format}`);
    const longDir = format === 'v7' ? 'sub' : 'long-directory-name/'.repeat(6).slice(0, -1);
    const longest = format === 'gnu' || format === 'pax' ? `${longDir}/${'n'.repeat(150)}` : `${longDir}/name`;
    await mkdir(join(from, longDir), { recursive: true });
    await writeFile(join(from, longest), 'long'.repeat(300));
    await symlink('target', join(from, 'link'));
    const path = join(folder, `${format}.tar`);
    await run('tar', [`--format=${format}`, '--owner=node:1000', '--group=node:1000', '-C', from, '-cf', path, '.']);
    const found: TarHeader[] = [];
    let text = '';
    for await (const entry of readTarFile(path)) {
      found.push(entry);
      if (entry.path.endsWith(longest)) text = (await collect(entry.content)).toString();
    }
    expect(text).toBe('long'.repeat(300));
    expect(found.find((entry) => entry.path === './link')).toMatchObject({
      type: 'symlink',
      linkpath: 'target',
      uid: 1000,
    });
    expect(found[0]).toMatchObject({ path: '.', type: 'directory' });
  });

  test('base-256 numbers (ids beyond octal, GNU format) can be read', async () => {
    await writeFile(join(folder, 'one'), '1');
    const path = join(folder, 'base256.tar');
    await run('tar', [
      '--format=gnu',
      '--owner=:4294967294',
      '--group=:3000000',
      '--mtime=@-1',
      '-C',
      folder,
      '-cf',
      path,
      'one',
    ]);
    for await (const entry of readTarFile(path))
      expect(entry).toMatchObject({ uid: 4_294_967_294, gid: 3_000_000, mtime: -1 });
  });

  test('global PAX headers hold for all that follows', async () => {
    await writeFile(join(folder, 'one'), '1');
    const path = join(folder, 'global.tar');
    await run('tar', [
      '--format=pax',
      '--pax-option=globexthdr.name=g,gid=77',
      '-C',
      folder,
      '-cf',
      path,
      'one',
      'one',
    ]);
    for await (const entry of readTarFile(path)) expect(entry.gid).toBe(77);
  });
});

test('the same entries make the same bytes', async () => {
  const once = await collect(writeTar(entries.map(([, entry]) => entry)));
  expect(once.equals(await tarOf(entries.map(([, entry]) => entry)))).toBe(true);
});

// Of the kind of CVE-2024-45296: a regular expression that begins anew at each of them
test('a path of slashes without end is read in the time of its length', async () => {
  const [slashes, path] = [300_000, `a${'-'.repeat(300_000)}b`];
  const tar = await tarOf([file(path, '')]);
  const at = tar.indexOf(`path=${path}`) + 'path=a'.length;
  tar.fill('/', at, at + slashes);
  expect((await readAll(tar, 1 << 20)).map((entry) => entry.path)).toEqual([path.replaceAll('-', '/')]);
});
