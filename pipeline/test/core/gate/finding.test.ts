// Findings as such: what makes two the same, their order, and how they are called.
import { expect, test } from 'vitest';
import {
  compareFindings,
  type Finding,
  keyOf,
  mergeFindings,
  phrasePlace,
  phraseThing,
} from '../../../src/core/gate/finding.ts';
import { debian, finding, misconfiguration, secret } from './make.ts';

const keys: [name: string, finding: Finding, key: string][] = [
  ['a package', finding(), 'vulnerability CVE-2026-0001 npm/lodash@4.17.4'],
  ['a secret', secret(), 'secret github-pat service/settings.env'],
  [
    'a secret in the image',
    secret({ places: [{ in: 'image', file: 'app/settings.env', line: 2 }] }),
    'secret github-pat image:/app/settings.env',
  ],
  [
    'a misconfiguration, by what is wrong',
    misconfiguration(),
    'misconfiguration DRYDOCK-C001 docker-compose.yml: A compose service is privileged: service "a" is privileged',
  ],
  ['a secret of no place', secret({ places: [] }), 'secret github-pat '],
];
for (const [name, given, key] of keys) test(`key: ${name}`, () => expect(keyOf(given)).toBe(key));

const lock = (file: string, line: number) => ({ in: 'source' as const, file, line });
const merged: [name: string, findings: Finding[], expected: Partial<Finding>[]][] = [
  ['two of a kind are one', [finding(), finding()], [finding()]],
  ['another version is another', [finding(), finding({ package: { ...lodash(), version: '3.0.0' } })], [{}, {}]],
  [
    'with the places of both, those of the repository first',
    [
      finding({ places: [{ in: 'image', file: 'app/x', line: null }] }),
      finding({ places: [lock('b', 1)] }),
      finding({ places: [lock('a', 10), lock('a', 9)] }),
    ],
    [{ places: [lock('a', 9), lock('a', 10), lock('b', 1), { in: 'image', file: 'app/x', line: null }] }],
  ],
  ['the worse severity holds', [finding(), finding({ severity: 'CRITICAL' })], [{ severity: 'CRITICAL' }]],
  ['what ships holds', [finding({ dev: true }), finding({ dev: false })], [{ dev: false }]],
  ['what is in the image holds', [finding({ layer: null }), finding({ layer: 'app' })], [{ layer: 'app' }]],
  ['a fix that one of them knows', [finding({ fixedIn: null }), finding({ fixedIn: '5' })], [{ fixedIn: '5' }]],
  ['a chain that one of them knows', [finding({ via: [] }), finding({ via: ['a', 'b'] })], [{ via: ['a', 'b'] }]],
];
for (const [name, findings, expected] of merged) {
  test(`merge: ${name}`, () => {
    for (const order of [findings, [...findings].reverse()]) {
      const result = mergeFindings(order);
      expect(result.length).toBe(expected.length);
      expect(result).toMatchObject(expected);
    }
  });
}

function lodash() {
  return { name: 'lodash', version: '4.17.4', ecosystem: 'npm', purl: 'pkg:npm/lodash@4.17.4' };
}

test('the worst comes first, then names in the order of code points', () => {
  const findings = [
    finding({ id: 'b' }),
    finding({ id: 'B' }),
    finding({ id: 'z', severity: 'CRITICAL' }),
    finding({ id: 'a', severity: 'LOW' }),
  ];
  expect(findings.sort(compareFindings).map(({ id }) => id)).toEqual(['z', 'B', 'b', 'a']);
});

const things: [finding: Finding, thing: string][] = [
  [finding(), 'lodash 4.17.4'],
  [debian(), 'openssl 3.5.0'],
  [secret(), 'service/settings.env:2'],
  [secret({ places: [{ in: 'image', file: 'app/x', line: null }] }), 'image:/app/x'],
  [secret({ places: [] }), 'an unknown place'],
];
for (const [given, thing] of things) test(`called ${thing}`, () => expect(phraseThing(given)).toBe(thing));

test('a place without a line is its file', () =>
  expect(phrasePlace({ in: 'source', file: 'a', line: null })).toBe('a'));
