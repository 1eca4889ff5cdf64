// Runs of several services joined to one: as good as the worst of them, and nothing of any is lost or taken for another's.
import { describe, expect, test } from 'vitest';
import { joinRuns } from '../../src/core/join.ts';
import type { RunResult, StageResult } from '../../src/core/model.ts';
import { runResult } from '../../src/core/result.ts';
import { parseRun } from '../../src/core/run-record.ts';
import { renderSummary } from '../../src/core/summary.ts';
import { stageResult, stepResult } from '../../src/core/verdict.ts';
import { together } from '../../src/stages/found.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

function stageOf(name: 'lint' | 'test', from: number, to: number, exitCode = 0): StageResult {
  const [startedMs, endedMs] = [START + from * 1000, START + to * 1000];
  const record = { exitCode, startedMs, endedMs };
  const step = stepResult({ stage: name, name: 'check', command: 'npm run check', record, log: 'Error: no\n' }, START);
  return stageResult({ name, steps: [step], startedMs, seconds: to - from });
}

function runOf(stages: readonly StageResult[], image: string | null = null): RunResult {
  const parts = stages.map((stage) => ({ stage }));
  const found =
    image === null ? parts : [...parts, { image: { digest: image, file: 'image.tar', platforms: [] } as never }];
  const facts = { function: 'ci', asked: ['lint', 'test'] as const, engine: null, strict: false, error: null };
  return runResult({ ...facts, startedMs: START, finishedMs: START + 60_000, ...together(found) });
}

describe('two runs', () => {
  const joined = joinRuns([
    { name: 'api', result: runOf([stageOf('lint', 0, 10), stageOf('test', 5, 20)], 'sha256:a') },
    { name: 'web', result: runOf([stageOf('lint', 2, 12), stageOf('test', 8, 50, 1)]) },
  ]);
  const stage = (name: string) => joined.stages.find((candidate) => candidate.name === name);

  test('fail where one of them fails', () => expect([joined.verdict, joined.exitCode]).toEqual(['failed', 1]));

  test('a stage lasts from its first beginning to its last end', () => {
    expect([stage('lint')?.seconds, stage('test')?.seconds]).toEqual([12, 45]);
    expect(stage('test')?.startedAt).toBe('2026-01-01T00:00:05.000Z');
  });

  test('a failure names the service, and no reason of one that passed is told with it', () =>
    expect([stage('test')?.status, stage('test')?.reason]).toEqual(['failed', 'web: check: exit 1']));

  test('steps and logs are told apart', () =>
    expect(stage('lint')?.steps.map(({ name, log }) => [name, log])).toEqual([
      ['api/check', 'api/logs/lint-check.log'],
      ['web/check', 'web/logs/lint-check.log'],
    ]));

  test('an image is its service’s own', () => {
    expect(joined.image).toBeNull();
    expect(joined.parts?.map(({ name, image }) => [name, image?.file])).toEqual([
      ['api', 'api/image.tar'],
      ['web', undefined],
    ]);
    expect(renderSummary(joined)).toContain('Image of api: `sha256:a');
  });

  test('what nobody asked for is not asked for', () =>
    expect(stage('smoke')).toMatchObject({ status: 'skipped', reason: 'not asked for' }));
});

test('one that could not be carried out stops all', () => {
  const stopped = { ...runOf([]), verdict: 'error', exitCode: 3 } as RunResult;
  const error = { code: 'NO_SPACE', message: 'no room', hint: 'make some' } as const;
  const joined = joinRuns([
    { name: 'api', result: runOf([stageOf('test', 0, 1, 1)]) },
    { name: 'web', result: { ...stopped, error } },
  ]);
  expect([joined.verdict, joined.exitCode, joined.error]).toEqual(['error', 3, error]);
});

test('the account can be read back', () => {
  const joined = joinRuns([
    { name: 'api', result: runOf([stageOf('lint', 0, 1)]) },
    { name: 'web', result: runOf([]) },
  ]);
  expect(parseRun(JSON.stringify(joined), 'result.json')).toEqual(joined);
});
