// What counts and what does not, why, and what the whole comes to. The order of the rules is part of the rows.
import { expect, test } from 'vitest';
import { decideGate, type GateFacts, type Outcome } from '../../../src/core/gate/decide.ts';
import type { Finding } from '../../../src/core/gate/finding.ts';
import type { Policy } from '../../../src/core/gate/policy.ts';
import { toBaseline } from '../../../src/core/gate/verdict.ts';
import type { Statement } from '../../../src/core/gate/vex.ts';
import {
  database,
  debian,
  exception,
  facts,
  finding,
  IMAGE_DIGEST,
  misconfiguration,
  policy,
  record,
  secret,
  statement,
} from './make.ts';

type Given = { policy?: Partial<Policy>; vex?: Statement[]; facts?: Partial<GateFacts> };

const decide = (findings: Finding[], given: Given = {}) =>
  decideGate(facts({ findings, ...given.facts }), policy(given.policy), given.vex ?? []);

/** A baseline with these findings, scanned with the database that `facts` has. */
const baseline = (...findings: Finding[]) => ({ baseline: toBaseline(record({ findings }), 'main') });

const OURS = { images: ['ghcr.io/a/drydock-service'] };
/** Spelled as the package URL specification, Trivy, vexctl and people do. */
const names: [purl: string, outcome: Outcome][] = [
  ['pkg:oci/drydock-service?repository_url=ghcr.io/a/drydock-service', 'vex'],
  ['pkg:oci/drydock-service?repository_url=ghcr.io%2Fa%2Fdrydock-service&arch=amd64&tag=latest', 'vex'],
  ['pkg:oci/drydock-service?repository_url=https://ghcr.io/a/', 'vex'],
  ['pkg:oci/Drydock-Service?repository_url=GHCR.io/A/Drydock-Service', 'vex'],
  ['pkg:oci/drydock-service', 'blocks'],
  ['pkg:oci/drydock-service?repository_url=', 'blocks'],
  ['pkg:oci/drydock-service?repository_url=ghcr.io/b/drydock-service', 'blocks'],
  ['pkg:oci/drydock-service?repository_url=evil.example/ghcr.io/a/drydock-service', 'blocks'],
  ['pkg:oci/other?repository_url=ghcr.io/a/drydock-service', 'blocks'],
  ['pkg:oci/other?repository_url=ghcr.io/a', 'blocks'],
  ['pkg:oci/service?repository_url=ghcr.io/a/drydock-', 'blocks'],
];

