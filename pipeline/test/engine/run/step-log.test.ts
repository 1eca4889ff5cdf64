// What a running step says last, read from a folder in which it may have put anything.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lastLogLine } from '../../../engine/run/step-log.ts';

const LOG = 'var/drydock/lint/log';

/** What a step has changed, with these files. */
function upperWith(files: Record<string, string>): string {
  const upper = mkdtempSync(join(tmpdir(), 'drydock-upper-'));
  onTestFinished(() => rmSync(upper, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(upper, path)), { recursive: true });
    writeFileSync(join(upper, path), text);
  }
  return upper;
}

const lineIn = (upper: string) => lastLogLine(upper, '/var/drydock');

const logs: [log: string, line: string | undefined][] = [
  ['one\ntwo\n', 'two'],
  ['one\nnot yet ended', 'not yet ended'],
  ['one\n\n  \n', 'one'],
  ['10 %\r20 %\r30 %', '30 %'],
  ['\u001b[32m✓\u001b[39m passed\u001b[K\n', '✓ passed'],
  [`${'x'.repeat(10_000)}\nlast\n`, 'last'],
  ['', undefined],
];
for (const [log, line] of logs)
  test(`of ${JSON.stringify(log.slice(-30))} it is ${line}`, () =>
    expect(lineIn(upperWith({ [LOG]: log }))).toEqual(line === undefined ? undefined : { step: 'lint', line }));

test('of a step that has no folder yet, or of two, nothing is said', () => {
  expect(lineIn(upperWith({ 'etc/passwd': 'x' }))).toBeUndefined();
  expect(lineIn(upperWith({ [LOG]: 'a', 'var/drydock/test/log': 'b' }))).toBeUndefined();
});

const links = ['var', 'var/drydock', 'var/drydock/lint', LOG];
for (const path of links)
  test(`a link in the place of ${path} is not followed`, () => {
    const other = upperWith({ [LOG]: "somebody else's" });
    const upper = upperWith({});
    mkdirSync(dirname(join(upper, path)), { recursive: true });
    symlinkSync(join(other, path), join(upper, path));
    expect(lineIn(upper)).toBeUndefined();
  });

test('a pipe or a folder in the place of the log is not waited for', () => {
  const upper = upperWith({ 'var/drydock/lint/log/file': 'x' });
  expect(lineIn(upper)).toBeUndefined();
  rmSync(join(upper, LOG), { recursive: true });
  execFileSync('mkfifo', [join(upper, LOG)]);
  expect(lineIn(upper)).toBeUndefined();
});
