// out/scan.sarif: SARIF by its official schema, and what GitHub's code scanning wants beyond it.
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { type Decision, decideGate } from '../../../src/core/gate/decide.ts';
import type { Finding, Place } from '../../../src/core/gate/finding.ts';
import { renderSarif } from '../../../src/core/gate/sarif.ts';
import { parseTrivy } from '../../../src/core/gate/trivy.ts';
import { debian, exception, facts, finding, misconfiguration, policy, secret, statement } from './make.ts';

const FALLBACK = 'apps/api/package.json';

type Location = {
  physicalLocation: { artifactLocation: { uri: string; uriBaseId: string }; region: { startLine: number } };
};
type Result = {
  ruleId: string;
  ruleIndex: number;
  level: string;
  message: { text: string };
  locations: Location[];
  partialFingerprints: { primaryLocationLineHash: string };
  suppressions?: { kind: string; status: string; justification: string }[];
};
type Rule = {
  id: string;
  shortDescription: { text: string };
  fullDescription: { text: string };
  help: { text: string };
  properties: { tags: string[]; 'security-severity': string };
};
type Log = { version: string; runs: [{ tool: { driver: { rules: Rule[] } }; results: Result[] }] };

function decisionsOf(findings: Finding[]): Decision[] {
  const exceptions = [exception({ id: 'CVE-accepted' })];
  const vex = [statement({ vulnerabilities: ['CVE-vex'] })];
  return decideGate(facts({ findings }), policy({ exceptions }), vex).decisions;
}

const render = (...findings: Finding[]) => JSON.parse(renderSarif(decisionsOf(findings), FALLBACK).text) as Log;
const resultsOf = (...findings: Finding[]) => render(...findings).runs[0].results;

const ALL = [
  finding(),
  finding({ id: 'CVE-accepted' }),
  finding({ id: 'CVE-vex' }),
  finding({ id: 'CVE-none', severity: 'UNKNOWN', url: null, fixedIn: null, via: ['a', 'b', 'lodash'] }),
  finding({ package: { name: 'lodash', version: '3.0.0', ecosystem: 'npm', purl: 'pkg:npm/lodash@3.0.0' } }),
  debian(),
  secret(),
  misconfiguration(),
  misconfiguration({ title: 'Another', places: [{ in: 'source', file: 'a b/ü#?%.yml', line: null }] }),
];

// Its dialect, draft 4, is not Ajv's; it uses nothing of it that draft 7 has otherwise.
const {
  $schema: _dialect,
  id: _id,
  ...schema
} = JSON.parse(readFileSync(new URL('../../fixtures/sarif/sarif-schema-2.1.0.json', import.meta.url), 'utf8'));
// Ajv brings no formats; these two are all that the schema checks of what is written here.
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addFormat('uri', (text: string) => URL.canParse(text));
ajv.addFormat('uri-reference', (text: string) => URL.canParse(text, 'https://example.org/'));
ajv.addFormat('date-time', true);
const validate = ajv.compile(schema);

const recorded = JSON.stringify(
  JSON.parse(readFileSync(new URL('../../fixtures/trivy/source-0.74.0.json', import.meta.url), 'utf8')),
);
const logs: [name: string, findings: Finding[]][] = [
  ['nothing', []],
  ['one of each', ALL],
  ['what Trivy really found', parseTrivy(recorded, { of: 'source' }).findings],
];
for (const [name, findings] of logs) {
  test(`SARIF by its schema: ${name}`, () => {
    validate(render(...findings));
    expect(validate.errors ?? []).toEqual([]);
  });

  test(`what GitHub wants: ${name}`, () => {
    const { version, runs } = render(...findings);
    const [{ tool, results }] = runs;
    const { rules } = tool.driver;
    expect(version).toBe('2.1.0');
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    for (const { shortDescription, fullDescription, help, properties } of rules) {
      for (const { text } of [shortDescription, fullDescription, help]) expect(text).toMatch(/\S/);
      expect(properties.tags).toContain('security');
      expect(properties['security-severity']).toMatch(/^\d\.\d$/);
    }
    for (const { ruleId, ruleIndex, message, locations } of results) {
      expect(rules[ruleIndex]?.id).toBe(ruleId);
      expect(message.text).toMatch(/\S/);
      expect(locations.length).toBeGreaterThan(0);
      for (const { physicalLocation } of locations) {
        expect(physicalLocation.artifactLocation.uri).toMatch(/^[^/]/);
        expect(physicalLocation.region.startLine).toBeGreaterThan(0);
      }
    }
    const hashes = results.map(({ partialFingerprints }) => partialFingerprints.primaryLocationLineHash);
    expect(new Set(results.map(({ ruleId }, index) => `${ruleId} ${hashes[index]}`)).size).toBe(results.length);
  });
}

