// By what a failure is known again: what differs from run to run is left out, what is of the source stays.
import { expect, test } from 'vitest';
import { fingerprintOf, isSame, normalise } from '../../../src/core/capsule/fingerprint.ts';
import { stage, step } from '../make.ts';

const rows: [error: string, normalised: string][] = [
  [
    'test/app.test.ts > answers: expected 404 to be 200 (test/app.test.ts:12:5)',
    'test/app.test.ts > answers: expected 404 to be 200 (test/app.test.ts:12:5)',
  ],
  ['timed out after 5003ms', 'timed out after <duration>'],
  ['took 1.25 s, then 3 min', 'took <duration>, then <duration>'],
  ['connect ECONNREFUSED 127.0.0.1:41873', 'connect ECONNREFUSED <address>'],
  ['listen on localhost:34567', 'listen on localhost:<port>'],
  ['at 2026-11-26T04:39:16.228Z it failed', 'at <time> it failed'],
  ['04:39:16 it failed', '<time> it failed'],
  ["ENOENT: '/tmp/vitest-3f9a/config.json'", "ENOENT: '<temporary>'"],
  [`wanted sha256:${'a'.repeat(64)}`, 'wanted <hash>'],
  ['request 3f0e1c1a-8b1c-4d9e-9b7a-2f1f0c9d8e7f', 'request <id>'],
  ['segfault at 0x7ffe12ab, pid 4711', 'segfault at <number>, pid <number>'],
  ['  two\n  lines ', 'two lines'],
  ['src/app.ts(3,7): error TS2322: no', 'src/app.ts(3,7): error TS2322: no'],
];
for (const [error, normalised] of rows)
  test(`normalised: ${error.trim()}`, () => expect(normalise(error)).toBe(normalised));

const failing = stage({
  name: 'test',
  status: 'failed',
  reason: 'service: exit 1',
  steps: [
    step({ name: 'pipeline' }),
    step({ name: 'service', exitCode: 1, firstErrors: ['a.test.ts > b: AssertionError: c'] }),
  ],
});

test('of a failed step: stage, step, exit code and first error', () =>
  expect(fingerprintOf(failing)).toEqual({
    stage: 'test',
    step: 'service',
    exitCode: 1,
    error: 'a.test.ts > b: AssertionError: c',
  }));
test('of a fault that no step tells, the reason', () =>
  expect(fingerprintOf(stage({ name: 'gate', status: 'failed', reason: 'CVE-1 in a' }))).toEqual({
    stage: 'gate',
    step: null,
    exitCode: 0,
    error: 'CVE-1 in a',
  }));
test('of a deployment, the first row that failed', () =>
  expect(
    fingerprintOf(stage({ name: 'smoke', status: 'failed', reason: '1 of 2 failed' }), {
      image: 'sha256:1',
      runtime: 'session',
      rows: [
        { name: 'healthy', status: 'passed', seconds: 1, detail: '' },
        { name: 'answers', status: 'failed', seconds: 1, detail: 'got 502' },
      ],
      noted: [],
    })?.error,
  ).toBe('answers: got 502'));
test('what passed has none', () => expect(fingerprintOf(stage({ name: 'lint', status: 'passed' }))).toBeNull());

const one = { stage: 'test', step: 'service', exitCode: 1, error: 'a' } as const;
const pairs: [name: string, other: Parameters<typeof isSame>[1], same: boolean][] = [
  ['itself', { ...one }, true],
  ['another error', { ...one, error: 'b' }, false],
  ['another exit code', { ...one, exitCode: 137 }, false],
  ['another step', { ...one, step: 'pipeline' }, false],
  ['no failure', null, false],
];
for (const [name, other, same] of pairs)
  test(`a failure and ${name}: ${same ? 'same' : 'other'}`, () => expect(isSame(one, other)).toBe(same));
