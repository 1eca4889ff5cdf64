// The output folder around a run: what an earlier run left is replaced at its end, what others put there stays, and one run has it at a time.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { takeOutput } from '../../cli/output.ts';
import { stagesOf } from '../../src/core/functions.ts';
import type { StageName } from '../../src/core/model.ts';
import { renderReport } from '../../src/core/report.ts';
import { processName } from '../../src/process-name.ts';
import { run } from '../core/make.ts';
import { hasGit } from '../git.ts';
import { TYPESCRIPT } from '../typescript.ts';
import { refusalOf, temporaryFolder } from './make.ts';

function write(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), 'x');
  }
}

const CI = stagesOf('ci');

/** A run of these stages that takes the folder and ends with 0, having written these files. */
function runIn(folder: string, files: readonly string[] = [], stages: readonly StageName[] = CI): void {
  const output = takeOutput(folder, stages);
  write(output.aside, files);
  output.settle(0);
  output.release();
}

const list = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

const earlier = [
  'result.json',
  'junit.xml',
  'summary.md',
  'exit-code',
  'image.tar',
  'logs/install-service.log',
  'logs/lint-biome.log',
  'logs/test-service.log',
  'logs/build-assemble.log',
];
const foreign = [
  'notes.md',
  'logs/mine.log',
  'logs/lint.log',
  'logs/deploy-1.log',
  'deep/result.json',
  'coverage/lcov.info',
];

test('a folder that is not there is made', () => {
  const folder = join(temporaryFolder(), 'a', 'b');
  runIn(folder);
  expect(list(folder)).toEqual(['.gitignore', 'exit-code', 'logs']);
});

test('stale files of an earlier run vanish', () => {
  const folder = temporaryFolder();
  write(folder, earlier);
  runIn(folder, ['result.json', 'logs/lint-biome.log']);
  expect(list(folder)).toEqual(['exit-code', 'logs', 'logs/lint-biome.log', 'result.json']);
});

const made: [name: string, stages: readonly StageName[], gone: string[]][] = [
  ['lint', stagesOf('lint'), ['capsule-lint.tar', 'logs/lint-biome.log']],
  ['build', stagesOf('build'), ['image.tar', 'logs/build-assemble.log']],
  ['sbom', stagesOf('sbom'), ['image.tar', 'logs/build-assemble.log', 'sbom.spdx.json', 'sbom-source.cdx.json']],
  ['gate --replay', stagesOf('gate', { replay: true }), ['scan.sarif', 'verdict.json']],
  [
    'gate --image',
    stagesOf('gate', { image: true }),
    ['sbom.spdx.json', 'sbom-source.cdx.json', 'scan.json', 'scan.sarif', 'verdict.json'],
  ],
  ['verify', stagesOf('verify'), []],
  ['cd --run', stagesOf('cd', { run: true }), ['release.json', 'scan.sarif', 'verdict.json']],
];
test.for(made)('%s replaces the account and what it makes, and keeps the rest', ([, stages, gone]) => {
  const folder = temporaryFolder();
  const account = [
    'result.json',
    'junit.xml',
    'summary.md',
    'report.html',
    'annotations.txt',
    'logs/install-tools.log',
  ];
  const results = [
    'image.tar',
    'sbom.spdx.json',
    'sbom-source.cdx.json',
    'scan.json',
    'scan.sarif',
    'verdict.json',
    'release.json',
  ];
  const rest = ['capsule-lint.tar', 'logs/lint-biome.log', 'logs/build-assemble.log'];
  write(folder, ['exit-code', ...account, ...results, ...rest]);
  runIn(folder, ['result.json'], stages);
  const kept = [...results, ...rest].filter((name) => !gone.includes(name));
  expect(list(folder)).toEqual(['exit-code', 'logs', 'result.json', ...kept].sort());
});

test('a capsule of several stages goes when all of them ran again', () => {
  const folder = temporaryFolder();
  write(folder, ['exit-code', 'capsule-lint-test.tar']);
  runIn(folder, [], stagesOf('lint'));
  expect(list(folder)).toContain('capsule-lint-test.tar');
  runIn(folder, [], stagesOf('ci'));
  expect(list(folder)).not.toContain('capsule-lint-test.tar');
});