test('the schema is one that refuses', () => {
  const { runs, ...rest } = render(finding());
  expect(validate({ ...rest, runs: [{ ...runs[0], results: [{ message: 'no object' }] }] })).toBe(false);
});

const fingerprint = (given: Finding) => resultsOf(given)[0]?.partialFingerprints.primaryLocationLineHash;
const stable: [name: string, before: Finding, after: Finding, isSame: boolean][] = [
  ['a line moves', secret(), secret({ places: [{ in: 'source', file: 'service/settings.env', line: 90 }] }), true],
  [
    'a version moves, and still has it',
    finding(),
    finding({ package: { name: 'lodash', version: '4.17.5', ecosystem: 'npm', purl: 'pkg:npm/lodash@4.17.5' } }),
    true,
  ],
  [
    'it is found in one more lock file',
    finding(),
    finding({ places: [{ in: 'source', file: 'package-lock.json', line: 1 }] }),
    true,
  ],
  ['a title is written anew', finding(), finding({ title: 'It is wronger' }), true],
  ['another vulnerability', finding(), finding({ id: 'CVE-2026-0002' }), false],
  ['another package', finding(), debian({ id: 'CVE-2026-0001' }), false],
  ['another file', secret(), secret({ places: [{ in: 'source', file: 'other.env', line: 2 }] }), false],
  ['another thing wrong in the same file', misconfiguration(), misconfiguration({ title: 'Another' }), false],
];
for (const [name, before, after, isSame] of stable) {
  test(`fingerprint: ${name}: ${isSame ? 'the same alert' : 'another alert'}`, () => {
    expect(fingerprint(before)).toMatch(/^[0-9a-f]{32}:1$/);
    expect(fingerprint(before) === fingerprint(after)).toBe(isSame);
  });
}

test('what somebody accepted is suppressed, with why; nothing else is', () => {
  const suppressed = resultsOf(...ALL).filter(({ suppressions }) => suppressions !== undefined);
  expect(suppressed.map(({ ruleId, suppressions }) => [ruleId, suppressions])).toEqual([
    [
      'CVE-accepted',
      [
        {
          kind: 'external',
          status: 'accepted',
          justification: 'accepted by platform until 2026-12-31: nothing calls it',
        },
      ],
    ],
    [
      'CVE-vex',
      [
        {
          kind: 'external',
          status: 'accepted',
          justification: 'not_affected says policy/vex/own.json:9: vulnerable_code_not_in_execute_path',
        },
      ],
    ],
  ]);
});

const source = (file: string, line: number | null = 3): Place => ({ in: 'source', file, line });
const places: [name: string, places: Place[], shown: [uri: string, line: number][]][] = [
  ['a line of the repository', [source('a/b.ts')], [['a/b.ts', 3]]],
  ['no line is the first', [source('a/b.ts', null)], [['a/b.ts', 1]]],
  ['letters that an address has for itself', [source('a b/ü#?%.ts')], [['a%20b/%C3%BC%23%3F%25.ts', 3]]],
  ['the image alone: where the base is named', [{ in: 'image', file: 'app/x', line: 3 }], [[FALLBACK, 1]]],
  ['image and repository', [source('a'), { in: 'image', file: 'app/x', line: 3 }], [['a', 3]]],
  ['above the repository', [source('../secrets.env')], [[FALLBACK, 1]]],
  ['above it, by a detour', [source('a/../../secrets.env')], [[FALLBACK, 1]]],
  ['the root of the machine', [source('/etc/passwd')], [[FALLBACK, 1]]],
  ['nowhere', [], [[FALLBACK, 1]]],
];
for (const [name, given, shown] of places) {
  test(`location: ${name}`, () => {
    const locations = resultsOf(secret({ places: given }))[0]?.locations ?? [];
    expect(
      locations.map(({ physicalLocation: { artifactLocation, region } }) => [artifactLocation.uri, region.startLine]),
    ).toEqual(shown);
    for (const { physicalLocation } of locations) expect(physicalLocation.artifactLocation.uriBaseId).toBe('%SRCROOT%');
  });
}

