// The verdict in the words of the result model: what blocks, whose turn it is, and how many came out how.
import { expect, test } from 'vitest';
import type { Finding } from '../../../src/core/gate/finding.ts';
import { gateResult, phraseOutcomes } from '../../../src/core/gate/result.ts';
import { decideInputs } from '../../../src/core/gate/verdict.ts';
import { debian, finding, inputs, secret } from './make.ts';

function account(...findings: Finding[]) {
  const given = inputs({ findings });
  const licences = ['notice', '', 'notice', 'restricted'].map((category) => ({ name: 'x', package: 'y', category }));
  return gateResult({ verdict: decideInputs(given), inputs: given, policyChanges: ['policy/gate.yaml'], licences });
}

type Place = { file: string; line: number } | null;

const rows: [name: string, finding: Finding, thing: string, from: string, place: Place][] = [
  [
    'a direct dependency',
    finding(),
    'lodash 4.17.4',
    'service/package-lock.json:7',
    { file: 'service/package-lock.json', line: 7 },
  ],
  [
    'what a dependency brought',
    finding({ via: ['express', 'qs', 'lodash'] }),
    'lodash 4.17.4',
    'express > qs > lodash (service/package-lock.json:7)',
    { file: 'service/package-lock.json', line: 7 },
  ],
  ['the base image', debian(), 'openssl 3.5.0', 'the base image', null],
  ['a secret', secret(), 'service/settings.env:2', 'service/settings.env:2', { file: 'service/settings.env', line: 2 }],
  [
    'a secret in the image',
    secret({ layer: 'base', places: [{ in: 'image', file: 'etc/key', line: null }] }),
    'image:/etc/key',
    'image:/etc/key',
    null,
  ],
];
for (const [name, given, thing, from, place] of rows)
  test(`row: ${name}`, () => expect(account(given).blocking).toMatchObject([{ thing, from, place }]));

test('only what blocks is a row; all are counted', () => {
  const result = account(finding(), finding({ id: 'CVE-low', severity: 'LOW' }), finding({ id: 'CVE-dev', dev: true }));
  expect(result.blocking.map(({ id }) => id)).toEqual(['CVE-2026-0001']);
  expect(result.outcomes).toEqual({ below: 1, blocks: 1, development: 1 });
});

test('licences are counted by category, and gate nothing', () => {
  expect(account()).toMatchObject({ status: 'passed', licences: { notice: 2, restricted: 1, unknown: 1 } });
});

test('what the record says is handed on', () => {
  const { database, policyFrom, policyChanges, rehearsal } = account();
  expect([database, policyFrom, policyChanges, rehearsal]).toEqual([
    inputs().database,
    'the working tree',
    ['policy/gate.yaml'],
    false,
  ]);
});

const remarks: [findings: Finding[], remark: string][] = [
  [[], 'no findings'],
  [[finding()], '1 finding: 1 blocking'],
  [[finding(), secret(), finding({ id: 'CVE-low', severity: 'LOW' })], '3 findings: 1 below the threshold, 2 blocking'],
];
for (const [findings, remark] of remarks)
  test(`remark: ${remark}`, () => expect(phraseOutcomes(decideInputs(inputs({ findings })).decisions)).toBe(remark));
