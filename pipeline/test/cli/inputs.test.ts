// The files and folders of a command line: found to be there, and of the right kind, before anything starts.
import { existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseInvocation } from '../../cli/arguments.ts';
import { type CheckedInputs, checkInputs, filesOf } from '../../cli/inputs.ts';
import { takeOutput } from '../../cli/output.ts';
import { refusalOf, temporaryFolder } from './make.ts';

/** A folder with one of each, and the options as they are typed with `DIR` for it. */
function check(line: string): { folder: string; checked: CheckedInputs } {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'db'));
  mkdirSync(join(folder, 'ghcr.io', 'x'), { recursive: true });
  for (const name of ['image.tar', 'verdict.json', 'db/trivy.db']) writeFileSync(join(folder, name), 'x');
  const args = line === '' ? [] : line.split(' ').map((word) => word.replace('DIR', folder));
  const invocation = parseInvocation(['gate', ...args]);
  if (invocation.kind !== 'stages') throw new Error('this runs no stage');
  return { folder, checked: checkInputs(invocation.options) };
}

const NOTHING = {
  compare: null,
  images: null,
  image: null,
  baseline: null,
  replay: null,
  run: null,
  files: null,
  cosignPub: null,
  vulnDb: null,
};
const taken: [line: string, checked: Partial<Record<keyof CheckedInputs, unknown>>][] = [
  ['', {}],
  ['--images DIR/db', { images: 'DIR/db' }],
  ['--image DIR/image.tar', { image: 'DIR/image.tar' }],
  ['--image DIR/db/../image.tar', { image: 'DIR/image.tar' }],
  ['--baseline DIR/verdict.json', { baseline: 'DIR/verdict.json' }],
  ['--replay DIR/verdict.json', { replay: 'DIR/verdict.json' }],
  ['--vuln-db DIR/db', { vulnDb: { path: 'DIR/db' } }],
  ['--vuln-db DIR/db/trivy.db', { vulnDb: { path: 'DIR/db/trivy.db' } }],
  ['--vuln-db ghcr.io/aquasecurity/trivy-db:2', { vulnDb: { reference: 'ghcr.io/aquasecurity/trivy-db:2' } }],
  ['--vuln-db localhost:5000/db:2', { vulnDb: { reference: 'localhost:5000/db:2' } }],
  ['--vuln-db localhost/db', { vulnDb: { reference: 'localhost/db' } }],
  ['--vuln-db-ref library/db', { vulnDb: { reference: 'library/db' } }],
];
for (const [line, expected] of taken) {
  test(`taken: ${line || 'nothing'}`, () => {
    const { folder, checked } = check(line);
    expect(JSON.parse(JSON.stringify(checked).replaceAll(folder, 'DIR'))).toEqual({ ...NOTHING, ...expected });
  });
}

const refused: [line: string, message: RegExp, hint: RegExp][] = [
  ['--images DIR/none', /^--images .*none is not a folder$/, /images --output DIR/],
  ['--images DIR/image.tar', /^--images .*image\.tar is not a folder$/, /images --output DIR/],
  ['--image DIR/none.tar', /^--image .*none\.tar is not a file$/, /image\.tar/],
  ['--image DIR/db', /^--image .*db is not a file$/, /image\.tar/],
  ['--baseline DIR/none', /^--baseline .*none is not a file$/, /base branch/],
  ['--replay DIR/none', /^--replay .*none is not a file$/, /verdict\.json/],
  ['--vuln-db DIR/none', /^--vuln-db .*none is neither a folder nor a reference$/, /trivy\.db and metadata\.json/],
  ['--vuln-db vuln-db', /^--vuln-db vuln-db is neither a folder nor a reference$/, /trivy\.db/],
  ['--vuln-db ./db', /^--vuln-db \.\/db is neither a folder nor a reference$/, /trivy\.db/],
  ['--vuln-db ../x.y/db', /^--vuln-db \.\.\/x\.y\/db is neither a folder nor a reference$/, /trivy\.db/],
  ['--vuln-db ~/db', /^--vuln-db ~\/db is neither a folder nor a reference$/, /trivy\.db/],
  ['--vuln-db ghcr.io/UPPER/db', /^--vuln-db: "ghcr\.io\/UPPER\/db" is not an image reference/, /^write ghcr\.io/],
  ['--vuln-db-ref DIR/db', /^--vuln-db-ref: ".*db" is not an image reference/, /^write ghcr\.io/],
];
for (const [line, message, hint] of refused) {
  test(`refused: ${line}`, () => {
    const refusal = refusalOf(() => check(line));
    expect([refusal.code, refusal.exitCode]).toEqual(['BAD_OPTION', 2]);
    expect(refusal.message).toMatch(message);
    expect(refusal.hint).toMatch(hint);
  });
}