test('foreign files stay', () => {
  const folder = temporaryFolder();
  write(folder, foreign);
  const before = list(folder);
  write(folder, earlier);
  runIn(folder);
  expect(list(folder)).toEqual(['exit-code', ...before].sort());
});

test('whatever a report writes is stale for the next run', () => {
  const folder = temporaryFolder();
  write(folder, [...renderReport(run(), new Map(), new Map([['logs/test-service.log', '']])).keys()]);
  runIn(folder);
  expect(list(folder)).toEqual(['exit-code', 'logs']);
});

test('a link to a folder is a folder', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'real'));
  symlinkSync('real', join(folder, 'link'));
  runIn(join(folder, 'link'));
  expect(list(join(folder, 'real'))).toEqual(['exit-code', 'logs']);
});

test('--output that is a file is refused, and the file is left alone', () => {
  const file = join(temporaryFolder(), 'out');
  writeFileSync(file, 'x');
  expect(refusalOf(() => takeOutput(file, CI))).toEqual({
    code: 'BAD_OPTION',
    exitCode: 2,
    message: `--output ${file} is a file`,
    hint: 'name a folder',
  });
});

const inTheWay: [name: string, file: string, output: string, fault: string][] = [
  ['below a file', 'file', 'file/out', 'file/out is below a file'],
  ['far below a file', 'file', 'file/a/b/out', 'file/a/b/out is below a file'],
  ['with a file where its logs go', 'out/logs', 'out', 'out/logs is a file'],
];
for (const [name, file, output, fault] of inTheWay) {
  test(`--output ${name} is refused`, () => {
    const folder = temporaryFolder();
    write(folder, [file]);
    const refusal = refusalOf(() => takeOutput(join(folder, output), CI));
    expect(refusal).toMatchObject({ code: 'BAD_OPTION', message: `--output ${join(folder, fault)}` });
  });
}

test('what is not the fault of the option is thrown as it was', () => {
  expect(() => takeOutput(join(temporaryFolder(), 'x'.repeat(300)), CI)).toThrow('ENAMETOOLONG');
});

test('while a run goes on there is no exit code, and all else is as it was', () => {
  const folder = temporaryFolder();
  write(folder, earlier);
  const before = list(folder);
  const output = takeOutput(folder, CI);
  write(output.aside, ['result.json']);
  expect(list(folder).filter((name) => !name.startsWith('.'))).toEqual(before.filter((name) => name !== 'exit-code'));
  output.release(); // it could not write all of it, say
  expect(list(folder)).toEqual(before.filter((name) => name !== 'exit-code'));
});

test('usage error leaves all as it was', () => {
  const folder = temporaryFolder();
  write(folder, [...earlier, 'logs/x']);
  const before = list(folder);
  const output = takeOutput(folder, CI);
  output.restore();
  output.release();
  expect(list(folder)).toEqual(before);
  expect(readFileSync(join(folder, 'exit-code'), 'utf8')).toBe('x');
});

test('where results cannot be put in place there is no exit code, whatever an earlier run ended with', () => {
  const folder = temporaryFolder();
  runIn(folder, ['result.json', 'summary.md']);
  rmSync(join(folder, 'summary.md'));
  mkdirSync(join(folder, 'summary.md/x'), { recursive: true });
  const output = takeOutput(folder, CI);
  write(output.aside, ['result.json', 'summary.md']);
  expect(() => output.settle(1)).toThrow(/directory/);
  output.restore();
  output.release();
  expect(list(folder)).not.toContain('exit-code');
});

test('where an exit code cannot be put the folder is let go', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'exit-code/x'), { recursive: true });
  for (let times = 0; times < 2; times++) expect(() => takeOutput(folder, CI)).toThrow(/directory/);
  expect(list(folder).filter((name) => name.startsWith('.running'))).toEqual([]);
});

