// Steps to stages to a verdict: what passes, what fails, and which exit code says so.
import { expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/core/errors.ts';
import type { StageResult, StepResult } from '../../src/core/model.ts';
import {
  decideVerdict,
  parseRecord,
  phraseExit,
  skippedStage,
  stageResult,
  stepResult,
} from '../../src/core/verdict.ts';
import { failedStage, stage, step } from './make.ts';

const runError = (code: ErrorCode) => ({ code, message: 'm', hint: 'h' });

const verdicts: [name: string, stages: StageResult[], strict: boolean, code: ErrorCode | null, exitCode: number][] = [
  ['all passed', [stage()], false, null, 0],
  ['one failed', [stage(), failedStage()], false, null, 1],
  ['skipped stages fail nothing', [stage(), skippedStage('test', 'not asked for')], true, null, 0],
  ['not evaluated is loud, not red', [stage({ status: 'not evaluated' })], false, null, 0],
  ['not evaluated is red when strict', [stage({ status: 'not evaluated' })], true, null, 1],
  ['wrong configuration', [], false, 'BAD_MANIFEST', 2],
  ['the engine failed, whatever the stages say', [failedStage()], false, 'ENGINE_FAILED', 3],
];
for (const [name, stages, strict, code, exitCode] of verdicts) {
  test(`verdict: ${name}`, () => {
    const verdict = decideVerdict(stages, strict, code === null ? null : runError(code));
    expect(verdict.exitCode).toBe(exitCode);
  });
}

test('every error ends in one of the documented exit codes and says what it means', () => {
  for (const { exit, meaning } of Object.values(ERRORS)) {
    expect([1, 2, 3, 130]).toContain(exit);
    expect(meaning).not.toBe('');
  }
});

const records: [text: string, expected: unknown][] = [
  ['0 1000 2500', { exitCode: 0, startedMs: 1000, endedMs: 2500 }],
  ['137 1 2', { exitCode: 137, startedMs: 1, endedMs: 2 }],
];
for (const [text, expected] of records)
  test(`record ${JSON.stringify(text)}`, () => expect(parseRecord(text)).toEqual(expected));
for (const text of [
  '',
  '0 1',
  'x 1 2',
  '0 1 2 3',
  '-1 1 2',
  '0 1 99999999999999999',
  '0 1 9000000000000000',
  '1e3 1 2',
])
  test(`record ${JSON.stringify(text)} is none`, () => expect(parseRecord(text)).toBeUndefined());

const cachedStages: [name: string, steps: StepResult[], cached: boolean][] = [
  ['no step', [], false],
  ['all', [step({ cached: true }), step({ cached: true })], true],
  ['one ran', [step({ cached: true }), step()], false],
  ['all but what always runs', [step({ cached: true }), step({ always: true })], true],
  ['only what always runs', [step({ always: true })], false],
];
for (const [name, steps, cached] of cachedStages) {
  test(`a stage is ${cached ? '' : 'not '}cached: ${name}`, () =>
    expect(stageResult({ name: 'scan', steps, startedMs: 0, seconds: 1 }).cached).toBe(cached));
}

const open = (refusal?: string) => ({
  ...{ interfaces: ['eth0'], capabilities: '0', noNewPrivileges: true, writable: [], sockets: [], environment: [] },
  ...(refusal === undefined ? {} : { refusal }),
});
const scans: [name: string, refusal: string | undefined, isShared: boolean, status: string][] = [
  ['it was not shut in', undefined, false, 'failed'],
  ['it was not, where no step is', undefined, true, 'failed'],
  ['it alone was refused the means', 'unshare failed: Operation not permitted', false, 'not evaluated'],
  ['no step is, and the whole run says so', 'unshare failed: Operation not permitted', true, 'passed'],
];
for (const [name, refusal, isShared, status] of scans) {
  test(`a scanner with a network: ${name}`, () => {
    const steps = [step({ confinement: open(refusal) })];
    const reason = 'the scanner was not confined: it has the network interface eth0';
    expect(stageResult({ name: 'sbom', steps, startedMs: 0, seconds: 1, isShared })).toMatchObject({ status, reason });
  });
}

const times: [name: string, startedMs: number, endedMs: number, cached: boolean][] = [
  ['began before the run did', 9_000, 9_999, true],
  ['began in the run', 10_001, 10_002, false],
  ['began in the run, and says that it ended long before', 10_001, 1, false],
];
for (const [name, startedMs, endedMs, cached] of times) {
  test(`a step is ${cached ? '' : 'not '}cached: ${name}`, () => {
    const record = { exitCode: 0, startedMs, endedMs };
    expect(stepResult({ stage: 'lint', name: 'biome', command: 'c', record, log: '' }, 10_000).cached).toBe(cached);
  });
}

test('a step that passed has no first errors, whatever its log says', () => {
  const record = { exitCode: 0, startedMs: 1, endedMs: 2 };
  expect(stepResult({ stage: 'lint', name: 'x', command: 'c', record, log: 'error: none' }, 0).firstErrors).toEqual([]);
});

const stages: [
  name: string,
  facts: Partial<Parameters<typeof stageResult>[0]>,
  status: string,
  reason: string | null,
][] = [
  ['all steps passed', {}, 'passed', null],
  ['a step failed', { steps: [step(), step({ name: 'tsc', exitCode: 2 })] }, 'failed', 'tsc: exit 2'],
  ['a fault that no exit code tells', { fault: 'no report' }, 'failed', 'no report'],
  [
    'a step failed by a signal',
    { steps: [step({ exitCode: 137 })] },
    'failed',
    'biome: exit 137 (SIGKILL: out of memory, perhaps)',
  ],
];
for (const [name, facts, status, reason] of stages) {
  test(`stage: ${name}`, () => {
    expect(stageResult({ name: 'lint', steps: [step()], startedMs: 0, seconds: 1, ...facts })).toMatchObject({
      status,
      reason,
    });
  });
}

const exits: [number, string][] = [
  [1, 'exit 1'],
  [127, 'exit 127'],
  [143, 'exit 143 (SIGTERM)'],
  [150, 'exit 150 (signal 22)'],
  [255, 'exit 255'],
];
for (const [code, phrase] of exits) test(`exit ${code} is phrased`, () => expect(phraseExit(code)).toBe(phrase));
