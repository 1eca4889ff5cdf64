import { expect, test } from 'vitest';
import type { SmokeRow } from '../../../src/core/model.ts';
import { judgeRows } from '../../../src/core/smoke/rows.ts';
import { step } from '../make.ts';

const row = (name: string, status: SmokeRow['status']): SmokeRow => ({ name, status, seconds: 1, detail: '' });

const cases: [name: string, rows: SmokeRow[], judged: ReturnType<typeof judgeRows>][] = [
  ['all hold', [row('a', 'passed'), row('b', 'passed')], { remark: '2 of 2 checks passed' }],
  ['one failed', [row('a', 'passed'), row('b', 'failed')], { fault: '1 of 2 checks passed; failed: b' }],
  [
    'one could not be had',
    [row('a', 'passed'), row('b', 'not evaluated')],
    { notEvaluated: '1 of 2 checks passed; not evaluated: b' },
  ],
  ['failing outweighs', [row('a', 'failed'), row('b', 'not evaluated')], { fault: '0 of 2 checks passed; failed: a' }],
  ['nothing was verified', [], { fault: 'nothing was verified' }],
];
test.for(cases)('%s', ([, rows, judged]) => expect(judgeRows(rows, [step()])).toEqual(judged));

test('a probe that crashed has no rows, and its step says so', () => {
  expect(judgeRows([], [step({ exitCode: 1 })])).toEqual({ remark: '0 of 0 checks passed' });
});