test('the files of a run are those that an earlier run may have written: its output must not take them away', () => {
  const { folder, checked } = check('--image DIR/image.tar --baseline DIR/verdict.json --images DIR/db');
  expect(filesOf(checked)).toEqual([join(folder, 'image.tar'), join(folder, 'verdict.json')]);
});

test('refused: what is larger than any record, without being read', () => {
  const { folder } = check('');
  truncateSync(join(folder, 'verdict.json'), 300 * 2 ** 30); // sparse: it takes no room
  for (const option of ['replay', 'baseline']) {
    const invocation = parseInvocation(['gate', `--${option}`, join(folder, 'verdict.json')]);
    if (invocation.kind !== 'stages') throw new Error('this runs no stage');
    const refusal = refusalOf(() => checkInputs(invocation.options));
    expect(refusal.message).toMatch(/verdict\.json is larger than any that a run writes$/);
  }
});

test('refused: an image that is larger than the disk', () => {
  const { folder } = check('');
  truncateSync(join(folder, 'image.tar'), 15 * 2 ** 40);
  const refusal = refusalOf(() => check(`--image ${folder}/image.tar`));
  expect([refusal.code, refusal.exitCode]).toEqual(['NO_SPACE', 3]);
  expect(refusal.message).toMatch(/image\.tar is larger than what is free at /);
});

const same: [what: string, run: string, output: string][] = [
  ['in other words', 'db/../db', 'db'],
  ['by a link to it', 'db', 'link'],
  ['by a link from it', 'link', 'db'],
  ['by a link above it', 'parent/db', 'db'],
  ['by two links', 'link', 'parent/link'],
];
test.for(same)("refused: a run's report where the next one goes, %s", ([, run, output]) => {
  const { folder } = check('');
  symlinkSync('db', join(folder, 'link'));
  symlinkSync('.', join(folder, 'parent'));
  const invocation = parseInvocation(['cd', '--run', join(folder, run), '--output', join(folder, output)]);
  if (invocation.kind !== 'stages') throw new Error('this runs no stage');
  const refusal = refusalOf(() => checkInputs(invocation.options));
  expect(refusal.message).toMatch(/^--run .* is read, and is also where this would write its own report$/);
  expect(refusal.hint).toContain('--output shipped');
});

test('taken: a report that goes to a folder that is not there yet, below a link', () => {
  const { folder } = check('');
  symlinkSync('.', join(folder, 'parent'));
  const invocation = parseInvocation(['cd', '--run', join(folder, 'db'), '--output', join(folder, 'parent/a/b')]);
  if (invocation.kind !== 'stages') throw new Error('this runs no stage');
  expect(checkInputs(invocation.options).run).toBe(join(folder, 'db'));
});

test('a file that is read through a link stays where an earlier run wrote it, and so does the link', () => {
  const { folder } = check('');
  symlinkSync('.', join(folder, 'parent'));
  for (const name of ['parent/verdict.json', 'scan.sarif']) {
    if (name === 'scan.sarif') symlinkSync('verdict.json', join(folder, name));
    const output = takeOutput(folder, ['gate'], filesOf(check(`--replay ${join(folder, name)}`).checked));
    output.settle(0);
    output.release();
    expect(existsSync(join(folder, name)), name).toBe(true); // through the link, so both are there
  }
});
