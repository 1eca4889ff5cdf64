// What tells the scanner to look away: comments, in the forms that Trivy documents and in those that its parser takes besides, and names and codings.
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { Opener } from '../../src/oci/packed.ts';
import { hiddenTexts, main, withoutSuppressions } from '../../src/oci/scan-source.ts';
import { ending, scratch, tarOf } from './helpers.ts';

// Put together here: in one piece they would be comments of this file.
const [TRIVY, TFSEC] = ['trivy', 'tfsec'];

// https://trivy.dev/docs/latest/configuration/filtering/#by-inline-comments
const comments: [line: string, after: string | null][] = [
  [`#${TRIVY}:ignore:AWS-0089`, '#triv_:ignore:AWS-0089'],
  [`# ${TRIVY}:ignore:aws-s3-enable-logging:exp:2026-03-02`, '# triv_:ignore:aws-s3-enable-logging:exp:2026-03-02'],
  [`  bucket = "a" //${TRIVY}:ignore:*`, '  bucket = "a" //triv_:ignore:*'],
  [`#${TRIVY}:ignore:aws-0102[protocol=tcp]`, '#triv_:ignore:aws-0102[protocol=tcp]'],
  [`#${TRIVY}:ignore:a:ws:production #${TFSEC}:ignore:b`, '#triv_:ignore:a:ws:production #tfse_:ignore:b'],
  [`# ${TRIVY}:ws:production:ignore:a`, '# triv_:ws:production:ignore:a'],
  [`# ${TRIVY}:a\tb:c:ignore:d`, '# triv_:a\tb:c:ignore:d'],
  [`/* ${TFSEC}:ignore:AWS018 */\r`, '/* tfse_:ignore:AWS018 */\r'],
  [`# ${TRIVY}: config`, null],
  ['# ignore: this', null],
  [`image: aquasec/${TRIVY}:0.75.0`, null],
];
for (const [line, after] of comments)
  test(`${JSON.stringify(line)}: ${after === null ? 'stays' : 'is none'}`, () => {
    const found = withoutSuppressions(Buffer.from(`first\n${line}\nlast\n`));
    expect(found).toEqual(after === null ? null : { bytes: Buffer.from(`first\n${after}\nlast\n`), lines: [2] });
  });

test('copies hold each byte but those, where their files are; links are not followed', async () => {
  const [source, out] = [join(await scratch(onTestFinished), 'source'), join(await scratch(onTestFinished), 'out')];
  await mkdir(join(source, 'infra/é'), { recursive: true });
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe, 0x80]), Buffer.from(`\n#${TRIVY}:ignore:é\n`)]);
  await writeFile(join(source, 'infra/é/main.tf'), bytes);
  await writeFile(join(source, 'plain.tf'), 'a = 1\n');
  await symlink('infra/é/main.tf', join(source, 'link.tf'));
  await symlink('nowhere', join(source, 'broken'));
  expect(await main(['--in', source, '--out', out])).toBe(0);
  const found = JSON.parse(await readFile(join(out, 'found.json'), 'utf8'));
  expect(found).toEqual({ suppressed: ['infra/é/main.tf:2'], texts: {}, closed: [] });
  const files = await readdir(join(out, 'files'), { recursive: true });
  expect(files.sort()).toEqual(['infra', 'infra/é', 'infra/é/main.tf']);
  const copy = await readFile(join(out, 'files/infra/é/main.tf'));
  expect(copy.equals(Buffer.from(bytes.toString('latin1').replace(`${TRIVY}:`, 'triv_:'), 'latin1'))).toBe(true);
});

test('a name that is no UTF-8 is a name like any other', async () => {
  const [source, out] = [join(await scratch(onTestFinished), 'source'), join(await scratch(onTestFinished), 'out')];
  await mkdir(source, { recursive: true });
  const name = Buffer.from('caf\xe9.tf', 'latin1'); // as an archive of another age brings it
  await writeFile(Buffer.concat([Buffer.from(`${source}/`), name]), `#${TRIVY}:ignore:x\n`);
  expect(await main(['--in', source, '--out', out])).toBe(0);
  const [copied] = await readdir(join(out, 'files'), { encoding: 'buffer' });
  expect(copied).toEqual(name);
});

