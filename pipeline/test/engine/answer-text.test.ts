// Answers in parts are the JSON that they would be whole, also of texts in files, and of bytes that are no UTF-8 (Markus Kuhn's UTF-8 stress test has their kinds).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { answerParts, FileText } from '../../engine/answer-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'drydock-answer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (body: object) => [...answerParts(body)].join('');

/** A file longer than one part, with such bytes at every place of a part's border. */
function fileOf(bytes: Buffer): [text: FileText, whole: string] {
  const path = join(folder, 'text');
  const all = Buffer.concat(Array.from({ length: Math.ceil(200_000 / bytes.length) }, () => bytes));
  writeFileSync(path, all);
  return [new FileText(path), all.toString()];
}

test.each([
  ['plain', Buffer.from('0123456789')],
  ['quotes, slashes and line ends', Buffer.from('a"b\\c\n\r\t\0/')],
  ['characters of two, three and four bytes', Buffer.from('aäß€😀')],
  ['continuation bytes alone', Buffer.from([0x61, 0x80, 0xbf, 0x62, 0x80])],
  ['sequences that end too soon', Buffer.from([0xc3, 0x61, 0xe2, 0x82, 0x62, 0xf0, 0x9f, 0x98, 0x63])],
  ['bytes that never occur', Buffer.from([0xfe, 0xff, 0x61])],
])('a file: %s', (_, bytes) => {
  const [text, whole] = fileOf(bytes);
  expect(JSON.parse(textOf({ data: { a: text, b: [text, 'x'] } }))).toEqual({ data: { a: whole, b: [whole, 'x'] } });
});

test('an empty file, and none', () => {
  const path = join(folder, 'empty');
  writeFileSync(path, '');
  expect(textOf({ a: new FileText(path), b: 'c' })).toBe('{"a":"","b":"c"}');
  expect(textOf({ a: null, b: [1, '\ud800'] })).toBe('{"a":null,"b":[1,"\ufffd"]}');
});
