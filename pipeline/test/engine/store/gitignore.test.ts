// Lines of .gitignore with many `**`, held against git itself; and one that a regular expression of each took ages for.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { PathFilter } from '../../../engine/store/patterns.ts';

const folder = mkdtempSync(join(tmpdir(), 'drydock-gitignore-'));
afterAll(() => rmSync(folder, { recursive: true }));
const hasGit = spawnSync('git', ['init', '--quiet', folder]).status === 0;

const PATHS = [
  'a/x',
  'a/b/x',
  'a/b/c/x',
  'a/b/c/d/x',
  'b/x',
  'x',
  'a/b/c/d/x/y',
  'a/b/c/d',
  'c/a/b/c/d/x',
  'a/x/1.log',
];

/** Files that are ignored, as git tells them. */
function byGit(lines: string): string[] {
  writeFileSync(join(folder, '.gitignore'), lines);
  const input = PATHS.join('\n');
  try {
    return execFileSync('git', ['-C', folder, 'check-ignore', '--no-index', '--stdin'], { input, encoding: 'utf8' })
      .trim()
      .split('\n');
  } catch (error) {
    if ((error as { status?: number }).status === 1) return [];
    throw error;
  }
}

/** As a walk has it: nothing is asked of what lies in a folder that is ignored. */
function byUs(lines: string): string[] {
  const paths = new PathFilter({ gitignore: true });
  paths.addGitignore('', lines);
  const above = (path: string) => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
  return PATHS.filter((path) => above(path).some((folder) => paths.skipsFolder(folder)) || !paths.keepsFile(path));
}

for (const lines of [
  'a/**/b/**/c/**/x',
  '/a/**/b/**/c/**/x',
  '**/a/**/**/x',
  'a/**/b/**/c/**/d/',
  '**/**/**/x/',
  'a/**/**/**',
  'x\na/**/b/**/c/**/d\n!a/b/c/x',
  'x\n!**/**/**/x',
  '**/**/**/x\n!x\nb/x',
  '*.log\n!**/**/**/x',
  '# a/**/b/**/c/**/x',
  'a/**/[c-b]/**/c/**/x',
  'a/**/?/**/[!z]/**/x  ',
])
  test.runIf(hasGit)(JSON.stringify(lines), () => expect(byUs(lines)).toEqual(byGit(lines)));

test('a line of many folders', () => {
  const paths = new PathFilter({ gitignore: true });
  paths.addGitignore('', `a/${'**/d/'.repeat(20)}x`);
  expect(paths.keepsFile(`a/${'d/'.repeat(500)}y`)).toBe(true);
  expect(paths.keepsFile(`a/${'d/'.repeat(500)}x`)).toBe(false);
});
