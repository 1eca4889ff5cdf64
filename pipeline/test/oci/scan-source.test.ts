// What tells the scanner to look away: comments, in the forms that Trivy documents and in those that its parser takes besides, and names and codings.
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hiddenText, main, withoutSuppressions } from '../../src/oci/scan-source.ts';
import { ending, scratch } from './helpers.ts';

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
    const found = withoutSuppressions(`first\n${line}\nlast\n`);
    expect(found).toEqual(after === null ? null : { text: `first\n${after}\nlast\n`, lines: [2] });
    expect(found?.text.length ?? 0).toBe(after === null ? 0 : `first\n${line}\nlast\n`.length);
  });

test('copies hold each byte but those, where their files are; links are not followed', async () => {
  const [source, out] = [join(await scratch(), 'source'), join(await scratch(), 'out')];
  await mkdir(join(source, 'infra/é'), { recursive: true });
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe, 0x80]), Buffer.from(`\n#${TRIVY}:ignore:é\n`)]);
  await writeFile(join(source, 'infra/é/main.tf'), bytes);
  await writeFile(join(source, 'plain.tf'), 'a = 1\n');
  await symlink('infra/é/main.tf', join(source, 'link.tf'));
  await symlink('nowhere', join(source, 'broken'));
  expect(await main(['--in', source, '--out', out])).toBe(0);
  const found = JSON.parse(await readFile(join(out, 'found.json'), 'utf8'));
  expect(found).toEqual({ suppressed: ['infra/é/main.tf:2'], texts: {} });
  const files = await readdir(join(out, 'files'), { recursive: true });
  expect(files.sort()).toEqual(['infra', 'infra/é', 'infra/é/main.tf']);
  const copy = await readFile(join(out, 'files/infra/é/main.tf'));
  expect(copy.equals(Buffer.from(bytes.toString('latin1').replace(`${TRIVY}:`, 'triv_:'), 'latin1'))).toBe(true);
});

test('a name that is no UTF-8 is a name like any other', async () => {
  const [source, out] = [join(await scratch(), 'source'), join(await scratch(), 'out')];
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
  ['a text with one byte in it', 'x.ts', Buffer.from(`a\0\n${SECRET}`), `a\n${SECRET}`],
  ['one with nothing to read in it', 'x.bin', Buffer.from([0, 1, 2, 3]), null],
];
for (const [what, path, bytes, text] of files)
  test(`${what}: ${text === null ? 'is left as it is' : 'is read'}`, () => expect(hiddenText(path, bytes)).toBe(text));

test('texts go where no file of the source is', async () => {
  const [source, out] = [join(await scratch(), 'source'), join(await scratch(), 'out')];
  for (const folder of ['drydock-texts', 'docs']) await mkdir(join(source, folder), { recursive: true });
  await writeFile(join(source, 'drydock-texts/0.txt'), 'of the source\n');
  await writeFile(join(source, 'docs/a.png'), SECRET);
  expect(await main(['--in', source, '--out', out])).toBe(0);
  const { texts } = JSON.parse(await readFile(join(out, 'found.json'), 'utf8'));
  expect(texts).toEqual({ 'drydock-texts-/0.txt': 'docs/a.png' });
  expect(await readFile(join(out, 'files/drydock-texts-/0.txt'), 'utf8')).toBe(SECRET);
});

test('a folder that is not there is an error with a hint', async () =>
  expect(await ending(async () => main(['--in', '/nowhere', '--out', join(await scratch(), 'out')]))).toEqual({
    code: 1,
    said: expect.stringMatching(/^ENOENT: .*'\/nowhere'\nhint: .*\n$/),
  }));
