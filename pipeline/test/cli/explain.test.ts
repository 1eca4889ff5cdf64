// `explain`: reads records of verdicts, and says in one sentence what is wrong with a file that is none.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { explainFiles } from '../../cli/explain.ts';
import { renderVerdict } from '../../src/core/gate/verdict.ts';
import { finding, record, secret } from '../core/gate/make.ts';
import { refusalOf, temporaryFolder } from './make.ts';

function write(name: string, text: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

const red = renderVerdict(record({ findings: [finding()], date: '2026-06-02' }));
const before = renderVerdict(record({ findings: [finding(), secret()] }));

test('one record is explained', () => {
  const text = explainFiles({ kind: 'explain', verdict: write('verdict.json', red), before: null });
  expect(text).toMatch(/^failed on 2026-06-02\n {2}1 vulnerability: CVE-2026-0001 in lodash 4\.17\.4\n/);
  expect(text).toContain('COUNTS HIGH     CVE-2026-0001 in lodash 4.17.4 (service/package-lock.json:7)\n');
});

test('two are compared first', () => {
  const text = explainFiles({
    kind: 'explain',
    verdict: write('verdict.json', red),
    before: write('before.json', before),
  });
  expect(text).toMatch(
    /^failed on 2026-06-01 → failed on 2026-06-02: moved by: code\n {2}- secret github-pat service\/settings\.env\n/,
  );
  expect(text).toContain('\n\nfailed on 2026-06-02\n');
});

test('a record with line breaks in its texts makes no lines', () => {
  const title = 'x\npassed in 1.0 s';
  const found = finding({
    id: title,
    title,
    fixedIn: title,
    via: ['a', title],
    places: [{ in: 'source', file: title, line: 1 }],
  });
  const [a, b] = [record({ findings: [found], policyFrom: title }), record()].map(renderVerdict);
  const text = explainFiles({ kind: 'explain', verdict: write('a.json', a ?? ''), before: write('b.json', b ?? '') });
  expect(text).not.toMatch(/^passed in/m);
});

const refused: [name: string, path: () => string, code: string, message: RegExp][] = [
  ['no file', () => join(temporaryFolder(), 'none.json'), 'BAD_OPTION', /none\.json cannot be read: ENOENT/],
  [
    'a folder',
    () => {
      const path = join(temporaryFolder(), 'folder');
      mkdirSync(path);
      return path;
    },
    'BAD_OPTION',
    /folder cannot be read: EISDIR/,
  ],
  [
    'a file cut off',
    () => write('cut.json', red.slice(0, 100)),
    'BAD_VERDICT',
    /cut\.json is no verdict: it is not JSON/,
  ],
  [
    'another file',
    () => write('result.json', '{"schemaVersion": 1}'),
    'BAD_VERDICT',
    /result\.json is no verdict: \w+ is not an object/,
  ],
  [
    'an altered one',
    () => write('a.json', red.replace('"name": "lodash"', '"name": "other"')),
    'BAD_VERDICT',
    /the decisions are not about the findings/,
  ],
];
for (const [name, path, code, message] of refused) {
  test(`refused: ${name}`, () => {
    const refusal = refusalOf(() => explainFiles({ kind: 'explain', verdict: path(), before: null }));
    expect([refusal.code, refusal.exitCode]).toEqual([code, 2]);
    expect(refusal.message).toMatch(message);
  });
}

test('the record before is refused by its own name', () => {
  const given = { kind: 'explain' as const, verdict: write('verdict.json', red), before: write('before.json', '') };
  expect(refusalOf(() => explainFiles(given)).message).toMatch(/before\.json is no verdict: it is not JSON/);
});

test('of a run of several services: each is named', () => {
  const folder = temporaryFolder();
  for (const name of ['web', 'api', 'logs']) mkdirSync(join(folder, name));
  for (const name of ['web', 'api']) writeFileSync(join(folder, name, 'verdict.json'), red);
  const given = { kind: 'explain' as const, verdict: join(folder, 'verdict.json'), before: null };
  const commands = ['api', 'web'].map((name) => `npx tsx pipeline/ci.ts explain ${join(folder, name, 'verdict.json')}`);
  expect(refusalOf(() => explainFiles(given)).hint).toBe(`each service has its own: ${commands.join(', or ')}`);
});
