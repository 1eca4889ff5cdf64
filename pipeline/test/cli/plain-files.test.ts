// Files of a folder that a stranger filled: plain ones are read, and whatever else has their names is not.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namesIn, overwrite, textIn } from '../../cli/plain-files.ts';
import { refusalOf } from './make.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drydock-plain-'));
  mkdirSync(join(root, 'a/b'), { recursive: true });
  for (const path of ['a/b/file', 'file']) writeFileSync(join(root, path), path);
  symlinkSync('a', join(root, 'link'));
  symlinkSync('file', join(root, 'linked'));
  symlinkSync('/', join(root, 'top'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  writeFileSync(join(root, 'huge'), '');
  truncateSync(join(root, 'huge'), 3e9);
});
afterAll(() => rmSync(root, { recursive: true }));

test.for([
  ['a/b/file', 'a/b/file'],
  ['./a//b/file', 'a/b/file'],
  ['link/b/file', null],
  ['linked', null],
  ['top/etc/passwd', null],
  ['a/../file', null],
  ['file/x', null],
  ['a', null],
  ['fifo', null],
  ['absent/file', null],
  ['x'.repeat(300), null],
] as const)('%s', ([path, text]) => expect(textIn(root, path)).toBe(text));

test('a file of 3 GB is named, and not read', () =>
  expect(refusalOf(() => textIn(root, 'huge')).message).toMatch(/^huge is larger than 64 MiB/));

test('what is in a folder, and nothing of one that a link leads to', () => {
  expect(namesIn(root, 'a')).toEqual(['b']);
  expect(['link', 'top', 'file', 'absent'].flatMap((path) => namesIn(root, path))).toEqual([]);
  expect(namesIn(root).length).toBe(7);
});

test('only a plain file is written into', () => {
  overwrite(root, 'file', 'new');
  expect(readFileSync(join(root, 'file'), 'utf8')).toBe('new');
  for (const path of ['linked', 'link/b/file', 'a', 'absent'])
    expect(refusalOf(() => overwrite(root, path, 'x')).message).toBe(`${path} is not a plain file`);
});
