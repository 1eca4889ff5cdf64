// Which Node a repository asks for, in the words of npm's documentation (package.json, engines; semver's ranges) and of nvm's.
import { expect, test } from 'vitest';
import { majorIn, takesMajor } from '../../../src/core/check/node-version.ts';

const ranges: [range: string, major: number, takes: boolean | null][] = [
  ['>=0.10.3 <15', 24, false],
  ['>=0.10.3 <15', 14, true],
  ['>= 14', 24, true],
  ['0.12.2', 24, false],
  ['18.x', 24, false],
  ['24.x', 24, true],
  ['v24.1.0', 24, true],
  ['^18.18.0 || ^20.9.0 || >=21.1.0', 24, true],
  ['^20.19.0 || ^22.12.0', 24, false],
  ['14 - 20', 24, false],
  ['20.0.0 - 24', 24, true],
  ['>20.1', 20, true],
  ['>20', 20, false],
  ['<=22.x', 22, true],
  ['<24', 24, false],
  ['<24.5.0', 24, true],
  ['~22.3.0', 24, false],
  ['*', 24, true],
  ['latest', 24, null],
  ['latest || 24', 24, true],
  ['>=20 lts', 24, null],
];
for (const [range, major, takes] of ranges)
  test(`Node ${major} and ${range}`, () => expect(takesMajor(range, major)).toBe(takes));

test('every range of one bound agrees with counting', () => {
  for (let asked = 0; asked < 30; asked += 1)
    for (let major = 0; major < 30; major += 1) {
      expect(takesMajor(`>=${asked}`, major)).toBe(major >= asked);
      expect(takesMajor(`>=${asked}.2.1`, major)).toBe(major >= asked);
      expect(takesMajor(`<${asked}`, major)).toBe(major < asked);
      expect(takesMajor(`^${asked}.1.0`, major)).toBe(major === asked);
    }
});

test.each([
  ['v20.11.1\n', 20],
  ['18', 18],
  ['22.3\n', 22],
  ['24 # what ships\n', 24],
  ['lts/*', null],
  ['node', null],
  ['', null],
])('a file that says %j', (text, major) => expect(majorIn(text)).toBe(major));
