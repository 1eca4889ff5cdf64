// Explanations: why each finding counts or not, and between two runs, what of all that differs moved the verdict.
import { expect, test } from 'vitest';
import { compare, explain, type Mover, renderComparison } from '../../../src/core/gate/explain.ts';
import { decidingText, toBaseline, type VerdictInputs } from '../../../src/core/gate/verdict.ts';
import { database, debian, finding, IMAGE_DIGEST, inputs, misconfiguration, record, secret } from './make.ts';

const policyText = (text: string) => decidingText('policy/gate.yaml', `version: 1\n${text}`);
const accepting = (id: string, until = '2026-12-31') =>
  policyText(`exceptions:\n  - {id: ${id}, reason: r, owner: o, until: ${until}}\n`);
const vex = decidingText(
  'policy/vex/own.json',
  JSON.stringify({
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'a',
    author: 'us',
    timestamp: '2026-01-08T18:02:03Z',
    statements: [
      { vulnerability: { name: 'CVE-2026-0001' }, products: [{ '@id': 'pkg:npm/lodash' }], status: 'fixed' },
    ],
  }),
);
const otherCode = { ...image(), appLayers: ['sha256:other'] };
const otherBase = { ...image(), base: 'gcr.io/distroless/nodejs24-debian13:newer' };
const otherDatabase = database({ sha256: `sha256:${'f'.repeat(64)}` });
const otherScanner = [{ name: 'trivy' as const, version: '0.75.0', image: 'x', standIn: null }];

function image(): NonNullable<VerdictInputs['image']> {
  return {
    digest: IMAGE_DIGEST,
    base: 'gcr.io/distroless/nodejs24-debian13:nonroot',
    appLayers: ['sha256:app'],
    platforms: [{ platform: 'linux/amd64', digest: IMAGE_DIGEST }],
  };
}

type Inputs = Partial<VerdictInputs>;
const rows: [name: string, before: Inputs, after: Inputs, movers: Mover[], idle: Mover[]][] = [
  // Each alone, in both directions: a row is read from left to right, then from right to left.
  ['code brings a package', {}, { image: otherCode, findings: [finding()] }, ['code'], []],
  ['code brings a secret', {}, { findings: [secret()] }, ['code'], []],
  ['code brings a package of the source', {}, { findings: [finding({ layer: null })] }, ['code'], []],
  [
    'what was in development ships',
    { findings: [finding({ dev: true })] },
    { image: otherCode, findings: [finding()] },
    ['code'],
    [],
  ],
  ['the base brings a package', {}, { image: otherBase, findings: [debian()] }, ['base image'], []],
  [
    'another scanner finds more',
    {},
    { scanners: otherScanner, findings: [finding(), secret(), misconfiguration()] },
    ['scanner'],
    [],
  ],
  [
    'a scanner misses its bait',
    { bait: { put: ['a'], missed: [], untried: [] } },
    { bait: { put: ['a'], missed: ['a'], untried: [] } },
    ['scanner'],
    [],
  ],
  ['no scanner', {}, { scanners: [], missing: [{ kind: 'secret', reason: 'no trivy' }] }, ['scanner'], []],
  ['the database knows more of ours', {}, { database: otherDatabase, findings: [finding()] }, ['database'], []],
  ['the database knows more of the base', {}, { database: otherDatabase, findings: [debian()] }, ['database'], []],
  [
    'the database knows more of the source',
    {},
    { database: otherDatabase, findings: [finding({ layer: null })] },
    ['database'],
    [],
  ],
  [
    'the database thinks worse of it',
    { findings: [finding({ severity: 'MEDIUM' })] },
    { database: otherDatabase, findings: [finding()] },
    ['database'],
    [],
  ],
  [
    'the database knows a fix',
    { policy: policyText('fixableOnly: true\n'), findings: [finding({ fixedIn: null })] },
    { policy: policyText('fixableOnly: true\n'), database: otherDatabase, findings: [finding()] },
    ['database'],
    [],
  ],
  ['nobody vouches for the database', {}, { database: database({ origin: 'other' }) }, ['database'], []],
  [
    'no database',
    {},
    { database: null, missing: [{ kind: 'vulnerability', reason: 'no vulnerability database' }] },
    ['database'],
    [],
  ],
  [
    'the policy counts from elsewhere',
    { findings: [finding({ severity: 'MEDIUM' })] },
    { policy: policyText('failAt: MEDIUM\n'), findings: [finding({ severity: 'MEDIUM' })] },
    ['policy'],
    [],
  ],
  [
    'no rehearsal any more',
    { rehearsal: true, database: database({ origin: 'other' }) },
    { database: database({ origin: 'other' }) },
    ['policy'],
    [],
  ],
  ['a statement is taken back', { vex: [vex], findings: [finding()] }, { findings: [finding()] }, ['VEX'], []],
  [
    'the baseline is gone',
    {
      policy: policyText('newFindingsOnly: true\n'),
      baseline: toBaseline(record({ findings: [finding()] }), 'main'),
      findings: [finding()],
    },
    { policy: policyText('newFindingsOnly: true\n'), findings: [finding()] },
    ['baseline'],
    [],
  ],
  [
    'an exception ends',
    { policy: accepting('CVE-2026-0001', '2026-06-01'), findings: [finding()] },
    { policy: accepting('CVE-2026-0001', '2026-06-01'), findings: [finding()], date: '2026-06-02' },
    ['date'],
    [],
  ],
  ['the database grows old', {}, { date: '2026-06-09' }, ['date'], []],

  // Several at once.
  [
    'a secret comes with another database',
    {},
    { database: otherDatabase, findings: [secret()] },
    ['code'],
    ['database'],
  ],
  [
    'code, base and database each bring one',
    { findings: [debian({ id: 'CVE-a', severity: 'LOW' })] },
    {
      image: { ...otherCode, base: otherBase.base },
      database: otherDatabase,
      findings: [
        debian({ id: 'CVE-a', severity: 'LOW' }),
        debian({ id: 'CVE-b' }),
        debian({
          id: 'CVE-c',
          package: { name: 'zlib', version: '1', ecosystem: 'deb', purl: 'pkg:deb/debian/zlib@1' },
        }),
        finding(),
      ],
    },
    ['code', 'base image', 'database'],
    [],
  ],
  [
    'a new policy accepts what the database brought',
    { findings: [] },
    { policy: accepting('CVE-2026-0001'), database: otherDatabase, findings: [finding(), secret()] },
    ['code'],
    ['database', 'policy'],
  ],
  [
    'either alone would have been enough',
    { policy: accepting('CVE-2026-0001', '2026-06-01'), findings: [finding()] },
    { policy: policyText('failAt: HIGH\n'), findings: [finding()], date: '2026-06-02' },
    ['policy', 'date'],
    [],
  ],
  ['a day passes', {}, { date: '2026-06-02' }, [], ['date']],
  [
    'everything differs, and nothing came of it',
    {},
    { image: otherCode, database: otherDatabase, date: '2026-06-02' },
    [],
    ['code', 'database', 'date'],
  ],
  ['nothing differs', { findings: [finding()] }, { findings: [finding()] }, [], []],
];
for (const [name, before, after, movers, idle] of rows) {
  for (const [direction, a, b] of [
    ['', before, after],
    [', the other way', after, before],
  ] as const) {
    test(`moved: ${name}${direction}`, () => {
      const comparison = compare(record(a), record(b));
      expect(comparison.movers).toEqual(movers);
      expect(comparison.differs.filter((mover) => !comparison.movers.includes(mover))).toEqual(idle);
      expect(comparison.moved).toBe(movers.length > 0);
    });
  }
}