const outcomes: [name: string, finding: Finding, given: Given, outcome: Outcome][] = [
  ['HIGH counts', finding(), {}, 'blocks'],
  ['CRITICAL counts', finding({ severity: 'CRITICAL' }), {}, 'blocks'],
  ['MEDIUM does not', finding({ severity: 'MEDIUM' }), {}, 'below'],
  ['UNKNOWN does not', finding({ severity: 'UNKNOWN' }), {}, 'below'],
  ['LOW does where the policy says so', finding({ severity: 'LOW' }), { policy: { failAt: 'LOW' } }, 'blocks'],
  ['HIGH does not where only CRITICAL does', finding(), { policy: { failAt: 'CRITICAL' } }, 'below'],
  ['a secret', secret(), {}, 'blocks'],
  ['a misconfiguration', misconfiguration(), {}, 'blocks'],

  ['development is reported', finding({ dev: true }), {}, 'development'],
  ['development is gated', finding({ dev: true }), { policy: { developmentDependencies: 'gate' } }, 'blocks'],

  ['no fix counts', finding({ fixedIn: null }), {}, 'blocks'],
  ['no fix, fixable only', finding({ fixedIn: null }), { policy: { fixableOnly: true } }, 'no-fix'],
  ['a fix, fixable only', finding(), { policy: { fixableOnly: true } }, 'blocks'],
  ['no secret has a fix, and all are to be fixed', secret(), { policy: { fixableOnly: true } }, 'blocks'],

  ['accepted', finding(), { policy: { exceptions: [exception()] } }, 'accepted'],
  ['accepted on its last day', finding(), { policy: { exceptions: [exception({ until: '2026-06-01' })] } }, 'accepted'],
  ['acceptance ended yesterday', finding(), { policy: { exceptions: [exception({ until: '2026-05-31' })] } }, 'blocks'],
  ['another id accepted', finding(), { policy: { exceptions: [exception({ id: 'CVE-2026-9999' })] } }, 'blocks'],
  ['accepted in this package', finding(), { policy: { exceptions: [exception({ package: 'lodash' })] } }, 'accepted'],
  ['accepted in another', finding(), { policy: { exceptions: [exception({ package: 'lodas' })] } }, 'blocks'],
  [
    'a secret accepted in its file',
    secret(),
    { policy: { exceptions: [exception({ id: 'github-pat', file: 'service/settings.env' })] } },
    'accepted',
  ],
  [
    'a secret accepted in another file',
    secret(),
    { policy: { exceptions: [exception({ id: 'github-pat', file: 'test/settings.env' })] } },
    'blocks',
  ],
  [
    'a secret in the image is not the one in the repository',
    secret({ places: [{ in: 'image', file: 'service/settings.env', line: 2 }] }),
    { policy: { exceptions: [exception({ id: 'github-pat', file: 'service/settings.env' })] } },
    'blocks',
  ],
  [
    'accepted in one file, found in a second',
    finding(),
    { policy: { exceptions: [exception({ file: 'service/package-lock.json' })] } },
    'blocks',
  ],
  [
    'one exception ended, another holds',
    finding(),
    { policy: { exceptions: [exception({ until: '2026-01-01' }), exception({ package: 'lodash' })] } },
    'accepted',
  ],

  ['VEX: not affected', finding(), { vex: [statement()] }, 'vex'],
  ['VEX: fixed', finding(), { vex: [statement({ status: 'fixed' })] }, 'vex'],
  ['VEX: affected', finding(), { vex: [statement({ status: 'affected' })] }, 'blocks'],
  ['VEX: under investigation', finding(), { vex: [statement({ status: 'under_investigation' })] }, 'blocks'],
  ['VEX: of another vulnerability', finding(), { vex: [statement({ vulnerabilities: ['CVE-2026-1'] })] }, 'blocks'],
  [
    'VEX: by an alias',
    finding({ id: 'GHSA-1' }),
    { vex: [statement({ vulnerabilities: ['CVE-1', 'GHSA-1'] })] },
    'vex',
  ],
  ['VEX: of no product', finding(), { vex: [statement({ products: [] })] }, 'blocks'],
  [
    'VEX: of another version',
    finding(),
    { vex: [statement({ products: [{ names: ['pkg:npm/lodash@4.17.5'], parts: [] }] })] },
    'blocks',
  ],
  [
    'VEX: of what is part of the package, not of the package',
    finding(),
    { vex: [statement({ products: [{ names: ['pkg:npm/lodash'], parts: ['pkg:npm/other'] }] })] },
    'blocks',
  ],
  // lodash: GHSA-jf85-cpcp-j695 is CVE-2019-10744.
  [
    'an exception by GHSA, of what is found as a CVE',
    finding({ id: 'CVE-2019-10744', aliases: ['GHSA-jf85-cpcp-j695'] }),
    { policy: { exceptions: [exception({ id: 'ghsa-JF85-cpcp-j695' })] } },
    'accepted',
  ],
  [
    'an exception by CVE, of what is found as a GHSA',
    finding({ id: 'GHSA-jf85-cpcp-j695', aliases: ['CVE-2019-10744'] }),
    { policy: { exceptions: [exception({ id: 'CVE-2019-10744' })] } },
    'accepted',
  ],
  [
    'an exception by another GHSA',
    finding({ id: 'CVE-2019-10744', aliases: ['GHSA-jf85-cpcp-j695'] }),
    { policy: { exceptions: [exception({ id: 'GHSA-35jh-r3h4-6jhm' })] } },
    'blocks',
  ],
  [
    'VEX: by GHSA, of what is found as a CVE',
    finding({ id: 'CVE-2019-10744', aliases: ['GHSA-jf85-cpcp-j695'] }),
    { vex: [statement({ vulnerabilities: ['GHSA-jf85-cpcp-j695'] })] },
    'vex',
  ],
  [
    'VEX: with aliases, of what is found as a GHSA',
    finding({ id: 'GHSA-jf85-cpcp-j695' }),
    { vex: [statement({ vulnerabilities: ['CVE-2019-10744', 'GHSA-jf85-cpcp-j695'] })] },
    'vex',
  ],
  ['VEX: of the image', finding(), { vex: [ofImage()], policy: OURS }, 'vex'],
  ...names.map(([purl, outcome]): (typeof outcomes)[number] => [
    `VEX: ${purl}`,
    finding(),
    { vex: [statement({ products: [{ names: [purl], parts: [] }] })], policy: OURS },
    outcome,
  ]),
  ['VEX: of an image that no policy calls ours', finding(), { vex: [ofImage()] }, 'blocks'],
  [
    'VEX: of one of its platforms',
    finding(),
    {
      vex: [ofImage({ digest: `sha256:${'3'.repeat(64)}` })],
      facts: { image: { digest: IMAGE_DIGEST, platforms: [{ digest: `sha256:${'3'.repeat(64)}` }] } },
    },
    'vex',
  ],
  ['VEX: of the image by its digest', finding(), { vex: [ofImage({ digest: IMAGE_DIGEST })] }, 'vex'],
  ['VEX: of another image', finding(), { vex: [ofImage({ digest: `sha256:${'2'.repeat(64)}` })] }, 'blocks'],
  [
    'VEX: of an image, where none was scanned',
    finding(),
    { vex: [ofImage({ digest: IMAGE_DIGEST })], facts: { image: null } },
    'blocks',
  ],
  [
    'VEX: of the image, found in the source alone',
    finding({ layer: null }),
    { vex: [ofImage()], policy: OURS },
    'blocks',
  ],
  [
    'VEX: of this part of the image',
    debian(),
    { vex: [ofImage({ parts: ['pkg:deb/debian/openssl'] })], policy: OURS },
    'vex',
  ],
  [
    'VEX: of another part of it',
    debian(),
    { vex: [ofImage({ parts: ['pkg:deb/debian/zlib1g'] })], policy: OURS },
    'blocks',
  ],
  [
    'VEX: the latest statement counts',
    finding(),
    { vex: [statement({ timestamp: '2026-05-02T00:00:00.000Z', status: 'affected' }), statement()] },
    'blocks',
  ],
  [
    'VEX: the latest statement counts, wherever it stands',
    finding(),
    { vex: [statement({ status: 'affected' }), statement({ timestamp: '2026-05-02T00:00:00.000Z' })] },
    'vex',
  ],
  [
    'VEX: of two at the same time, the one that takes nothing back',
    finding(),
    { vex: [statement(), statement({ status: 'affected' })] },
    'blocks',
  ],
  ['VEX: one of today', finding(), { vex: [statement({ timestamp: '2026-06-01T23:59:59.000Z' })] }, 'vex'],
  ['VEX: one of tomorrow', finding(), { vex: [statement({ timestamp: '2026-06-02T00:00:00.000Z' })] }, 'blocks'],
  ['VEX: no statement is about a secret', secret(), { vex: [ofImage({ id: 'github-pat' })], policy: OURS }, 'blocks'],

  ['known before', finding(), { policy: { newFindingsOnly: true }, facts: baseline(finding()) }, 'known'],
  ['known before, but all count', finding(), { facts: baseline(finding()) }, 'blocks'],
  [
    'not known before',
    finding({ id: 'CVE-2026-0009' }),
    { policy: { newFindingsOnly: true }, facts: baseline(finding()) },
    'blocks',
  ],
  [
    'known in development, and ships now',
    finding(),
    { policy: { newFindingsOnly: true }, facts: baseline(finding({ dev: true })) },
    'blocks',
  ],
  [
    'a second secret in a file that had one',
    secret({
      places: [
        { in: 'source', file: 'service/settings.env', line: 2 },
        { in: 'source', file: 'service/settings.env', line: 3 },
      ],
    }),
    { policy: { newFindingsOnly: true }, facts: baseline(secret()) },
    'blocks',
  ],
  [
    'a secret that moved in its file',
    secret({ places: [{ in: 'source', file: 'service/settings.env', line: 9 }] }),
    { policy: { newFindingsOnly: true }, facts: baseline(secret()) },
    'known',
  ],
  [
    'the secret of a file of the same name in the image',
    secret({ places: [{ in: 'image', file: 'service/settings.env', line: 2 }] }),
    { policy: { newFindingsOnly: true }, facts: baseline(secret()) },
    'blocks',
  ],
  [
    'another misconfiguration by the same rule in the same file',
    misconfiguration({ title: 'A compose service is privileged: service "b" is privileged' }),
    { policy: { newFindingsOnly: true }, facts: baseline(misconfiguration()) },
    'blocks',
  ],

  ['below comes before development', finding({ severity: 'LOW', dev: true }), {}, 'below'],
  [
    'development before no fix',
    finding({ dev: true, fixedIn: null }),
    { policy: { fixableOnly: true } },
    'development',
  ],
  ['no fix before VEX', finding({ fixedIn: null }), { policy: { fixableOnly: true }, vex: [statement()] }, 'no-fix'],
  ['VEX before an exception', finding(), { policy: { exceptions: [exception()] }, vex: [statement()] }, 'vex'],
  [
    'an exception before the baseline',
    finding(),
    { policy: { exceptions: [exception()], newFindingsOnly: true }, facts: baseline(finding()) },
    'accepted',
  ],
];
for (const [name, given, around, outcome] of outcomes) {
  test(`finding: ${name}`, () => {
    const { decisions, status } = decide([given], around);
    expect(decisions.map((decision) => decision.outcome)).toEqual([outcome]);
    if (outcome === 'blocks') expect(status).toBe('failed');
  });
}

