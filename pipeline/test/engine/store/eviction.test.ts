// What leaves the store first, and what never.
import { expect, test } from 'vitest';
import { chooseVictims } from '../../../engine/store/eviction.ts';
import type { Item } from '../../../engine/store/inventory.ts';

const NOW = 1_000_000_000_000;
const MINUTE = 60_000;

/** A thing of 10 bytes that was used so many minutes ago. */
const item = (name: string, minutes: number, more: Partial<Item> = {}): Item => ({
  parts: [{ kind: 'layers', name, bytes: 10 }],
  lastUse: NOW - minutes * MINUTE,
  needs: [],
  isGarbage: false,
  ...more,
});

const cases: [name: string, items: Item[], used: string[], keep: number, victims: string[]][] = [
  ['all fits', [item('a', 1), item('b', 2)], [], 20, []],
  ['the oldest goes', [item('a', 1), item('b', 2), item('c', 3)], [], 20, ['c']],
  ['as many as it takes', [item('a', 1), item('b', 2), item('c', 3)], [], 5, ['c', 'b', 'a']],
  ['what is used stays, whatever its age', [item('a', 1), item('b', 2), item('c', 3)], ['c'], 20, ['b']],
  ['nothing is left but what is used', [item('a', 1), item('b', 2)], ['a', 'b'], 0, []],
  ['garbage goes also when all fits', [item('a', 1), item('b', 2, { isGarbage: true })], [], 100, ['b']],
  ['garbage that is used is not garbage yet', [item('b', 2, { isGarbage: true })], ['b'], 100, []],
  ['garbage makes room', [item('old', 9), item('b', 1, { isGarbage: true })], [], 10, ['b']],
  [
    'what others stand on goes after them',
    [item('base', 9), item('top', 1, { needs: ['base'] }), item('lone', 5)],
    [],
    20,
    ['lone'],
  ],
  [
    'a chain goes from its top',
    [item('a', 3), item('b', 3, { needs: ['a'] }), item('c', 3, { needs: ['b', 'a'] })],
    [],
    10,
    ['c', 'b'],
  ],
  [
    'a last use in the future is as good as now, and no better',
    [item('ahead', -99), item('now', 0, { needs: ['ahead'] })],
    [],
    10,
    ['now'],
  ],
  [
    'a ring of needs, which only damage can make, is no end',
    [item('a', 2, { needs: ['b'] }), item('b', 2, { needs: ['a'] })],
    [],
    0,
    ['a', 'b'],
  ],
  [
    'parts of one thing go together',
    [{ ...item('a', 2), parts: [...item('a', 2).parts, ...item('a2', 2).parts] }, item('b', 1)],
    [],
    15,
    ['a', 'a2'],
  ],
  [
    'a thing of which one part is used stays whole',
    [{ ...item('a', 2), parts: [...item('a', 2).parts, ...item('a2', 2).parts] }, item('b', 1)],
    ['a2'],
    15,
    ['b'],
  ],
];
for (const [name, items, used, keep, victims] of cases) {
  test(`eviction: ${name}`, () => {
    const chosen = chooseVictims({ items, used: new Set(used), keep, now: NOW });
    const names = chosen.flatMap(({ parts }) => parts.map((part) => part.name));
    expect([...names].sort()).toEqual([...victims].sort());
  });
}