test('a pipe or a link in the place of the exit code gives way to it', () => {
  const [folder, elsewhere] = [temporaryFolder(), join(temporaryFolder(), 'elsewhere')];
  writeFileSync(elsewhere, 'kept');
  for (const plant of [
    (path: string) => execFileSync('mkfifo', [path]),
    (path: string) => symlinkSync(elsewhere, path),
  ]) {
    plant(join(folder, 'exit-code'));
    runIn(folder);
    expect(readFileSync(join(folder, 'exit-code'), 'utf8')).toBe('0\n');
    rmSync(join(folder, 'exit-code'));
  }
  expect(readFileSync(elsewhere, 'utf8')).toBe('kept');
});

test('the exit code of the report gives way to the one that is written last', () => {
  const folder = temporaryFolder();
  runIn(folder, ['exit-code']);
  expect(readFileSync(join(folder, 'exit-code'), 'utf8')).toBe('0\n');
});

test.runIf(hasGit)('git sees nothing of a new folder; one that was there is left as it was', () => {
  const parent = temporaryFolder();
  const git = (...args: string[]) => spawnSync('git', ['-C', parent, ...args], { encoding: 'utf8' }).stdout;
  git('init', '--quiet');
  mkdirSync(join(parent, 'kept'));
  for (const name of ['results/of/a run', 'kept']) {
    const output = takeOutput(join(parent, name), CI);
    mkdirSync(output.aside, { recursive: true });
    writeFileSync(join(output.aside, 'summary.md'), 'x');
    output.settle(0);
    output.release();
  }
  expect(git('status', '--porcelain', '--untracked-files=all')).toBe('?? kept/exit-code\n?? kept/summary.md\n');
});

test('a second run is told who has the folder; one that was killed has it no more', () => {
  const folder = temporaryFolder();
  const first = takeOutput(folder, CI);
  expect(refusalOf(() => takeOutput(folder, CI))).toMatchObject({
    code: 'OUTPUT_IN_USE',
    exitCode: 2,
    message: `${folder} is being written by another run, process ${process.pid}`,
  });
  first.release();
  writeFileSync(join(folder, '.running'), processName().replace(`-${process.pid}-`, `-${spawnSync('true').pid}-`));
  takeOutput(folder, CI).release();
  expect(list(folder)).toEqual(['logs']);
});

const killed = () => processName().replace(`-${process.pid}-`, `-${spawnSync('true').pid}-`);
const HOLD = fileURLToPath(new URL('programs/hold.ts', import.meta.url));
const found: [what: string, left: (folder: string) => Record<string, string>][] = [
  ['a folder that is new', () => ({})],
  ['one that a run was killed in', () => ({ '.running': killed() })],
  ['one with a lock that is empty', () => ({ '.running': '' })],
];
test('of many processes that want a folder at one moment, one has it', { timeout: 120_000 }, async () => {
  const holders = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, [...TYPESCRIPT, HOLD], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill());
    return { child, said: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const askAll = async (folder: string) => {
    const line = JSON.stringify({ folder, at: Date.now() + 20 });
    for (const { child } of holders) child.stdin.write(`${line}\n`);
    return await Promise.all(holders.map(async ({ said }) => (await said.next()).value as string));
  };
  await askAll(temporaryFolder()); // all of them have started
  for (let round = 0; round < 60; round++) {
    const folder = temporaryFolder();
    const [what, left] = found[round % found.length] as (typeof found)[number];
    for (const [name, text] of Object.entries(left(folder))) writeFileSync(join(folder, name), text);
    const said = (await askAll(folder)).sort();
    expect(said, what).toEqual([...Array(5).fill('OUTPUT_IN_USE'), 'held']);
    expect(list(folder), what).toEqual(['.running', 'logs']);
  }
});

test('one that was killed while it took the place of another has nothing, and leaves nothing', () => {
  const folder = temporaryFolder();
  const [first, second] = [killed(), `${killed()} x`];
  writeFileSync(join(folder, '.running'), first);
  const hash = createHash('sha256').update(first).digest('hex').slice(0, 16);
  writeFileSync(join(folder, `.running.${hash}`), second);
  const output = takeOutput(folder, CI);
  expect(list(folder)).toEqual(['.running', 'logs']);
  expect(refusalOf(() => takeOutput(folder, CI)).code).toBe('OUTPUT_IN_USE');
  output.release();
  expect(list(folder)).toEqual(['logs']);
});