function ofImage({ digest, parts = [], id }: { digest?: string; parts?: string[]; id?: string } = {}): Statement {
  const at = digest === undefined ? '' : `@${encodeURIComponent(digest)}`;
  return statement({
    vulnerabilities: [id ?? 'CVE-2026-0001', 'CVE-2026-0002'],
    products: [{ names: [`pkg:oci/drydock-service${at}?repository_url=ghcr.io/a`], parts }],
  });
}

test('two databases make no baseline: everything counts, and that is said', () => {
  const { decisions, warnings } = decide([finding()], {
    policy: { newFindingsOnly: true },
    facts: { ...baseline(finding()), database: database({ sha256: 'sha256:other' }) },
  });
  expect(decisions[0]?.outcome).toBe('blocks');
  expect(warnings).toEqual(['the baseline main was scanned with another database: all findings count']);
});

test('the same database by another name is the same', () => {
  const { decisions } = decide([finding()], {
    policy: { newFindingsOnly: true },
    facts: { ...baseline(finding()), database: database({ digest: 'sha256:of a mirror' }) },
  });
  expect(decisions[0]?.outcome).toBe('known');
});

const reasons: [name: string, findings: Finding[], given: Given, status: string, reasons: (string | RegExp)[]][] = [
  ['nothing found', [], {}, 'passed', []],
  ['what does not count', [finding({ severity: 'LOW' })], {}, 'passed', []],
  ['one counts', [finding()], {}, 'failed', ['1 vulnerability: CVE-2026-0001 in lodash 4.17.4']],
  [
    'four count, three are named',
    [4, 3, 2, 1].map((n) => finding({ id: `CVE-2026-000${n}` })),
    {},
    'failed',
    [/^4 vulnerabilities: CVE-2026-0001 in .*, CVE-2026-0002 in .*, CVE-2026-0003 in .* and 1 more$/],
  ],
  [
    'one of each kind',
    [misconfiguration(), secret(), finding()],
    {},
    'failed',
    [
      /^1 vulnerability: /,
      '1 secret: github-pat in service/settings.env:2',
      '1 misconfiguration: DRYDOCK-C001 in docker-compose.yml:3',
    ],
  ],
  [
    'an expired exception fails, even where it matches nothing',
    [],
    { policy: { exceptions: [exception({ until: '2026-05-31' })] } },
    'failed',
    ['the exception for CVE-2026-0001 (line 20 of the policy, platform) ended on 2026-05-31'],
  ],
  [
    'missed bait',
    [],
    { facts: { bait: { put: ['a', 'b'], missed: ['b'], untried: [] } } },
    'failed',
    ['the scanner did not find b, which was put there to be found'],
  ],
  ['bait that was found', [], { facts: { bait: { put: ['a'], missed: [], untried: [] } } }, 'passed', []],
  [
    'no bait known',
    [],
    { facts: { bait: { put: ['a'], missed: [], untried: ['pip'] } } },
    'not evaluated',
    ['no canary is known for pip: whether the scanner finds anything is not known'],
  ],
  [
    'something missing',
    [],
    { facts: { database: null, missing: [{ kind: 'vulnerability', reason: 'no vulnerability database' }] } },
    'not evaluated',
    ['vulnerabilities: no vulnerability database'],
  ],
  [
    'no database, and nobody said so',
    [],
    { facts: { database: null } },
    'not evaluated',
    ['vulnerabilities: there was no database'],
  ],
  [
    'no SBOM',
    [],
    { facts: { ecosystems: [], missing: [{ kind: 'sbom', reason: 'syft cannot be had here' }] } },
    'not evaluated',
    ['SBOM: syft cannot be had here'],
  ],
  [
    'a hollow SBOM',
    [],
    { facts: { ecosystems: [] } },
    'not evaluated',
    ['SBOM: it names no package that has advisories'],
  ],
  [
    'blocking outweighs what is missing, and both are said',
    [secret()],
    { facts: { missing: [{ kind: 'misconfiguration', reason: 'not looked for' }] } },
    'failed',
    [/^1 secret/, 'misconfigurations: not looked for'],
  ],
  [
    'nobody vouches for the database',
    [],
    { facts: { database: database({ origin: 'other', source: 'a folder' }) } },
    'not evaluated',
    ['the vulnerability database a folder is from an unverified source: no official registry, not listed'],
  ],
  [
    'in a rehearsal nobody has to',
    [],
    { facts: { database: database({ origin: 'other' }), rehearsal: true } },
    'passed',
    [],
  ],
  ['a listed database', [], { facts: { database: database({ origin: 'listed' }) } }, 'passed', []],
  [
    'a database at the limit',
    [],
    { facts: { database: database({ updatedAt: '2026-05-25T00:00:01Z' }) } },
    'passed',
    [],
  ],
  [
    'one day over',
    [],
    { facts: { database: database({ updatedAt: '2026-05-24T23:59:59Z' }) } },
    'not evaluated',
    ['the vulnerability database is 8 days old, more than 7 (2026-05-24T23:59:59Z)'],
  ],
  [
    'over the limit in a rehearsal, too',
    [],
    { facts: { database: database({ updatedAt: '2020-01-01T00:00:00Z', origin: 'other' }), rehearsal: true } },
    'not evaluated',
    [/^the vulnerability database is 2343 days old/],
  ],
  [
    'of tomorrow: clocks differ',
    [],
    { facts: { database: database({ updatedAt: '2026-06-02T01:00:00Z' }) } },
    'passed',
    [],
  ],
  [
    'from the future',
    [],
    { facts: { database: database({ updatedAt: '2026-06-03T00:00:00Z' }) } },
    'not evaluated',
    ['the vulnerability database has a date that cannot be (2026-06-03T00:00:00Z)'],
  ],
  [
    'without a date',
    [],
    { facts: { database: database({ updatedAt: '' }) } },
    'not evaluated',
    ['the vulnerability database has a date that cannot be (none)'],
  ],
  [
    'hollow for one ecosystem',
    [],
    { facts: { database: database({ advisories: { npm: 1999, 'debian 13': 10000 } }) } },
    'not evaluated',
    ['the vulnerability database holds 1999 advisories for npm, fewer than 2000'],
  ],
  [
    'full of another release',
    [],
    { facts: { database: database({ advisories: { npm: 5000, 'debian 12': 30000 } }) } },
    'not evaluated',
    ['the vulnerability database holds 0 advisories for debian 13, fewer than 10000'],
  ],
  [
    'an ecosystem that the policy does not know needs one at least',
    [],
    { facts: { ecosystems: ['pip'] } },
    'not evaluated',
    ['the vulnerability database holds 0 advisories for pip, fewer than 1'],
  ],
  [
    'an ecosystem named after what every object has',
    [],
    { facts: { ecosystems: ['constructor'] } },
    'not evaluated',
    ['the vulnerability database holds 0 advisories for constructor, fewer than 1'],
  ],
  [
    'a release that the policy names by itself',
    [],
    {
      policy: { database: { ...policy().database, leastAdvisories: { debian: 10000, 'debian 13': 10, npm: 1 } } },
      facts: { database: database({ advisories: { npm: 1, 'debian 13': 10 } }) },
    },
    'passed',
    [],
  ],
];
for (const [name, findings, given, status, expected] of reasons) {
  test(`verdict: ${name}`, () => {
    const verdict = decide(findings, given);
    expect(verdict.status).toBe(status);
    expect(verdict.reasons).toEqual(
      expected.map((reason) => (typeof reason === 'string' ? reason : expect.stringMatching(reason))),
    );
  });
}