const SECRET = 'password of everything';
const utf16 = Buffer.from(`\ufeff${SECRET}\n`, 'utf16le');
const files: [what: string, path: string, bytes: Buffer, text: string | null][] = [
  ['a plain file', 'src/a.ts', Buffer.from(SECRET), null],
  ['a text in another script', 'a.md', Buffer.from('пароль – 密码'), null],
  ['a lock file', 'service/package-lock.json', Buffer.from(SECRET), SECRET],
  ['one of Go', 'go.sum', Buffer.from(SECRET), SECRET],
  ['one that is only called nearly so', 'my-package-lock.json', Buffer.from(SECRET), null],
  ['a picture that is none', 'docs/a.PNG', Buffer.from(SECRET), SECRET],
  ['a picture with words in it', 'b.gif', Buffer.from(`GIF89a\0\x01\x02${SECRET}\0\xff`, 'latin1'), SECRET],
  ['a package that is checked in', 'node_modules/a/index.js', Buffer.from(SECRET), SECRET],
  ['UTF-16', 'notes.txt', utf16, `${SECRET}\n`],
  ['UTF-16, the other way round', 'notes.txt', Buffer.from(utf16).swap16(), `${SECRET}\n`],
  [
    'UTF-16 behind a page of another script',
    'notes.txt',
    Buffer.from(`${'中文'.repeat(100)}\n${SECRET}\n`, 'utf16le'),
    `e\n${SECRET}\n`,
  ],
  ['a text with one byte in it', 'x.ts', Buffer.from(`a\0\n${SECRET}`), `a\n${SECRET}`],
  ['one with nothing to read in it', 'x.bin', Buffer.from([0, 1, 2, 3]), null],
];
for (const [what, path, bytes, text] of files)
  test(`${what}: ${text === null ? 'is left as it is' : 'is read'}`, () =>
    expect(hiddenTexts(path, bytes).map(String)).toEqual(text === null ? [] : [`${text}\n`]));

