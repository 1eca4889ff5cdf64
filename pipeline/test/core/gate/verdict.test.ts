// Records of verdicts: frozen, read back, decided again to the same bytes; and refused where something does not agree.
import { expect, test } from 'vitest';
import { PipelineError } from '../../../src/core/errors.ts';
import {
  decidingText,
  freeze,
  parseRecord,
  renderVerdict,
  replay,
  toBaseline,
  type VerdictInputs,
  type VerdictRecord,
} from '../../../src/core/gate/verdict.ts';
import { database, debian, finding, inputs, misconfiguration, record, secret } from './make.ts';

const POLICY = `version: 1
failAt: HIGH
exceptions:
  - {id: CVE-accepted, reason: nothing calls it, owner: us, until: 2026-12-31}
`;
const VEX = JSON.stringify({
  '@context': 'https://openvex.dev/ns/v0.2.0',
  '@id': 'https://openvex.dev/docs/example/vex-1',
  author: 'us',
  timestamp: '2026-01-08T18:02:03Z',
  version: 1,
  statements: [{ vulnerability: { name: 'CVE-vex' }, products: [{ '@id': 'pkg:npm/lodash' }], status: 'fixed' }],
});
const FULL: Partial<VerdictInputs> = {
  policy: decidingText('policy/gate.yaml', POLICY),
  vex: [decidingText('policy/vex/own.json', VEX)],
  baseline: toBaseline(record({ findings: [secret()] }), 'main'),
  bait: { put: ['a'], missed: [], untried: [] },
  missing: [{ kind: 'misconfiguration', reason: 'not looked for' }],
  findings: [
    misconfiguration(),
    finding({ id: 'CVE-accepted' }),
    debian(),
    finding({ id: 'CVE-vex' }),
    secret({ places: [] }),
  ],
};

const whole: [name: string, given: Partial<VerdictInputs>][] = [
  ['nothing at all', {}],
  ['everything there is', FULL],
  ['a source alone', { image: null, ecosystems: [], scanners: [], database: null }],
  ['letters of every kind', { findings: [finding({ title: '“ü” \u2028 😀 \\ "' })] }],
];
for (const [name, given] of whole) {
  test(`replay gives the same bytes: ${name}`, () => {
    const text = renderVerdict(record(given));
    expect(renderVerdict(replay(text, 'verdict.json'))).toBe(text);
  });
}

test('a record of another version of the tool, whose rules are the same, replays too', () => {
  const text = renderVerdict(freeze(inputs(FULL), '0.0.1'));
  expect(renderVerdict(replay(text, 'verdict.json'))).toBe(text);
});

test('the order in which findings were found is not in the record', () => {
  const turned = { ...FULL, findings: [...(FULL.findings ?? [])].reverse() };
  expect(renderVerdict(record(turned))).toBe(renderVerdict(record(FULL)));
});

// ------------------------------------------------------------------------------------------------ refused

/** A record that somebody has laid hands on. */
function altered(change: (record: VerdictRecord) => unknown): string {
  const copy = structuredClone(record(FULL));
  change(copy);
  return renderVerdict(copy);
}

function refusal(text: string): string {
  try {
    replay(text, 'verdict.json');
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    expect([error.code, error.exitCode]).toEqual(['BAD_VERDICT', 2]);
    return error.message;
  }
  return 'it is taken';
}

