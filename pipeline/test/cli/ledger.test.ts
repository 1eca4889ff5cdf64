// Past runs in the output folder: each is kept whole, whoever else writes there; the oldest go.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keepTimes, readBudgets, readTimes } from '../../cli/ledger.ts';
import { takeOutput } from '../../cli/output.ts';
import { showTimes } from '../../cli/times.ts';
import { timed } from '../core/times/make.ts';
import { refusalOf, temporaryFolder } from './make.ts';

const day = (index: number) => timed(`2026-01-0${index}`, { lint: index });

test('what was kept is read, oldest first, and outlives the next run', () => {
  const output = temporaryFolder();
  for (const index of [2, 1, 3]) keepTimes(output, day(index));
  takeOutput(output, ['lint']).settle(0);
  expect(readTimes(output)).toEqual([1, 2, 3].map(day));
});

test('of a folder without any, there are none, whatever else it has', () => {
  const output = temporaryFolder();
  expect(readTimes(join(output, 'no'))).toEqual([]);
  writeFileSync(join(output, 'times'), 'mine');
  expect(readTimes(output)).toEqual([]);
  expect(readTimes(join(output, 'times'))).toEqual([]);
});

test('of too many the oldest go', () => {
  const output = temporaryFolder();
  for (const index of [1, 2, 3, 4]) keepTimes(output, day(index), 2);
  expect(readTimes(output)).toEqual([3, 4].map(day));
});

test('what is torn, empty or not ours is passed over', () => {
  const output = temporaryFolder();
  keepTimes(output, day(1));
  writeFileSync(join(output, 'times', '2026-01-02T0-torn.json'), JSON.stringify(day(2)).slice(0, 40));
  writeFileSync(join(output, 'times', '2026-01-03T0-empty.json'), '');
  writeFileSync(join(output, 'times', '.2026-01-04T0-aside.json'), JSON.stringify(day(4)));
  writeFileSync(join(output, 'times', 'notes.txt'), 'mine');
  expect(readTimes(output)).toEqual([day(1)]);
});

test('budgets are the file of the repository, where there is one', () => {
  const root = temporaryFolder();
  expect(readBudgets(root)).toEqual({ runs: 5, stages: {} });
  mkdirSync(join(root, 'policy'));
  writeFileSync(join(root, 'policy/budgets.yaml'), 'version: 1\nruns: 2\n');
  expect(readBudgets(root).runs).toBe(2);
});

test('times of no run are refused in a sentence, those of one are a table', () => {
  const output = temporaryFolder();
  expect(refusalOf(() => showTimes({ kind: 'times', output }, output))).toMatchObject({
    code: 'BAD_OPTION',
    exitCode: 2,
    message: `${output} holds the times of no run`,
  });
  keepTimes(output, day(1));
  expect(showTimes({ kind: 'times', output }, output)).toMatch(/^embedded engine\nstage .*\nlint +1 +0 +1\.0 s/);
});