const warnings: [name: string, findings: Finding[], given: Given, warnings: string[]][] = [
  [
    'a statement about another image, of what this one has',
    [finding({ severity: 'LOW' })],
    { vex: [statement({ products: [{ names: ['pkg:oci/other?repository_url=ghcr.io/b/other'], parts: [] }] })] },
    [
      'the VEX statement policy/vex/own.json:9 is of ghcr.io/b/other, which is not among the `images` of the policy: it says nothing of this image',
    ],
  ],
  [
    'a statement about another image, of what nobody found',
    [],
    { vex: [statement({ products: [{ names: ['pkg:oci/other'], parts: [] }] })] },
    ['VEX statements that speak of nothing that was found: policy/vex/own.json, line 9'],
  ],
  [
    'statements of two documents about what nobody found, and one of what was',
    [finding({ severity: 'LOW' })],
    {
      vex: [
        statement(),
        ...[20, 31].map((line) => statement({ vulnerabilities: ['CVE-1'], place: `policy/vex/own.json:${line}` })),
        ...[1, 2, 3, 4, 5, 6].map((line) =>
          statement({ vulnerabilities: ['CVE-2'], place: `policy/vex/b.json:${line}` }),
        ),
      ],
    },
    [
      'VEX statements that speak of nothing that was found: policy/vex/own.json, lines 20, 31',
      'VEX statements that speak of nothing that was found: policy/vex/b.json, lines 1, 2, 3, 4, 5 and others',
    ],
  ],
  [
    'a statement whose distribution is another one, by a point release',
    [debian({ severity: 'LOW' })],
    {
      vex: [
        statement({
          vulnerabilities: ['CVE-2026-0002'],
          products: [{ names: ['pkg:deb/debian/openssl?distro=debian-13'], parts: [] }],
        }),
      ],
    },
    [
      'the VEX statement policy/vex/own.json:9 is about CVE-2026-0002, but of no product that it was found in: pkg:deb/debian/openssl@3.5.0?arch=amd64',
    ],
  ],
  [
    'an exception that matches nothing',
    [],
    { policy: { exceptions: [exception()] } },
    ['the exception for CVE-2026-0001 (line 20 of the policy) matches nothing: take it out'],
  ],
  [
    'one that matches what does not count anyway',
    [finding({ severity: 'LOW' })],
    { policy: { exceptions: [exception()] } },
    [],
  ],
  [
    'new findings only, without a baseline',
    [],
    { policy: { newFindingsOnly: true } },
    ['the policy counts new findings only, but no baseline was given: all count'],
  ],
  [
    'a statement of tomorrow',
    [],
    { vex: [statement({ timestamp: '2026-06-02T08:00:00.000Z' })] },
    ['the VEX statement policy/vex/own.json:9 is of 2026-06-02, which is yet to come: it does not hold'],
  ],
];
for (const [name, findings, given, expected] of warnings) {
  test(`warning: ${name}`, () => {
    const verdict = decide(findings, given);
    expect(verdict.warnings).toEqual(expected);
    expect(verdict.status).toBe('passed');
  });
}

const whys: [name: string, finding: Finding, given: Given, why: string][] = [
  ['blocks', finding(), {}, 'HIGH counts from HIGH'],
  [
    'an exception that ended',
    finding(),
    { policy: { exceptions: [exception({ until: '2026-05-31' })] } },
    'HIGH; its exception ended on 2026-05-31',
  ],
  [
    'accepted',
    finding(),
    { policy: { exceptions: [exception()] } },
    'accepted by platform until 2026-12-31: nothing calls it',
  ],
  [
    'VEX',
    finding(),
    { vex: [statement({ impact: 'we call none of it' })] },
    'not_affected says policy/vex/own.json:9: we call none of it',
  ],
  [
    'VEX without words',
    finding(),
    { vex: [statement()] },
    'not_affected says policy/vex/own.json:9: vulnerable_code_not_in_execute_path',
  ],
];
for (const [name, given, around, why] of whys)
  test(`why: ${name}`, () => expect(decide([given], around).decisions[0]?.why).toBe(why));

test('the order in which findings come in changes nothing', () => {
  const findings = [secret(), debian(), finding(), misconfiguration(), finding({ severity: 'LOW', id: 'CVE-1' })];
  expect(decide([...findings].reverse())).toEqual(decide(findings));
});