const text = renderVerdict(record(FULL));
const refused: [name: string, text: string, message: RegExp][] = [
  ['nothing', '', /^verdict\.json is no verdict: it is not JSON: /],
  ['its first half', text.slice(0, text.length / 2), /^verdict\.json is no verdict: it is not JSON: /],
  ['null', 'null', /^verdict\.json is no verdict: the whole is not an object$/],
  ['a list', '[]', /^verdict\.json is no verdict: the whole is not an object$/],
  ['another file', '{"a": 1}', /^verdict\.json is no verdict: its schemaVersion is missing, and this reads 1$/],
  [
    'another schema',
    altered((r) => Object.assign(r, { schemaVersion: 2 })),
    /: its schemaVersion is 2, and this reads 1$/,
  ],
  ['no inputs', altered((r) => Object.assign(r, { inputs: null })), /: inputs is not an object$/],
  [
    'no findings',
    altered((r) => Object.assign(r.inputs, { findings: undefined })),
    /: inputs\.findings is not a list$/,
  ],
  [
    'a finding that is none',
    altered((r) => Object.assign(r.inputs, { findings: [null] })),
    /: inputs\.findings\[0\] is not an object$/,
  ],
  [
    'a severity that is none',
    altered((r) => Object.assign(r.inputs.findings[0] ?? {}, { severity: 'NONE' })),
    /: inputs\.findings\[0\]\.severity is not UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL$/,
  ],
  [
    'a line before the first',
    altered((r) => Object.assign(r.inputs.findings[0]?.places[0] ?? {}, { line: -1 })),
    /: inputs\.findings\[0\]\.places\[0\]\.line is not a count$/,
  ],
  [
    'a policy without its text',
    altered((r) => Object.assign(r.inputs.policy ?? {}, { text: 1 })),
    /: inputs\.policy\.text is not a text$/,
  ],
  [
    'no policy at all',
    altered((r) => Object.assign(r.inputs, { policy: undefined })),
    /: inputs\.policy is not an object$/,
  ],
  [
    'advisories that are no number',
    altered((r) => Object.assign(r.inputs.database?.advisories ?? {}, { npm: '5' })),
    /: inputs\.database\.advisories\.npm is not a count$/,
  ],
  ['no decisions', altered((r) => Object.assign(r.verdict, { decisions: {} })), /: verdict\.decisions is not a list$/],
  [
    'another status',
    altered((r) => Object.assign(r.verdict, { status: 'fine' })),
    /: verdict\.status is not passed, failed, not evaluated$/,
  ],
  [
    'a day that is none',
    altered((r) => Object.assign(r.inputs, { date: '2026-02-30' })),
    /^"2026-02-30" is not a day, in verdict\.json$/,
  ],
  [
    'another policy',
    altered((r) => Object.assign(r.inputs.policy ?? {}, { text: POLICY.replace('HIGH', 'CRITICAL') })),
    /^policy\/gate\.yaml is not the text that its hash names, in verdict\.json$/,
  ],
  [
    'another VEX',
    altered((r) => Object.assign(r.inputs.vex[0] ?? {}, { text: VEX.replace('CVE-vex', 'CVE-2026-0002') })),
    /^policy\/vex\/own\.json is not the text that its hash names, in verdict\.json$/,
  ],
  [
    'a finding taken out',
    altered((r) => Object.assign(r.inputs, { findings: r.inputs.findings.slice(1) })),
    /^the decisions are not about the findings, in verdict\.json$/,
  ],
  [
    'a finding taken out with its decision',
    altered((r) => {
      Object.assign(r.inputs, { findings: r.inputs.findings.slice(1) });
      r.verdict.decisions.shift();
    }),
    /^verdict\.json is not what its own inputs decide to$/,
  ],
  [
    'passed, it says',
    altered((r) => Object.assign(r.verdict, { status: 'passed' })),
    /^verdict\.json is not what its own inputs decide to: it says passed, but decides to failed$/,
  ],
  ['no reasons', altered((r) => Object.assign(r.verdict, { reasons: [] })), /is not what its own inputs decide to$/],
  [
    'an outcome turned',
    altered((r) => Object.assign(r.verdict.decisions[0] ?? {}, { outcome: 'accepted' })),
    /is not what its own inputs decide to$/,
  ],
  [
    'another day',
    altered((r) => Object.assign(r.inputs, { date: '2027-06-01' })),
    /is not what its own inputs decide to$/,
  ],
  [
    'a severity taken down',
    altered((r) => Object.assign(r.inputs.findings[0] ?? {}, { severity: 'LOW' })),
    /is not what its own inputs decide to$/,
  ],
  [
    'a database made younger',
    altered((r) => Object.assign(r.inputs, { database: database({ updatedAt: '2020-01-01T00:00:00Z' }) })),
    /is not what its own inputs decide to$/,
  ],
  [
    'a word more',
    text.replace('"verdict": {', '"verdict": {\n    "note": "fine",'),
    /is not what its own inputs decide to$/,
  ],
  ['other spaces', JSON.stringify(JSON.parse(text)), /is not what its own inputs decide to$/],
  ['the last line break', text.trimEnd(), /is not what its own inputs decide to$/],
];
for (const [name, given, message] of refused) test(`refused: ${name}`, () => expect(refusal(given)).toMatch(message));

test('a record whose policy is wrong says so by the policy’s own line', () => {
  const wrong = decidingText('policy/gate.yaml', 'version: 1\nfailat: HIGH\n');
  const broken = altered((r) => Object.assign(r.inputs, { policy: wrong }));
  expect(() => replay(broken, 'verdict.json')).toThrow('policy/gate.yaml:2: there is no "failat"');
});

test('without a policy the built-in one decides', () => {
  expect(record({ findings: [finding()] }).verdict.decisions[0]?.outcome).toBe('blocks');
});

test('a baseline is what was found, with which database, and where from', () => {
  const before = parseRecord(renderVerdict(record({ findings: [finding({ dev: true }), secret()] })), 'verdict.json');
  expect(toBaseline(before, 'main')).toEqual({
    source: 'main',
    database: `sha256:${'e'.repeat(64)}`,
    findings: [
      { key: 'secret github-pat service/settings.env', places: 1, dev: false },
      { key: 'vulnerability CVE-2026-0001 npm/lodash@4.17.4', places: 2, dev: true },
    ],
  });
  expect(toBaseline(record({ database: null }), 'main').database).toBeNull();
});