// Made by GNU tar 1.35, gzip 1.12, Info-ZIP 3.0, bzip2 and xz of a file with this text.
const packed: [what: string, base64: string, isOpened: boolean][] = [
  ['gzip', 'H4sIAAAAAAACAytILC4uzy9KUchPU0gtSy2qLMnIzEvnAgCmv/EkFwAAAA==', true],
  ['a gzip that is cut off', 'H4sIAAAAAAACAytILC4uzy9KUchPU0gtSy2qLMnIzEvnAgCmv/EkFw==', true],
  [
    'a tar in a gzip',
    'H4sIAAAAAAAAA+3RSw4CIRBFUcauolZgo4KspxPwM2kMYBt3L+pI429CjPGeSVUCSb3k+U41pytn7WVW9/PB7pzRSmz7aErtc+mTiEoxllf/3r3/KN9NwzC2vXEudWnM8/7n7rb/mbaL2r9uG+vqz/vf9TkfYvISVxLGkI5lsx3Wk2/HAgAAAAAAAAAAAAAAAPCBE44Scj8AKAAA',
    true,
  ],
  [
    'a zip',
    'UEsDBBQAAgAIAFx/fF1QHgbjHAAAAEUAAAAGAAAAZC8uZW52K0gsLi7PL0pRyE9TSC1LLaosycjMS+cqIEkYAFBLAQIeAxQAAgAIAFx/fF1QHgbjHAAAAEUAAAAGAAAAAAAAAAEAAACkgQAAAABkLy5lbnZQSwUGAAAAAAEAAQA0AAAAQAAAAAAA',
    true,
  ],
  [
    'a zip that was written to a pipe',
    'UEsDBC0AAAAAAFB/fF2mv/Ek//////////8BABQALQEAEAAXAAAAAAAAABcAAAAAAAAAcGFzc3dvcmQgb2YgZXZlcnl0aGluZwpQSwECHgMtAAAAAABQf3xdpr/xJBcAAAAXAAAAAQAAAAAAAAABAAAAgBEAAAAALVBLBgYsAAAAAAAAAB4DLQAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAAvAAAAAAAAAEoAAAAAAAAAUEsGBwAAAAB5AAAAAAAAAAEAAABQSwUGAAAAAAEAAQAvAAAASgAAAAAA',
    true,
  ],
  [
    'a zip behind a script',
    'IyEvYmluL3NoCmV4ZWMgamF2YSAtamFyICIkMCIKUEsDBBQAAgAIAFx/fF1QHgbjHAAAAEUAAAAGAAAAZC8uZW52K0gsLi7PL0pRyE9TSC1LLaosycjMS+cqIEkYAFBLAQIeAxQAAgAIAFx/fF1QHgbjHAAAAEUAAAAGAAAAAAAAAAEAAACkgQAAAABkLy5lbnZQSwUGAAAAAAEAAQA0AAAAQAAAAAAA',
    true,
  ],
  [
    'a tgz, stored in a zip',
    'UEsDBAoAAAAAAFB/fF2GiAz2nAAAAJwAAAAFAAAAdC50Z3ofiwgAAAAAAAAD7dFLDgIhEEVRxq6iVmCjgqynE/AzaQxgG3cv6kjjb0KM8Z5JVQJJveT5TjWnK2ftZVb388HunNFKbPtoSu1z6ZOISjGWV//evf8o303DMLa9cS51aczz/ufutv+Ztovav24b6+rP+9/1OR9i8hJXEsaQjmWzHdaTb8cCAAAAAAAAAAAAAAAA8IETjhJyPwAoAABQSwECHgMKAAAAAABQf3xdhogM9pwAAACcAAAABQAAAAAAAAAAAAAApIEAAAAAdC50Z3pQSwUGAAAAAAEAAQAzAAAAvwAAAAAA',
    true,
  ],
  [
    'a gzip and a zip in a tgz',
    'H4sIAAAAAAACA+3UvUrDUBTA8ZOkDX0AQYdSO3TS9jZJU2cXoTWDEVcdBEvp0pZ+DUEQZ19DHHwJ1xYEH8LB2TfwtIJCoBUEK8r/B4dzOfeLO5zb6k5MO5Ef5am9MFxklc6eV699jud1P/DDuhQ9WYPxcHQ+0OsHvd5o1bqv5tOP+yO2b3KLbDu7jbIxT9XD4+nRSaMSVe7Ls+lj9GLL3cNraVPwLyUm6fTld/s/8IN0/+ufQP+vQxw5mQ2xJSenV5dnccF9zmv1QMPVuKiaVney5GfYKTa3dL9lF5zlJ8xZGrfX8nFeHGXd97oloeZ92hAAAAAAAAAAAAAAAODb3gB34uAjACgAAA==',
    true,
  ],
  [
    'four gzips in each other',
    'H4sIAAAAAAACA5Pv5mAAASbmye+fJTAwqj07+X6+qoHBqqVPP52+9e7vH+11gX/9N+eevHfpw/TiHK7+v9tE7Pa8XF/zYuIxvbbl8UuvZzKXMjLczTvwwAZoEAAQF/RaTwAAAA==',
    true,
  ],
  [
    'five',
    'H4sIAAAAAAACAwFkAJv/H4sIAAAAAAACA5Pv5mAAASbmye+fJTAwqj07+X6+qoHBqqVPP52+9e7vH+11gX/9N+eevHfpw/TiHK7+v9tE7Pa8XF/zYuIxvbbl8UuvZzKXMjLczTvwwAZoEAAQF/RaTwAAACh/Lr5kAAAA',
    false,
  ],
  [
    'an encrypted zip',
    'UEsDBAoACQAAAFB/fF2mv/EkIwAAABcAAAADAAAAZW52mx2xSLmcBKXX4AlWWuJGO58K5aCctL0ksnkDZHzyZGSTgTtQSwcIpr/xJCMAAAAXAAAAUEsBAh4DCgAJAAAAUH98Xaa/8SQjAAAAFwAAAAMAAAAAAAAAAQAAAKSBAAAAAGVudlBLBQYAAAAAAQABADEAAABUAAAAAAA=',
    false,
  ],
  ['bzip2', 'QlpoOTFBWSZTWdrXJ5UAAAdRgAAQQAAn4d2gIAAxTTIxMTEKDCNHqekMy74XAI6shyZ9i4+LuSKcKEhta5PKgA==', false],
  [
    'xz',
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4BrzADxdADgYSuADCc/38ZoRNKf92yctf6n7xaHcHq3nzd1yNbUFSprRiD2m3n6p4fBaQ6mD5OlyMguRXwaqH7q2AABDg4TeQ5f0MgABWPQ1AAAASaDJWbHEZ/sCAAAAAARZWg==',
    false,
  ],
];
for (const [what, base64, isOpened] of packed)
  test(`${what}: ${isOpened ? 'its text is read' : 'is said to be closed'}`, async () => {
    const [source, out] = [join(await scratch(onTestFinished), 'source'), join(await scratch(onTestFinished), 'out')];
    await mkdir(source, { recursive: true });
    await writeFile(join(source, 'a'), Buffer.from(base64, 'base64'));
    expect(await main(['--in', source, '--out', out])).toBe(0);
    const { texts, closed } = JSON.parse(await readFile(join(out, 'found.json'), 'utf8'));
    const read = await Promise.all(Object.keys(texts).map((name) => readFile(join(out, 'files', name), 'utf8')));
    expect([read.join().includes(SECRET), closed]).toEqual([isOpened, isOpened ? [] : ['a']]);
  });

