// What a person sees when something is wrong: which stage, which command, the first real errors, and what to do.
import { readFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { add, ci, copyOfRepository, edit, type Ran, resultOf, temporaryFolder } from './support.ts';

let repository: string;
beforeEach(async () => {
  repository = await copyOfRepository('failing');
});

describe('a stage fails', () => {
  test('a broken test: its name, what was expected, where; and it is tried again, not remembered', async () => {
    await edit(repository, 'service/test/config.test.ts', (text) =>
      text.concat("\ntest('the broken one', () => expect(1 + 1).toBe(3));\n"),
    );
    const run = await ci(repository, ['test']);
    expect(run.exitCode).toBe(1);
    expect(lines(run.stdout, 'test failed')).toEqual([
      'test failed: service: exit 1',
      '  (cd service && npm test --silent)',
      expect.stringMatching(/^ {4}service\/test\/config\.test\.ts:\d+:\d+ the broken one: expected 2 to be 3/),
      ...['- Expected', '+ Received', '- 3', '+ 2'].map((line) => `      ${line}`),
      '  full log: out/logs/test-service.log',
      '  re-run:   npx tsx pipeline/ci.ts test',
    ]);
    expect(annotations(run)).toEqual([
      expect.stringMatching(
        /^::error file=service\/test\/config\.test\.ts,line=\d+,col=\d+,title=test\/config\.test\.ts > the broken one::expected 2 to be 3/,
      ),
    ]);
    const again = await ci(repository, ['test']);
    expect(again.exitCode).toBe(1);
    const steps = resultOf(again).stages.find(({ name }) => name === 'test')?.steps ?? [];
    expect(steps.map(({ name, cached }) => [name, cached])).toEqual([
      ['service', false],
      ['pipeline', true],
    ]);
  });

  test('a lint rule and a type: both are named in one run', async () => {
    await edit(repository, 'service/src/about.ts', (text) => `${text}\nexport const broken: number = 'text';\n`);
    await add(repository, { 'pipeline/src/core/broken.ts': 'export function broken(): void {\n  debugger;\n}\n' });
    const run = await ci(repository, ['lint']);
    expect(run.exitCode).toBe(1);
    const shown = lines(run.stdout, 'lint failed');
    expect(shown[0]).toBe('lint failed: repository: exit 1, types-service: exit 2');
    expect(shown).toContainEqual(
      expect.stringMatching(/^ {4}pipeline\/src\/core\/broken\.ts:2:3 lint\/suspicious\/noDebugger/),
    );
    expect(shown).toContainEqual(expect.stringMatching(/^ {4}src\/about\.ts\(\d+,\d+\): error TS2322: Type 'string'/));
    expect(shown).toContain('  full log: out/logs/lint-types-service.log');
    expect(shown.length).toBeLessThanOrEqual(12);
    expect(annotations(run)).toEqual([
      expect.stringMatching(
        /^::error file=pipeline\/src\/core\/broken\.ts,line=2,col=3,title=lint%3A repository::lint\/suspicious\/noDebugger: /,
      ),
      expect.stringMatching(
        /^::error file=service\/src\/about\.ts,line=\d+,col=\d+,title=lint%3A types-service::error TS2322: Type 'string'/,
      ),
    ]);
  });

  test('a package that cannot be installed ends the run after install', async () => {
    const integrity = /"integrity": "sha512-[^"]+"/;
    await edit(repository, 'service/package-lock.json', (text) =>
      text.replace(integrity, `"integrity": "sha512-${'A'.repeat(86)}=="`),
    );
    const run = await ci(repository, ['build']);
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toMatch(/^install failed: /m);
    expect(run.stdout).toMatch(/^ {4}Integrity checksum failed when using sha512: wanted sha512-AAA/m);
    expect(run.stdout).toMatch(/^skip {2}build {4}not reached: install failed$/m);
  });
});

describe('a run cannot begin', () => {
  const refusals: [name: string, break_: () => Promise<void>, message: RegExp, hint: RegExp][] = [
    [
      'a package.json that is not JSON',
      () => edit(repository, 'service/package.json', (text) => text.replace('{', '')),
      /^error: service\/package\.json is not JSON: /m,
      /^hint: fix it/m,
    ],
    [
      'a lock file of another package.json',
      () =>
        edit(repository, 'service/package.json', (text) => text.replace(/"express": "[^"]+"/, '"express": "4.0.0"')),
      /^error: service\/package-lock\.json does not belong to service\/package\.json: .*express/m,
      /^hint: .*npm install/m,
    ],
    [
      'no lock file',
      () => rm(join(repository, 'service/package-lock.json')),
      /^error: service\/package-lock\.json is missing/m,
      /^hint: .*npm install/m,
    ],
  ];
  for (const [name, breakIt, message, hint] of refusals) {
    test(name, async () => {
      await breakIt();
      const run = await ci(repository, []);
      expect(run.stdout).toMatch(message);
      expect(run.stdout).toMatch(hint);
      expect(run.stdout + run.stderr).not.toMatch(/^ {4}at /m);
      expect(run.exitCode).toBe(2);
      expect(resultOf(run)).toMatchObject({ verdict: 'error', exitCode: 2 });
    });
  }

  test('outside git', async () => {
    const copy = await temporaryFolder('no-git');
    await cp(repository, copy, { recursive: true, filter: (path) => !path.endsWith('.git') });
    const run = await ci(copy, []);
    expect(run.stderr).toBe(
      `error: ${copy} is not in a git repository\nhint: go to a repository, or make one of it: git init, and commit\n`,
    );
    expect(run.exitCode).toBe(2);
  });
});

/** From the line that begins so to the next blank one. */
function lines(text: string, start: string): string[] {
  const all = text.split('\n');
  const from = all.findIndex((line) => line.startsWith(start));
  return all.slice(from, all.indexOf('', from));
}

/** What GitHub would show on the lines of a pull request. */
function annotations({ output }: Ran): string[] {
  return readFileSync(join(output, 'annotations.txt'), 'utf8').split('\n').slice(0, -1);
}
