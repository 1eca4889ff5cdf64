// "Did you mean": near enough to be a slip, or the beginning of a word; nothing else.
import { expect, test } from 'vitest';
import { nearest } from '../src/suggest.ts';

const FUNCTIONS = ['ci', 'lint', 'test', 'build', 'images', 'completion'];
const PINS = ['node', 'runtime', 'nodeAlpine', 'nginx'];

const rows: [typed: string, known: string[], meant: string | undefined][] = [
  ['lint', FUNCTIONS, 'lint'], //        the word itself
  ['LINT', FUNCTIONS, 'lint'], //        in capitals
  ['lin', FUNCTIONS, 'lint'], //         a letter less
  ['llint', FUNCTIONS, 'lint'], //       a letter more
  ['lent', FUNCTIONS, 'lint'], //        another letter
  ['lnit', FUNCTIONS, 'lint'], //        two swapped
  ['ic', FUNCTIONS, 'ci'],
  ['image', FUNCTIONS, 'images'],
  ['comp', FUNCTIONS, 'completion'], //  a beginning
  ['c', FUNCTIONS, 'ci'],
  ['x', FUNCTIONS, undefined],
  ['', FUNCTIONS, undefined],
  ['deploy', FUNCTIONS, undefined],
  ['listing', FUNCTIONS, undefined], //  more than a third is wrong
  ['lint', [], undefined],
  ['nodeAlpin', PINS, 'nodeAlpine'],
  ['NODEALPINE', PINS, 'nodeAlpine'], // the known word may have capitals, too
  ['nodeal', PINS, 'nodeAlpine'],
  ['noed', PINS, 'node'],
];
for (const [typed, known, meant] of rows) {
  test(`${JSON.stringify(typed)} among ${known.join(', ') || 'nothing'}`, () =>
    expect(nearest(typed, known)).toBe(meant));
}