test('what would be too much is not opened, and what is no archive is none', async () => {
  const opener = new Opener();
  expect(await opener.open(gzipSync(Buffer.alloc(70_000_000)))).toMatchObject({ contents: [], isComplete: false });
  expect(await opener.open(Buffer.from('\x1f\x8b\x08 and more', 'latin1'))).toMatchObject({ isComplete: false });
  expect(await opener.open(Buffer.from('PK\x05\x06 in a text'))).toMatchObject({ contents: [], isComplete: true });
  // https://www.bamsoftware.com/hacks/zipbomb/: many entries that share the same bytes; here each costs its own.
  const bomb = gzipSync(Buffer.alloc(60_000_000));
  const answers = [];
  for (let count = 0; count < 10; count++) answers.push((await opener.open(bomb)).isComplete);
  expect(answers).toEqual([...Array(8).fill(true), false, false]);
});

test('texts go where no file of the source is', async () => {
  const [source, out] = [join(await scratch(onTestFinished), 'source'), join(await scratch(onTestFinished), 'out')];
  for (const folder of ['drydock-texts', 'docs']) await mkdir(join(source, folder), { recursive: true });
  await writeFile(join(source, 'drydock-texts/0.txt'), 'of the source\n');
  await writeFile(join(source, 'docs/a.png'), SECRET);
  expect(await main(['--in', source, '--out', out])).toBe(0);
  const { texts } = JSON.parse(await readFile(join(out, 'found.json'), 'utf8'));
  expect(texts).toEqual({ 'drydock-texts-/0.txt': 'docs/a.png' });
  expect(await readFile(join(out, 'files/drydock-texts-/0.txt'), 'utf8')).toBe(`${SECRET}\n`);
});

test('an archive whose text is its own is read once, however often it is packed', async () => {
  const tar = (...files: [string, Buffer][]) =>
    tarOf(files.map(([path, content]) => ({ path, type: 'file', mode: 0o644, content })));
  const inner = await tar(['secret.env', Buffer.from(SECRET)]);
  const outer = await tar(['inner.tar', inner], ['a.gz', gzipSync(Buffer.from(`another ${SECRET}`))]);
  const { contents, isComplete } = await new Opener().open(outer);
  expect([contents.map(String), isComplete]).toEqual([[`another ${SECRET}`], true]);
  const read = hiddenTexts('a', outer, contents).join('');
  expect(read.split(SECRET)).toHaveLength(3);
});

test('a folder that is not there is an error with a hint', async () =>
  expect(
    await ending(async () => main(['--in', '/nowhere', '--out', join(await scratch(onTestFinished), 'out')])),
  ).toEqual({
    code: 1,
    said: expect.stringMatching(/^ENOENT: .*'\/nowhere'\nhint: .*\n$/),
  }));
