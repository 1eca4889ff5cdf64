// policy/README.md says what there is: every field of the policy, every check, and examples that are taken as they stand.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SEVERITIES } from '../../../src/core/gate/finding.ts';
import { DEFAULT_POLICY, parsePolicy } from '../../../src/core/gate/policy.ts';
import { parseVex } from '../../../src/core/gate/vex.ts';
import { exception } from './make.ts';

const POLICY = new URL('../../../../policy/', import.meta.url);
const readme = readFileSync(new URL('README.md', POLICY), 'utf8');
const block = (language: string) => new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(readme)?.[1] ?? '';
/** Names in the first column of the tables. */
const rows = [...readme.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name]) => name);

const { line: _place, ...ofException } = exception();
const fields = [
  'version',
  ...Object.keys(DEFAULT_POLICY).filter((name) => name !== 'database'),
  ...Object.keys(DEFAULT_POLICY.database).map((name) => `database.${name}`),
  ...Object.keys(ofException),
];
for (const field of fields) test(`the field ${field} is described`, () => expect(rows).toContain(field));

test('no field is described that there is not', () => {
  const others = ['gate.yaml', 'vex/*.json', 'checks/', 'budgets.yaml'];
  expect(rows.filter((name) => !name?.startsWith('DRYDOCK') && !others.includes(name ?? '')).sort()).toEqual(
    fields.sort(),
  );
});

test('the policy of the example is one, and so is the VEX document', () => {
  expect(parsePolicy(block('yaml')).exceptions.map(({ id }) => id)).toEqual(['CVE-2026-0002', 'DRYDOCK-C005']);
  expect(parseVex([{ file: 'example', text: block('json') }]).length).toBe(2);
});

// ------------------------------------------------------------------------------------------------ checks

const CHECKS = new URL('checks/', POLICY);
const checks = ['compose', 'workflow'].flatMap((folder) =>
  readdirSync(new URL(folder, CHECKS)).map((name) => ({
    path: `${folder}/${name}`,
    text: readFileSync(new URL(`${folder}/${name}`, CHECKS), 'utf8'),
  })),
);
const field = (text: string, name: string) => new RegExp(`^#\\s+${name}: (.+)$`, 'm').exec(text)?.[1] ?? '';
const found = readFileSync(new URL('../../fixtures/trivy/own-checks.txt', import.meta.url), 'utf8');

for (const { path, text } of checks) {
  test(`the check ${path} says what it is, is described, and was seen to find something`, () => {
    const id = field(text, 'id');
    expect(text).toMatch(/^# METADATA\n# title: \S.*\n# description: \S/);
    expect(id).toMatch(/^DRYDOCK-[CW]\d{3}$/);
    expect(SEVERITIES).toContain(field(text, 'severity'));
    expect(readme).toMatch(new RegExp(`^\\| \`${id}\` \\| ${field(text, 'severity')} `, 'm'));
    expect(found).toContain(` ${id} `);
    expect(text).toMatch(new RegExp(`^package user\\.drydock\\.${id.replace('-', '_').toLowerCase()}$`, 'm'));
    // What an old Trivy leaves out without a word, and the new one does where there is no Kubernetes manifest.
    expect(text).not.toMatch(/rego\.v1|selector/);
  });
}

test('every check has an id of its own, and no other is described', () => {
  const ids = checks.map(({ text }) => field(text, 'id')).sort();
  expect(new Set(ids).size).toBe(ids.length);
  expect(rows.filter((name) => name?.startsWith('DRYDOCK')).sort()).toEqual(ids);
});
