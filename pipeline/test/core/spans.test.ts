// A run as a trace: what stands in what, from when to when, and what is an error.
import { expect, test } from 'vitest';
import { type Span, spansOf } from '../../src/core/spans.ts';
import { failedStage, run, stage, step } from './make.ts';

const AT = '2026-01-01T00:00:0';
const shape = ({ name, startMs, endMs, error, children }: Span): unknown => ({
  [name]: [startMs % 60_000, endMs % 60_000, ...(error === null ? [] : [error]), ...children.map(shape)],
});

test('run, stages and steps, in the order of their start; what did not run has no span', () => {
  const found = spansOf(
    run({
      startedAt: `${AT}0.000Z`,
      finishedAt: `${AT}9.000Z`,
      stages: [
        stage({
          name: 'test',
          startedAt: `${AT}3.000Z`,
          seconds: 4,
          steps: [
            step({ name: 'b', startedAt: `${AT}5.000Z` }),
            step({ name: 'a', startedAt: `${AT}3.500Z`, seconds: 1 }),
          ],
        }),
        stage({ name: 'lint', startedAt: `${AT}1.000Z`, seconds: 1, steps: [] }),
        stage({ name: 'build', status: 'skipped', startedAt: null, steps: [] }),
      ],
    }),
  );
  expect(found.children.map(shape)).toEqual([
    { lint: [1000, 2000] },
    { test: [3000, 7000, { a: [3500, 4500] }, { b: [5000, 6500] }] },
  ]);
});

test('what the cache answered took no time of this run, and no step leaves its stage', () => {
  const steps = [
    step({ name: 'old', startedAt: '2025-01-01T00:00:00.000Z', cached: true }),
    step({ name: 'late', startedAt: `${AT}2.500Z`, seconds: 9 }),
  ];
  const found = spansOf(run({ stages: [stage({ startedAt: `${AT}2.000Z`, seconds: 1, steps })] }));
  expect(found.children.map(shape)).toEqual([{ lint: [2000, 3000, { old: [2000, 2000] }, { late: [2500, 3000] }] }]);
});

test('a failure is an error of the step, its stage and the run', () => {
  const found = spansOf(run({ verdict: 'failed', exitCode: 1, stages: [failedStage()] }));
  expect([found.error, found.children[0]?.error, found.children[0]?.children[0]?.error]).toEqual([
    'lint failed',
    'biome: exit 1',
    'a.ts:1:1 lint/x: it is wrong',
  ]);
  expect(found.attributes).toMatchObject({ 'cicd.pipeline.result': 'failure', 'drydock.exit_code': 1 });
});
