// How scanners are called, what bait they are given, and whose word a database has.
import { expect, test } from 'vitest';
import { baitFiles, judgeBait } from '../../../src/core/gate/bait.ts';
import { type Lookup, originOf } from '../../../src/core/gate/database.ts';
import type { DatabaseFacts } from '../../../src/core/gate/decide.ts';

import { type DatabasePolicy, DEFAULT_POLICY } from '../../../src/core/gate/policy.ts';
import {
  SCAN,
  scannerVersion,
  secretConfiguration,
  syftArguments,
  type TrivyScan,
  trivyArguments,
} from '../../../src/core/gate/scanners.ts';
import { debian, finding, secret } from './make.ts';

// ------------------------------------------------------------------------------------------------ arguments

const trivy = (over: Partial<TrivyScan> = {}) =>
  trivyArguments({
    version: '0.74.0',
    of: 'source',
    path: '/scan/source',
    output: '/out/report.json',
    hasDatabase: true,
    hasChecks: true,
    ...over,
  }).join(' ');

const versions = ['0.44.1', '0.53.0', '0.54.0', '0.74.0', '1.0.0'];
for (const version of versions) {
  for (const of of ['image', 'source', 'bait'] as const) {
    test(`trivy ${version} is told to ask nobody, about ${of}`, () => {
      const line = trivy({ version, of });
      for (const option of ['--offline-scan', '--skip-db-update', '--skip-java-db-update', '--format json'])
        expect(line).toContain(option);
      expect(line).toMatch(/--skip-(check|policy)-update/);
      // What counts is the policy's to say, not what a scanner was not asked for.
      expect(line).not.toMatch(/--severity|--ignore|--exit-code|--vex|--config /);
    });
  }
}

const calls: [name: string, over: Partial<TrivyScan>, holds: RegExp][] = [
  [
    'an image',
    { of: 'image', path: '/scan/image' },
    /^image --input \/scan\/image --image-config-scanners misconfig,secret .* --scanners vuln,secret,license /,
  ],
  ['a source', {}, /^fs \/scan\/source --include-dev-deps .* --scanners vuln,secret,misconfig,license /],
  ['bait', { of: 'bait', path: '/scan/bait' }, /^rootfs \/scan\/bait .* --scanners vuln,secret /],
  ['no database', { hasDatabase: false }, / --scanners secret,misconfig,license /],
  [
    'our checks',
    {},
    / --skip-check-update --config-check \/scan\/checks --check-namespaces user --file-patterns kubernetes:/,
  ],
  [
    'an old one',
    { version: '0.44.1' },
    / --scanners vuln,secret,config,license .* --skip-policy-update --config-policy \/scan\/checks --policy-namespaces user --file-patterns kubernetes:/,
  ],
];
for (const [name, over, holds] of calls) test(`trivy: ${name}`, () => expect(trivy(over)).toMatch(holds));

for (const [name, over] of [
  ['no checks', { hasChecks: false }],
  ['an image', { of: 'image' }],
  ['bait', { of: 'bait' }],
] as const)
  test(`trivy: ${name}, and no checks of ours`, () =>
    expect(trivy(over)).not.toMatch(/--config-check|--file-patterns/));

// Trivy 0.75, pkg/fanal/secret/builtin-allow-rules.go: each is by the path alone, which whoever writes a file chooses.
const BY_PATH =
  'dist-info tests examples vendor usr-dirs locale-dir markdown node.js golang python rubygems wordpress anaconda-log';
test.for(['source', 'bait'] as const)('in the %s no path excuses a secret', (of) => {
  const { 'disable-allow-rules': off } = JSON.parse(secretConfiguration(of));
  expect([...off].sort()).toEqual(BY_PATH.split(' ').sort());
});

test('our checks leave Kubernetes to Trivy: read as YAML too, a manifest would lose what Trivy finds in it', () =>
  expect(trivy()).not.toContain('--misconfig-scanners'));

const patterns = [...trivy().matchAll(/--file-patterns kubernetes:(\S+)/g)].map(
  ([, pattern = '']) => new RegExp(pattern),
);
const files: [path: string, isChecked: boolean][] = [
  ['docker-compose.yml', true],
  ['deploy/compose.yaml', true],
  ['docker-compose.override.yml', true],
  ['.github/workflows/ci.yml', true],
  ['.github/workflows/ci.yaml', true],
  ['.github/dependabot.yml', false],
  ['docker-compose.yml.txt', false],
  ['workflows/ci.yml', false],
];
for (const [path, isChecked] of files) {
  test(`${path} is ${isChecked ? 'checked' : 'nothing to our checks'}`, () =>
    expect(patterns.some((pattern) => pattern.test(path))).toBe(isChecked));
}

test('syft describes the image and the source, each by its name', () => {
  expect(syftArguments('image', 'drydock-service', '/out').join(' ')).toBe(
    `scan oci-dir:${SCAN.image} --source-name drydock-service --quiet --output spdx-json=/out/sbom.spdx.json --output cyclonedx-json=/out/sbom.cdx.json`,
  );
  expect(syftArguments('source', 'x', '/out')[1]).toBe(`dir:${SCAN.source}`);
});

const scanners: [image: string, standIn: string | null, version: string][] = [
  ['docker.io/aquasec/trivy:0.75.0', null, '0.75.0'],
  ['docker.io/anchore/syft:v1.18.1', null, '1.18.1'],
  ['docker.io/aquasec/trivy:0.75.0', 'aquasec/trivy:0.75.0, holding Trivy 0.44.1', '0.44.1'],
  ['docker.io/aquasec/trivy:0.75.0', 'aquasec/trivy:0.75.0, assembled', '0.75.0'],
  ['docker.io/aquasec/trivy', null, 'unknown'],
];
for (const [image, standIn, version] of scanners)
  test(`${standIn ?? image} is ${version}`, () => expect(scannerVersion(image, standIn)).toBe(version));

