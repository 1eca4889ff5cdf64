// Trivy's reports: real ones of an old and of the current Trivy, and every kind of broken one, which is never taken for an empty one.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { judgeBait } from '../../../src/core/gate/bait.ts';
import { type Finding, keyOf, mergeFindings, phrasePlace } from '../../../src/core/gate/finding.ts';
import { BadReport, parseTrivy, type ReportScope } from '../../../src/core/gate/trivy.ts';

const SOURCE: ReportScope = { of: 'source' };
const VERSIONS = ['0.44.1', '0.74.0'];

const FIXTURES = new URL('../../fixtures/trivy/', import.meta.url);

function recorded(name: string, version: string): string {
  return readFileSync(new URL(`${name}-${version}.json`, FIXTURES), 'utf8');
}

const lines = (findings: readonly Finding[]) =>
  findings.map((finding) => `${finding.severity} ${finding.id} ${phrasePlace(finding.places[0])}`);

test('what else GitHub calls a vulnerability', () => {
  const found = parseTrivy(recorded('source', '0.74.0'), SOURCE).findings.filter(({ package: of }) => of !== null);
  expect(found.map(({ aliases }) => aliases)).toEqual([
    ['GHSA-jf85-cpcp-j695'],
    ['GHSA-35jh-r3h4-6jhm'],
    ['GHSA-xvch-5gv4-984h'],
  ]);
});

for (const version of VERSIONS) {
  test(`the source, by Trivy ${version}: packages, the ones of development too`, () => {
    const { findings } = parseTrivy(recorded('source', version), SOURCE);
    const found = findings.filter(({ kind }) => kind === 'vulnerability');
    expect(found.map(({ id, package: found, fixedIn }) => [id, found?.purl, found?.ecosystem, fixedIn])).toEqual([
      ['CVE-2019-10744', 'pkg:npm/lodash@4.17.4', 'npm', '4.17.12'],
      ['CVE-2021-23337', 'pkg:npm/lodash@4.17.4', 'npm', '4.17.21'],
      ['CVE-2021-44906', 'pkg:npm/minimist@0.0.8', 'npm', '1.2.6, 0.2.4'],
    ]);
    expect(lines(found)[0]).toBe('CRITICAL CVE-2019-10744 service/package-lock.json');
  });

  test(`the source, by Trivy ${version}: a secret, with its line and without itself`, () => {
    const report = parseTrivy(recorded('source', version), SOURCE);
    const found = report.findings.filter(({ kind }) => kind === 'secret');
    expect(lines(found)).toEqual(['CRITICAL github-pat service/settings.env:2']);
    expect(JSON.stringify(report.raw)).not.toMatch(/ghp_\w/);
  });

  test(`the source, by Trivy ${version}: misconfigurations of Dockerfile and manifest`, () => {
    const { findings } = parseTrivy(recorded('source', version), SOURCE);
    const files = findings.filter(({ id }) => !id.startsWith('DRYDOCK')).map(({ places }) => places[0]?.file);
    expect(files).toEqual(expect.arrayContaining(['Dockerfile', 'pod.yaml']));
  });

  test(`our checks, by Trivy ${version}: each finds what it is for, and nothing else`, () => {
    const { findings } = parseTrivy(recorded('source', version), SOURCE);
    const own = findings.filter(({ id }) => id.startsWith('DRYDOCK'));
    const found = own.map(({ id, title, places }) => `${places[0]?.file} ${id} ${title.replace(/^[^:]*: /, '')}`);
    expect(`${found.sort().join('\n')}\n`).toBe(readFileSync(new URL('own-checks.txt', FIXTURES), 'utf8'));
    expect(own.every(({ places }) => places[0]?.line !== null)).toBe(true);
  });

  test(`the image, by Trivy ${version}: what it is made on, licences, and nothing wrong`, () => {
    const { os, licences, findings } = parseTrivy(recorded('image', version), { of: 'image', appLayers: [] });
    expect(os).toBe('debian 13');
    expect(licences.length).toBeGreaterThan(0);
    expect(findings.filter(({ kind }) => kind !== 'misconfiguration')).toEqual([]);
  });

  // What our rules for secrets add was not asked for when these were recorded.
  test(`bait, by Trivy ${version}: all that it finds by itself`, () => {
    const { findings } = parseTrivy(recorded('bait', version), SOURCE);
    expect(judgeBait(['debian 13', 'npm'], findings)).toEqual({
      put: ['Debian 13 openssl 1.0.1e-2', 'npm lodash 4.17.4', 'a GitHub token', 'an AWS key in a test'],
      missed: ['an AWS key in a test'],
      untried: [],
    });
  });
}