test('what came and what went is named', () => {
  const comparison = compare(
    record({ findings: [finding(), debian()] }),
    record({ database: otherDatabase, findings: [debian(), secret()] }),
  );
  expect([comparison.appeared, comparison.gone]).toEqual([
    ['secret github-pat service/settings.env'],
    ['vulnerability CVE-2026-0001 npm/lodash@4.17.4'],
  ]);
});

const comparisons: [name: string, before: Inputs, after: Inputs, text: string][] = [
  [
    'moved',
    {},
    { database: otherDatabase, findings: [finding()], date: '2026-06-02' },
    [
      'passed on 2026-06-01 → failed on 2026-06-02: moved by: database',
      '  + vulnerability CVE-2026-0001 npm/lodash@4.17.4',
      '  differs, but moved nothing: date',
      '',
    ].join('\n'),
  ],
  [
    'not moved',
    {},
    { date: '2026-06-02' },
    'passed on 2026-06-01 → passed on 2026-06-02: the verdict did not move; what differs (date) moved nothing\n',
  ],
  ['the same', {}, {}, 'passed on 2026-06-01 → passed on 2026-06-01: the verdict did not move; nothing differs\n'],
];
for (const [name, before, after, text] of comparisons)
  test(`comparison: ${name}`, () => expect(renderComparison(record(before), record(after))).toBe(text));

test('a run explained', () => {
  const given = inputs({
    policy: accepting('CVE-2026-0002'),
    vex: [vex],
    baseline: toBaseline(record(), 'main'),
    scanners: [{ name: 'trivy', version: '0.44.1', image: 'x', standIn: 'holding Trivy 0.44.1' }],
    findings: [debian(), finding({ id: 'CVE-2026-0003', via: ['express', 'lodash'] }), finding(), secret()],
    rehearsal: true,
  });
  expect(explain(record(given))).toBe(`failed on 2026-06-01, as a rehearsal
  1 vulnerability: CVE-2026-0003 in lodash 4.17.4
  1 secret: github-pat in service/settings.env:2

image     ${IMAGE_DIGEST}
base      gcr.io/distroless/nodejs24-debian13:nonroot
trivy     0.44.1 (holding Trivy 0.44.1)
database  sha256:${'d'.repeat(64)}, official, of 2026-06-01, from ghcr.io/aquasecurity/trivy-db:2
policy    policy/gate.yaml ${given.policy?.sha256}, from the working tree
VEX       policy/vex/own.json ${vex.sha256}, from the working tree
baseline  main

COUNTS CRITICAL github-pat in service/settings.env:2 (service/settings.env:2)
    GitHub Personal Access Token
    CRITICAL counts from HIGH
COUNTS HIGH     CVE-2026-0003 in lodash 4.17.4 (service/package-lock.json:7)
    It is wrong
    HIGH counts from HIGH
    brought by express > lodash
    fixed in 4.17.21
no     HIGH     CVE-2026-0001 in lodash 4.17.4 (service/package-lock.json:7)
    It is wrong
    fixed says policy/vex/own.json:1: fixed
    fixed in 4.17.21
no     HIGH     CVE-2026-0002 in openssl 3.5.0 (image:/var/lib/dpkg)
    It is wrong
    accepted by o until 2026-12-31: r
    fixed in 3.5.1
`);
});

test('a run that found nothing, with nothing', () => {
  expect(explain(record({ image: null, database: null, scanners: [] }))).toBe(`not evaluated on 2026-06-01
  vulnerabilities: there was no database

image     none
base      unknown
database  none
policy    built in

No findings.
`);
});
