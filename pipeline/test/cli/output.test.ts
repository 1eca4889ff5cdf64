// The output folder before a run: what an earlier run left is gone, what others put there stays.
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { prepareOutput } from '../../cli/output.ts';
import { renderReport } from '../../src/core/report.ts';
import { run } from '../core/make.ts';
import { refusalOf, temporaryFolder } from './make.ts';

function write(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), 'x');
  }
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
  prepareOutput(folder);
  expect(list(folder)).toEqual(['logs']);
});

test('stale files of an earlier run vanish', () => {
  const folder = temporaryFolder();
  write(folder, earlier);
  prepareOutput(folder);
  expect(list(folder)).toEqual(['logs']);
});

test('foreign files stay', () => {
  const folder = temporaryFolder();
  write(folder, foreign);
  const before = list(folder);
  write(folder, earlier);
  prepareOutput(folder);
  expect(list(folder)).toEqual(before);
});

test('whatever a report writes is stale for the next run', () => {
  const folder = temporaryFolder();
  write(folder, [...renderReport(run(), new Map(), new Map([['logs/test-service.log', '']])).keys()]);
  prepareOutput(folder);
  expect(list(folder)).toEqual(['logs']);
});

test('a link to a folder is a folder', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'real'));
  symlinkSync('real', join(folder, 'link'));
  prepareOutput(join(folder, 'link'));
  expect(list(join(folder, 'real'))).toEqual(['logs']);
});

test('--output that is a file is refused, and the file is left alone', () => {
  const file = join(temporaryFolder(), 'out');
  writeFileSync(file, 'x');
  expect(refusalOf(() => prepareOutput(file))).toEqual({
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
    const refusal = refusalOf(() => prepareOutput(join(folder, output)));
    expect(refusal).toMatchObject({ code: 'BAD_OPTION', message: `--output ${join(folder, fault)}` });
  });
}

test('what is not the fault of the option is thrown as it was', () => {
  expect(() => prepareOutput(join(temporaryFolder(), 'x'.repeat(300)))).toThrow('ENAMETOOLONG');
});
