// policy/gate.yaml: what it says, what it leaves open, and every slip with its line.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PipelineError } from '../../../src/core/errors.ts';
import { DEFAULT_POLICY, isDate, type Policy, parsePolicy } from '../../../src/core/gate/policy.ts';
import { exception, policy } from './make.ts';

function faultOf(text: string): PipelineError {
  try {
    parsePolicy(text);
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  throw new Error('it is taken');
}

const right: [name: string, text: string, policy: Policy][] = [
  ['nothing but its version', 'version: 1\n', DEFAULT_POLICY],
  ['a severity', 'version: 1\nfailAt: CRITICAL\n', policy({ failAt: 'CRITICAL' })],
  [
    'all flags',
    'version: 1\nfixableOnly: true\nnewFindingsOnly: true\ndevelopmentDependencies: gate\n',
    policy({ fixableOnly: true, newFindingsOnly: true, developmentDependencies: 'gate' }),
  ],
  [
    'part of what it says of the database: the rest holds',
    'version: 1\ndatabase: {maxAgeDays: 1, leastAdvisories: {npm: 3}}\n',
    policy({ database: { ...DEFAULT_POLICY.database, maxAgeDays: 1, leastAdvisories: { npm: 3, debian: 10000 } } }),
  ],
  [
    'nobody is official',
    'version: 1\ndatabase: {official: []}\n',
    policy({ database: { ...DEFAULT_POLICY.database, official: [] } }),
  ],
  ['names of the image', 'version: 1\nimages: [ghcr.io/a/b]\n', policy({ images: ['ghcr.io/a/b'] })],
  ['no exception behind the name', 'version: 1\nexceptions:\n# - none\n', DEFAULT_POLICY],
  [
    'an exception',
    'version: 1\nexceptions:\n  - id: CVE-2026-0001\n    reason: nothing calls it\n    owner: platform\n    until: 2026-12-31\n',
    policy({ exceptions: [exception({ line: 3 })] }),
  ],
  [
    'an exception for one package, and one for one file',
    'version: 1\nexceptions:\n  - {id: a, package: b, reason: c, owner: d, until: 2026-12-31}\n  - {id: a, file: b, reason: c, owner: d, until: "2028-02-29"}\n',
    policy({
      exceptions: [
        exception({ id: 'a', package: 'b', reason: 'c', owner: 'd', line: 3 }),
        exception({ id: 'a', file: 'b', reason: 'c', owner: 'd', until: '2028-02-29', line: 4 }),
      ],
    }),
  ],
];
for (const [name, text, expected] of right) test(`policy: ${name}`, () => expect(parsePolicy(text)).toEqual(expected));

test('the policy of this repository is one', () => {
  const text = readFileSync(new URL('../../../../policy/gate.yaml', import.meta.url), 'utf8');
  expect(parsePolicy(text).failAt).toBe('HIGH');
});

const EXCEPTION = 'version: 1\nexceptions:\n  - id: CVE-2026-0001\n    reason: r\n    owner: o\n';
const wrong: [name: string, text: string, message: string][] = [
  ['an empty file', '', 'policy/gate.yaml:1: the file must be a mapping of names to values'],
  ['no version', 'failAt: HIGH\n', 'policy/gate.yaml:1: version must be 1, the one version there is'],
  ['another version', 'version: 2\n', 'policy/gate.yaml:1: version must be 1, the one version there is'],
  ['its version as a text', 'version: "1"\n', 'policy/gate.yaml:1: version must be 1, the one version there is'],
  ['a typo', 'version: 1\nfailat: HIGH\n', 'policy/gate.yaml:2: there is no "failat"; did you mean failAt?'],
  [
    'a typo further in',
    'version: 1\ndatabase:\n  maxAgeDay: 3\n',
    'policy/gate.yaml:3: there is no "database.maxAgeDay"; did you mean maxAgeDays?',
  ],
  [
    'an unknown severity',
    'version: 1\nfailAt: SEVERE\n',
    'policy/gate.yaml:2: failAt cannot be "SEVERE"; it can be UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL',
  ],
  [
    'no severity at all, on purpose',
    'version: 1\nfailAt: false\n',
    'policy/gate.yaml:2: failAt cannot be false; it can be UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL',
  ],
  ['an exception without an end', EXCEPTION, 'policy/gate.yaml:3: exceptions[0].until is missing'],
  ['an end with nothing behind it', `${EXCEPTION}    until:\n`, 'policy/gate.yaml:6: exceptions[0].until is missing'],
  [
    'an end that is not in the calendar',
    `${EXCEPTION}    until: 2026-02-30\n`,
    'policy/gate.yaml:6: exceptions[0].until must be a day such as 2026-12-31, not "2026-02-30"',
  ],
  [
    'an end without end',
    `${EXCEPTION}    until: never\n`,
    'policy/gate.yaml:6: exceptions[0].until must be a day such as 2026-12-31, not "never"',
  ],
  [
    'an exception without owner and reason',
    'version: 1\nexceptions:\n  - id: a\n    reason:\n    until: 2026-12-31\n',
    'policy/gate.yaml:4: exceptions[0].reason is missing (and 1 more: policy/gate.yaml:3: exceptions[0].owner is missing)',
  ],
  [
    'a typo in an exception',
    `${EXCEPTION}    until: 2026-12-31\n    pacakge: a\n`,
    'policy/gate.yaml:7: there is no "exceptions[0].pacakge"; did you mean package?',
  ],
  ['exceptions by name', 'version: 1\nexceptions: {a: b}\n', 'policy/gate.yaml:2: exceptions must be a list'],
  [
    'a name twice',
    'version: 1\nfailAt: HIGH\nfailAt: LOW\n',
    'policy/gate.yaml:3: this name stands here a second time',
  ],
  [
    'a hash that is none',
    'version: 1\ndatabase:\n  listed: [abc]\n',
    'policy/gate.yaml:3: database.listed holds "abc", which is no sha256',
  ],
  [
    'advisories that are no number',
    'version: 1\ndatabase:\n  leastAdvisories:\n    npm: many\n',
    'policy/gate.yaml:4: database.leastAdvisories.npm must be a whole number, 0 or more',
  ],
  [
    'several at once',
    'version: 1\nfailAt: HIHG\nfixableOnly: yes\n',
    'policy/gate.yaml:2: failAt cannot be "HIHG"; did you mean HIGH? (and 1 more: policy/gate.yaml:3: fixableOnly must be true or false)',
  ],
  [
    'an alias',
    'version: 1\nfailAt: &a HIGH\nexceptions: *a\n',
    'policy/gate.yaml:3: an alias hides what is meant: write the value out',
  ],
];
for (const [name, text, message] of wrong) {
  test(`refused: ${name}`, () => {
    const { code, exitCode, message: said, hint } = faultOf(text);
    expect({ code, exitCode, said }).toEqual({ code: 'BAD_POLICY', exitCode: 2, said: message });
    expect(hint).toContain('policy/README.md');
  });
}

const days: [text: string, isDay: boolean][] = [
  ['2026-12-31', true],
  ['2028-02-29', true],
  ['2026-02-29', false],
  ['2026-02-30', false],
  ['2026-13-01', false],
  ['2026-00-10', false],
  ['2026-1-1', false],
  ['2026-12-31T00:00:00Z', false],
  ['', false],
];
for (const [text, isDay] of days)
  test(`${JSON.stringify(text)} is ${isDay ? 'a' : 'no'} day`, () => expect(isDate(text)).toBe(isDay));
