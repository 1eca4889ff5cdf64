// Sizes as people write and read them, and the budget that follows from them.
import { expect, test } from 'vitest';
import { UsageError } from '../../../engine/errors.ts';
import { budgetOf, formatSize, parseSize } from '../../../engine/store/sizes.ts';

const sizes: [text: string, bytes: number | undefined][] = [
  ['0', 0],
  ['1500', 1500],
  ['20GB', 20e9],
  ['500MB', 500e6],
  ['500mb', 500e6],
  ['1.5 GiB', 1.5 * 2 ** 30],
  ['2K', 2000],
  ['1T', 1e12],
  ['', undefined],
  ['-1', undefined],
  ['1e9', undefined],
  ['20 parsecs', undefined],
  ['GB', undefined],
  ['99999999TB', undefined],
  ['0x10', undefined],
];
for (const [text, bytes] of sizes) test(`size: ${text}`, () => expect(parseSize(text)).toBe(bytes));

const written: [bytes: number, text: string][] = [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [99_949, '99.9 kB'],
  [99_950, '100 kB'],
  [999_500, '1.0 MB'],
  [20e9, '20.0 GB'],
  [5e15, '5000 TB'],
];
for (const [bytes, text] of written) test(`written: ${text}`, () => expect(formatSize(bytes)).toBe(text));

const budgets: [named: string | undefined, disk: number, bytes: number][] = [
  [undefined, 1e12, 20e9],
  [undefined, 100e9, 10e9],
  [undefined, 1e9, 5e9],
  ['', 50e9, 5e9],
  ['300MB', 50e9, 300e6],
  ['0', 50e9, 0],
];
for (const [named, disk, bytes] of budgets)
  test(`budget: ${named} on ${disk}`, () => expect(budgetOf(named, () => disk)).toBe(bytes));

test('a budget that is no size is usage error, and says how to write one', () => {
  expect(() => budgetOf('lots', () => 1e12)).toThrow(UsageError);
  expect(() => budgetOf('lots', () => 1e12)).toThrow('DRYDOCK_STORE_BUDGET is not a size: lots; write it as 20GB');
});
