// What is kept of a run's times, and what the times of many say.
import { expect, test } from 'vitest';
import {
  median,
  parseTimedRun,
  quantile,
  samplesOf,
  stageTimes,
  type TimedRun,
  timedRun,
} from '../../../src/core/times/ledger.ts';
import { skippedStage } from '../../../src/core/verdict.ts';
import { failedStage, run, stage } from '../make.ts';
import { timed } from './make.ts';

const quantiles: [values: number[], share: number, is: number][] = [
  [[], 0.5, 0],
  [[3], 0.5, 3],
  [[3], 0.95, 3],
  [[5, 1, 3], 0.5, 3],
  [[4, 1, 3, 2], 0.5, 2],
  [[4, 1, 3, 2], 0.95, 4],
  [Array.from({ length: 20 }, (_, index) => index + 1), 0.95, 19],
  [Array.from({ length: 21 }, (_, index) => index + 1), 0.95, 20],
  [[10, 9, 100], 0.5, 10],
];
for (const [values, share, is] of quantiles)
  test(`${share} of ${values.join(' ')} is ${is}`, () => expect(quantile(values, share)).toBe(is));

test('a median takes its values as it finds them', () => {
  const values = [3, 1, 2];
  expect(median(values)).toBe(2);
  expect(values).toEqual([3, 1, 2]);
});

test('of a run is kept what ran, and how', () => {
  const stages = [
    stage({ name: 'lint', seconds: 2.3456 }),
    stage({ name: 'test', cached: true, seconds: 0.1 }),
    { ...failedStage(), name: 'build' as const },
    skippedStage('sbom', 'not reached: build failed'),
  ];
  expect(timedRun(run({ stages }))).toEqual({
    version: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    function: 'ci',
    engine: 'embedded',
    commit: '0123456789abcdef0123456789abcdef01234567',
    stages: {
      lint: { ms: 2346, cached: false, passed: true },
      test: { ms: 100, cached: true, passed: true },
      build: { ms: 2000, cached: false, passed: false },
    },
  });
});

test('of a run that came to nothing, nothing is kept', () =>
  expect(timedRun(run({ stages: [skippedStage('lint', 'not reached')] }))).toBeNull());

const whole = timed('2026-01-01', { lint: 2 });
const lines: [name: string, line: string, parsed: TimedRun | null][] = [
  ['a whole one', JSON.stringify(whole), whole],
  ['one with fields of a later program', JSON.stringify({ ...whole, more: 1 }), whole],
  ['one that was cut off', JSON.stringify(whole).slice(0, -5), null],
  ['an empty one', '', null],
  ['one of another version', JSON.stringify({ ...whole, version: 2 }), null],
  [
    'one with a time that is none',
    JSON.stringify({ ...whole, stages: { lint: { ms: -1, cached: false, passed: true } } }),
    null,
  ],
  ['one with an engine that is none', JSON.stringify({ ...whole, engine: 'steam' }), null],
  ['no object', '[]', null],
];
for (const [name, line, parsed] of lines)
  test(`a record: ${name}`, () => {
    if (parsed === null) expect(parseTimedRun(line)).toBeNull();
    else expect(parseTimedRun(line)).toMatchObject(parsed);
  });

const runs = [
  timed('2026-01-03', { lint: 30 }),
  timed('2026-01-01', { lint: 10, test: 100 }),
  timed('2026-01-02', { lint: 0.1 }, { cached: true }),
  timed('2026-01-04', { lint: 1 }, { passed: false }),
  timed('2026-01-05', { lint: 500 }, { engine: 'dagger' }),
];

test('what counts are runs that did the work, on this kind of engine, oldest first', () =>
  expect(samplesOf(runs, 'lint', 'embedded').map(({ seconds }) => seconds)).toEqual([10, 30]));

test('each stage that was ever part of a run has a row', () =>
  expect(stageTimes(runs, 'embedded')).toEqual([
    { stage: 'lint', runs: 2, cached: 1, median: 10, p95: 30 },
    { stage: 'test', runs: 1, cached: 0, median: 100, p95: 100 },
  ]));
