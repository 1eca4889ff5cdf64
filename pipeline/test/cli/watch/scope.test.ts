// Which part of a function runs again because it failed.
import { expect, test } from 'vitest';
import { parseInvocation, type StageInvocation } from '../../../cli/arguments.ts';
import { failedOnly } from '../../../cli/watch/scope.ts';
import type { RunResult } from '../../../src/core/model.ts';
import { failedStage, run, stage } from '../../core/make.ts';
import { words } from '../make.ts';

const asked = (line: string) => parseInvocation(words(line)) as StageInvocation;
const red = (over: Partial<RunResult>) => run({ verdict: 'failed', exitCode: 1, ...over });
const failed = failedStage({ name: 'tsc', exitCode: 2 });
const [lint, test_] = [
  { ...failed, name: 'lint' as const },
  { ...failed, name: 'test' as const },
];
const install = { ...failed, name: 'install' as const };

const scopes: [name: string, line: string, last: RunResult | null, only: string[]][] = [
  ['nothing has run', 'ci', null, []],
  ['one stage failed', 'ci', red({ stages: [lint, stage({ name: 'test' })] }), ['lint']],
  ['two stages failed', 'ci', red({ stages: [lint, test_] }), ['lint', 'test']],
  ['an install failed, which cannot be chosen', 'ci', red({ stages: [install] }), []],
  ['it did not get far enough to know', 'ci', red({ stages: [] }), []],
];
for (const [name, line, last, only] of scopes)
  test(`${name}: ${only.join(', ') || 'all'}`, () =>
    expect(failedOnly(asked(line), last)?.options).toMatchObject({ selection: { only, skip: [] }, services: [] }));

test('what was left out stays out', () =>
  expect(failedOnly(asked('ci --skip scan'), red({ stages: [lint] }))?.options.selection).toMatchObject({
    only: ['lint'],
    skip: ['scan'],
  }));

test('nothing failed', () => expect(failedOnly(asked('ci'), run({ stages: [stage()] }))).toBeNull());

test('of several services, those that failed', () => {
  const [good, bad] = [run({ stages: [stage()] }), red({ stages: [lint] })];
  const parts = [
    { ...good, name: 'api' },
    { ...bad, name: 'web' },
  ];
  expect(failedOnly(asked('ci'), red({ stages: [lint], parts }))?.options.services).toEqual(['web']);
});