// ------------------------------------------------------------------------------------------------ bait

test('bait for an image: a package of each kind, and a secret', () => {
  const files = baitFiles(['debian 13', 'npm']);
  expect([...files.keys()]).toEqual([
    'etc/debian_version',
    'etc/os-release',
    'var/lib/dpkg/status',
    'app/node_modules/lodash/package.json',
    'app/settings.env',
    'app/test/vendor/example.test.ts',
  ]);
  expect(files.get('etc/os-release')).toContain('VERSION_ID="13"');
  expect(files.get('app/settings.env')).toMatch(/^GITHUB_TOKEN=ghp_[0-9a-f]{36}\n$/);
});

const lodash = finding();
const secrets = [secret(), secret({ id: 'aws-access-key-id-in-quotes' })];
const baits: [
  name: string,
  ecosystems: string[],
  findings: ReturnType<typeof finding>[],
  missed: string[],
  untried: string[],
][] = [
  ['all found', ['debian 13', 'npm'], [debian(), lodash, ...secrets], [], []],
  [
    'nothing found',
    ['debian 13', 'npm'],
    [],
    ['Debian 13 openssl 1.0.1e-2', 'npm lodash 4.17.4', 'a GitHub token', 'an AWS key in a test'],
    [],
  ],
  ['packages only', ['npm'], [lodash], ['a GitHub token', 'an AWS key in a test'], []],
  ['secrets only', ['npm'], secrets, ['npm lodash 4.17.4'], []],
  ['another secret', [], [secret({ id: 'slack-access-token' })], ['a GitHub token', 'an AWS key in a test'], []],
  ['tokens of GitHub only', [], [secret()], ['an AWS key in a test'], []],
  [
    'a lodash of another kind',
    ['npm'],
    [debian({ package: { ...debian().package, name: 'lodash' } as never }), ...secrets],
    ['npm lodash 4.17.4'],
    [],
  ],
  [
    'a secret that is called lodash',
    ['npm'],
    [...secrets, secret({ package: lodash.package })],
    ['npm lodash 4.17.4'],
    [],
  ],
  ['an ecosystem without bait', ['npm', 'pip'], [lodash, ...secrets], [], ['pip']],
  ['one that every object has', ['constructor'], secrets, [], ['constructor']],
  ['Debian of no release', ['debian'], secrets, [], ['debian']],
];
for (const [name, ecosystems, findings, missed, untried] of baits)
  test(`bait: ${name}`, () => expect(judgeBait(ecosystems, findings)).toMatchObject({ missed, untried }));

// ------------------------------------------------------------------------------------------------ whose word

const SHA = `sha256:${'e'.repeat(64)}`;
const lookup = (over: Partial<Lookup> = {}): Lookup => ({
  reference: 'ghcr.io/aquasecurity/trivy-db:2',
  registry: 'ghcr.io',
  digest: `sha256:${'d'.repeat(64)}`,
  from: 'registry',
  reason: null,
  ...over,
});
const origins: [
  name: string,
  lookup: Lookup | null,
  policy: Partial<DatabasePolicy>,
  origin: DatabaseFacts['origin'],
][] = [
  ['an official registry', lookup(), {}, 'official'],
  ['what it said when last asked', lookup({ from: 'memory' }), {}, 'other'],
  ['… of a host on the list', lookup({ from: 'memory' }), { official: ['ghcr.io'] }, 'other'],
  ['… of a digest that is listed', lookup({ from: 'memory' }), { listed: [`sha256:${'d'.repeat(64)}`] }, 'listed'],
  [
    'one with a digest for a tag',
    lookup({ reference: 'ghcr.io/aquasecurity/trivy-db:2', digest: SHA }),
    {},
    'official',
  ],
  ['another repository of its host', lookup({ reference: 'ghcr.io/somebody/trivy-db:2' }), {}, 'other'],
  ['a repository whose name begins alike', lookup({ reference: 'ghcr.io/aquasecurity/trivy-db-mine:2' }), {}, 'other'],
  ['another host', lookup({ reference: 'example.org/aquasecurity/trivy-db:2', registry: 'example.org' }), {}, 'other'],
  [
    'a host that begins alike',
    lookup({ reference: 'ghcr.io.example.org/aquasecurity/trivy-db:2', registry: 'ghcr.io.example.org' }),
    {},
    'other',
  ],
  ['a mirror, in the name of an official one', lookup({ registry: 'mirror.example.org' }), {}, 'other'],
  [
    'a mirror that the policy trusts',
    lookup({ registry: 'mirror.example.org' }),
    { official: ['mirror.example.org'] },
    'official',
  ],
  ['nobody answered', lookup({ registry: null, digest: null, from: 'nowhere' }), {}, 'other'],
  ['a folder', null, {}, 'other'],
  ['a folder whose hash is listed', null, { listed: [SHA] }, 'listed'],
  [
    'an artifact whose digest is listed',
    lookup({ reference: 'example.org/x:2', registry: 'example.org' }),
    { listed: [`sha256:${'d'.repeat(64)}`] },
    'listed',
  ],
  ['nobody is official', lookup(), { official: [] }, 'other'],
];
for (const [name, given, policy, origin] of origins) {
  test(`origin: ${name}`, () =>
    expect(originOf(given, { sha256: SHA }, { ...DEFAULT_POLICY.database, ...policy })).toBe(origin));
}