test('a message says what, where from, how to fix it, and why it counts', () => {
  expect(resultsOf(finding({ via: ['express', 'lodash'] }))[0]?.message.text).toBe(
    'It is wrong: lodash 4.17.4, brought by express > lodash; fixed in 4.17.21 (HIGH counts from HIGH)',
  );
});

test('equal findings make equal bytes', () => {
  expect(renderSarif(decisionsOf([...ALL].reverse()), FALLBACK)).toEqual(renderSarif(decisionsOf(ALL), FALLBACK));
});

// docs.github.com, "SARIF support for code scanning", "Uploading more than the limits".
describe('limits of GitHub', () => {
  const many = (count: number, over: Partial<Finding> = {}) =>
    Array.from({ length: count }, (_, index) => finding({ id: `CVE-2026-${10_000 + index}`, ...over }));

  test('25,000 results: the open ones stay, and what was cut is said', () => {
    const decisions = decisionsOf([...many(24_999), finding({ id: 'CVE-accepted' }), finding({ id: 'CVE-vex' })]);
    const { text, cut } = renderSarif(decisions, FALLBACK);
    const [run] = (JSON.parse(text) as { runs: [{ results: Result[]; invocations: unknown }] }).runs;
    expect(run.results).toHaveLength(25_000);
    expect(run.results.filter(({ suppressions }) => suppressions !== undefined)).toHaveLength(1);
    expect(cut).toEqual(['scan.sarif holds 25000 of 25001 findings, as GitHub takes no more']);
    expect(run.invocations).toEqual([
      { executionSuccessful: true, toolExecutionNotifications: [{ level: 'warning', message: { text: cut[0] } }] },
    ]);
  });

  test('1,000 places of a result', () => {
    const places = Array.from({ length: 1001 }, (_, line) => ({
      in: 'source' as const,
      file: 'a.lock',
      line: line + 1,
    }));
    const { text, cut } = renderSarif(decisionsOf([finding({ places })]), FALLBACK);
    expect((JSON.parse(text) as Log).runs[0].results[0]?.locations).toHaveLength(1000);
    // Held to the schema here: that of 25,000 takes minutes, as it compares each with each.
    validate(JSON.parse(text));
    expect(validate.errors ?? []).toEqual([]);
    expect(cut).toEqual([
      'scan.sarif names 1000 of the places of CVE-2026-0001 in lodash 4.17.4, as GitHub takes no more',
    ]);
  });

  test('as many as it takes are all there, and nothing is said', () => {
    const { text, cut } = renderSarif(decisionsOf(many(25_000)), FALLBACK);
    expect((JSON.parse(text) as Log).runs[0].results).toHaveLength(25_000);
    expect(cut).toEqual([]);
  });
});

describe('what somebody, or the policy, answers for', () => {
  const given = [
    finding(),
    finding({ id: 'CVE-accepted' }),
    finding({ id: 'CVE-vex' }),
    finding({ id: 'CVE-dev', dev: true }),
  ];

  test('is suppressed, and does not alarm', () => {
    const found = resultsOf(...given).map(({ ruleId, level, suppressions }) => [
      ruleId,
      level,
      suppressions?.length ?? 0,
    ]);
    expect(Object.fromEntries(found.map(([id, ...rest]) => [id, rest]))).toEqual({
      'CVE-2026-0001': ['error', 0],
      'CVE-accepted': ['note', 1],
      'CVE-vex': ['note', 1],
      'CVE-dev': ['note', 1],
    });
  });

  test('is left out where the policy says so', () => {
    const { text } = renderSarif(decisionsOf(given), FALLBACK, 'open');
    expect((JSON.parse(text) as Log).runs[0].results.map(({ ruleId }) => ruleId)).toEqual(['CVE-2026-0001']);
  });
});
