// Durations as Go writes them, read and printed.
import { expect, test } from 'vitest';
import { formatDuration, nanoseconds, toHealthcheck } from '../../../engine/api/healthcheck.ts';

const cases: [text: string, nanoseconds: number, printed: string][] = [
  ['0', 0, '0s'],
  ['5s', 5e9, '5s'],
  ['1.5s', 1.5e9, '1.5s'],
  ['90s', 90e9, '1m30s'],
  ['1h0m1s', 3601e9, '1h0m1s'],
  ['250ms', 250e6, '250ms'],
];
for (const [text, ns, printed] of cases) {
  test(`duration: ${text}`, () => {
    expect(nanoseconds(text)).toBe(ns);
    expect(formatDuration(ns)).toBe(printed);
  });
}

for (const text of ['', '5', 's', '5 s', '1x'])
  test(`no duration: ${JSON.stringify(text)}`, () => expect(() => nanoseconds(text)).toThrow('not a duration'));

test('a healthcheck for the shell is one argument', () => {
  expect(toHealthcheck({ args: ['curl -f localhost'], shell: true, retries: 3 })).toEqual({
    Test: ['CMD-SHELL', 'curl -f localhost'],
    Retries: 3,
  });
  expect(() => toHealthcheck({ args: ['curl', '-f'], shell: true })).toThrow('one argument');
  expect(() => toHealthcheck({ args: [] })).toThrow('is missing');
});