test('both versions name the same packages alike', () => {
  const keys = VERSIONS.map((version) =>
    mergeFindings(['source', 'bait'].flatMap((name) => parseTrivy(recorded(name, version), SOURCE).findings))
      .filter(({ kind }) => kind !== 'misconfiguration')
      .map(keyOf),
  );
  expect(keys[0]).toEqual(keys[1]);
});

test('two reports of the same thing are the same, whatever the clock said', () => {
  const [raw] = [JSON.parse(recorded('bait', '0.74.0'))];
  const later = { ...raw, CreatedAt: '2030-01-01T00:00:00Z', ReportID: 'another' };
  expect(parseTrivy(JSON.stringify(later), SOURCE).raw).toEqual(parseTrivy(JSON.stringify(raw), SOURCE).raw);
});

test('… and whichever analyser of Trivy 0.76.0 looked at a lock file and found nothing', () => {
  const raw = JSON.parse(recorded('bait', '0.74.0'));
  const seen = { Target: 'package-lock.json', Class: 'config', Type: 'kubernetes' };
  const once = { ...seen, MisconfSummary: { Successes: 111, Failures: 0 } };
  const more = { ...raw, Results: [...raw.Results, once] };
  expect(parseTrivy(JSON.stringify(more), SOURCE).raw).toEqual(parseTrivy(JSON.stringify(raw), SOURCE).raw);
});

// ------------------------------------------------------------------------------------------------ by hand

function report(result: Record<string, unknown> = {}, over: Record<string, unknown> = {}): string {
  return JSON.stringify({
    SchemaVersion: 2,
    ArtifactName: '/scan/source',
    ArtifactType: 'filesystem',
    Results: [{ Target: 'service/package-lock.json', Class: 'lang-pkgs', Type: 'npm', ...result }],
    ...over,
  });
}

const VULNERABILITY = {
  VulnerabilityID: 'CVE-2026-0001',
  PkgName: 'lodash',
  InstalledVersion: '4.17.4',
  Severity: 'HIGH',
};
const SECRET = { RuleID: 'github-pat', Severity: 'CRITICAL', Title: 'A token', StartLine: 2 };
const MISCONFIGURATION = { ID: 'DS001', Severity: 'LOW', Title: 'It is wrong', Status: 'FAIL' };

const without = (entry: Record<string, unknown>, key: string) => ({ ...entry, [key]: undefined });

const bad: [name: string, text: string, message: RegExp][] = [
  ['empty', '', /^the report is empty$/],
  ['blank', ' \n', /^the report is empty$/],
  ['cut off', report().slice(0, -5), /^the report is not JSON$/],
  ['an error message', 'FATAL error in image scan', /^the report is not JSON$/],
  ['null', 'null', /^the report is not an object$/],
  ['a list', '[]', /^the report is not an object$/],
  ['an object of nothing', '{}', /^the report has schema undefined, not 2$/],
  ['another schema', report({}, { SchemaVersion: 1 }), /^the report has schema 1, not 2$/],
  ['its schema as a text', report({}, { SchemaVersion: '2' }), /^the report has schema "2", not 2$/],
  ['about nothing', report({}, { ArtifactName: undefined }), /^the report does not say what was scanned$/],
  [
    'about an image',
    report({}, { ArtifactType: 'container_image' }),
    /^the report is about a container_image, not the source$/,
  ],
  [
    'about no kind of thing',
    report({}, { ArtifactType: undefined }),
    /^the report is about a nothing, not the source$/,
  ],
  ['results that are no list', report({}, { Results: {} }), /^Results in the report is not a list$/],
  ['results that are a text', report({}, { Results: '' }), /^Results in the report is not a list$/],
  ['results that are a flag', report({}, { Results: false }), /^Results in the report is not a list$/],
  ['a result that is none', report({}, { Results: [null] }), /^the report holds an entry that is not an object$/],
  [
    'vulnerabilities that are no list',
    report({ Vulnerabilities: 'none' }),
    /^Vulnerabilities in the report is not a list$/,
  ],
  ['secrets that are no list', report({ Secrets: {} }), /^Secrets in the report is not a list$/],
  [
    'misconfigurations that are no list',
    report({ Misconfigurations: 0 }),
    /^Misconfigurations in the report is not a list$/,
  ],
  ['licences that are no list', report({ Licenses: {} }), /^Licenses in the report is not a list$/],
  ['a vulnerability that is a text', report({ Vulnerabilities: ['CVE-1'] }), /not an object$/],
  ['a vulnerability that is a list', report({ Vulnerabilities: [[]] }), /not an object$/],
  ...['VulnerabilityID', 'PkgName', 'InstalledVersion', 'Severity'].map((key): [string, string, RegExp] => [
    `a vulnerability without ${key}`,
    report({ Vulnerabilities: [without(VULNERABILITY, key)] }),
    new RegExp(`^a finding lacks ${key}: `),
  ]),
  ...['RuleID', 'Severity'].map((key): [string, string, RegExp] => [
    `a secret without ${key}`,
    report({ Secrets: [without(SECRET, key)] }),
    new RegExp(`^a finding lacks ${key}: `),
  ]),
  [
    'a misconfiguration without an id',
    report({ Misconfigurations: [without(MISCONFIGURATION, 'ID')] }),
    /^a finding lacks AVDID: /,
  ],
  [
    'a misconfiguration without a severity',
    report({ Misconfigurations: [without(MISCONFIGURATION, 'Severity')] }),
    /^a finding lacks Severity: /,
  ],
  [
    'an id that is a number',
    report({ Vulnerabilities: [{ ...VULNERABILITY, VulnerabilityID: 7 }] }),
    /^a finding lacks VulnerabilityID: /,
  ],
  [
    'a severity that is none',
    report({ Vulnerabilities: [{ ...VULNERABILITY, Severity: 'NEGLIGIBLE' }] }),
    /^a finding has the severity "NEGLIGIBLE"$/,
  ],
  [
    'a severity in small letters',
    report({ Secrets: [{ ...SECRET, Severity: 'critical' }] }),
    /^a finding has the severity "critical"$/,
  ],
  [
    'fewer misconfigurations than are counted',
    report({ Misconfigurations: [MISCONFIGURATION], MisconfSummary: { Successes: 1, Failures: 2 } }),
    /^service\/package-lock\.json has 2 misconfigurations, but 1 are listed$/,
  ],
];
for (const [name, text, message] of bad) {
  test(`no report: ${name}`, () => {
    expect(() => parseTrivy(text, SOURCE)).toThrow(BadReport);
    expect(() => parseTrivy(text, SOURCE)).toThrow(message);
  });
}

test('the report of a folder is not one of an image', () => {
  expect(() => parseTrivy(report(), { of: 'image', appLayers: [] })).toThrow('about a filesystem, not the image');
});

const one = (result: Record<string, unknown>, scope: ReportScope = SOURCE): Finding | undefined => {
  const kind = scope.of === 'image' ? 'container_image' : 'filesystem';
  return parseTrivy(report(result, { ArtifactType: kind }), scope).findings[0];
};
const IMAGE: ReportScope = { of: 'image', appLayers: ['sha256:app'] };

const details: [name: string, finding: Finding | undefined, expected: Partial<Finding>][] = [
  [
    'no title: its description',
    one({ Vulnerabilities: [{ ...VULNERABILITY, Description: 'It\n is wrong' }] }),
    { title: 'It is wrong' },
  ],
  ['neither: its id', one({ Vulnerabilities: [VULNERABILITY] }), { title: 'CVE-2026-0001', url: null, fixedIn: null }],
  [
    'a title that is a book',
    one({ Vulnerabilities: [{ ...VULNERABILITY, Title: 'x'.repeat(500) }] }),
    { title: `${'x'.repeat(159)}…` },
  ],
  [
    'a title that moves the cursor',
    one({ Secrets: [{ ...SECRET, Title: 'a\u001b[2J\u202eb' }] }),
    { title: 'a [2J b' },
  ],
  [
    'an address that is none',
    one({ Vulnerabilities: [{ ...VULNERABILITY, PrimaryURL: 'javascript:alert(1)' }] }),
    { url: null },
  ],
  [
    'an address',
    one({ Vulnerabilities: [{ ...VULNERABILITY, PrimaryURL: 'https://example.org/x' }] }),
    { url: 'https://example.org/x' },
  ],
  [
    'a scoped package, by no package URL',
    one({ Vulnerabilities: [{ ...VULNERABILITY, PkgName: '@a/b' }] }),
    { package: { name: '@a/b', version: '4.17.4', ecosystem: 'npm', purl: 'pkg:npm/%40a/b@4.17.4' } },
  ],
  [
    'a Debian package, by no package URL',
    one(
      {
        Class: 'os-pkgs',
        Type: 'debian',
        Vulnerabilities: [{ ...VULNERABILITY, PkgName: 'zlib1g', InstalledVersion: '1:1.2' }],
      },
      IMAGE,
    ),
    {
      package: { name: 'zlib1g', version: '1:1.2', ecosystem: 'deb', purl: 'pkg:deb/debian/zlib1g@1%3A1.2' },
      places: [{ in: 'image', file: 'var/lib/dpkg', line: null }],
    },
  ],
  [
    'a package of the base',
    one(
      { Class: 'os-pkgs', Type: 'debian', Vulnerabilities: [{ ...VULNERABILITY, Layer: { DiffID: 'sha256:base' } }] },
      IMAGE,
    ),
    { layer: 'base' },
  ],
  [
    'a package of ours, with its file',
    one(
      { Vulnerabilities: [{ ...VULNERABILITY, PkgPath: '/app/x/package.json', Layer: { DiffID: 'sha256:app' } }] },
      IMAGE,
    ),
    { layer: 'app', places: [{ in: 'image', file: 'app/x/package.json', line: null }] },
  ],
  [
    'a secret of no line',
    one({ Secrets: [{ ...SECRET, StartLine: 0 }] }),
    { places: [{ in: 'source', file: 'service/package-lock.json', line: null }] },
  ],
  [
    'a misconfiguration by its old id',
    one({ Misconfigurations: [{ ...without(MISCONFIGURATION, 'ID'), AVDID: 'AVD-DS-0001' }] }),
    { id: 'AVD-DS-0001' },
  ],
  [
    'what is wrong, after its rule',
    one({ Misconfigurations: [{ ...MISCONFIGURATION, Message: 'here' }] }),
    { title: 'It is wrong: here' },
  ],
  [
    'a misconfiguration without a word',
    one({ Misconfigurations: [without(MISCONFIGURATION, 'Title')] }),
    { title: 'DS001' },
  ],
  [
    'one that is excused counts',
    one({ Misconfigurations: [{ ...MISCONFIGURATION, Status: 'EXCEPTION' }] }),
    { id: 'DS001' },
  ],
  ['one of no status counts', one({ Misconfigurations: [without(MISCONFIGURATION, 'Status')] }), { id: 'DS001' }],
];
for (const [name, finding, expected] of details) test(`detail: ${name}`, () => expect(finding).toMatchObject(expected));

test('what passed is no finding, and absent lists are empty ones', () => {
  const passed = report({ Misconfigurations: [{ ...MISCONFIGURATION, Status: 'PASS' }], Vulnerabilities: null });
  expect(parseTrivy(passed, SOURCE).findings).toEqual([]);
  expect(parseTrivy(report({}, { Results: undefined }), SOURCE)).toMatchObject({
    findings: [],
    licences: [],
    os: null,
  });
});
