// Started where something is missing that npm and Node bring: a sentence, the command that brings it, exit code 3, and nothing before.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import manifest from '../../../../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'drydock-needs-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A copy of the repository as git gives it: without packages. */
const clone = join(scratch, "it's cloned");
for (const path of ['bin', 'cli', 'src', 'engine', 'package.json', 'ci.ts'])
  cpSync(join(ROOT, 'pipeline', path), join(clone, 'pipeline', path), { recursive: true });

type Outcome = { exitCode: number | null; stdout: string; stderr: string };

function run(cwd: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const [program = '', ...args] = command;
  const clean = { PATH: process.env.PATH, HOME: scratch, XDG_CACHE_HOME: join(scratch, 'cache'), ...env };
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd, env: clean }, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

const refused = (error: string, hint: string): Outcome => ({
  exitCode: 3,
  stdout: '',
  stderr: `error: ${error}\nhint: ${hint}\n`,
});

const DOORS: [door: string, command: (root: string) => string[]][] = [
  ['drydock.mjs', (root) => [process.execPath, join(root, 'pipeline/bin/drydock.mjs'), 'build']],
  ['ci.ts', (root) => [process.execPath, '--import', TSX, join(root, 'pipeline/ci.ts'), 'build']],
  ['the engine', (root) => [process.execPath, join(root, 'pipeline/engine/launch.mjs'), 'session']],
];
const TSX = import.meta.resolve('tsx');

describe.each(DOORS)('%s', (_, command) => {
  const missing = 'the packages of drydock are not installed';

  test('without packages', async () => expect(await run(clone, command(clone))).toEqual(refused(missing, 'npm ci')));

  test('where npm leaves out what is for development', async () =>
    expect(await run(clone, command(clone), { NODE_ENV: 'production' })).toEqual(
      refused(missing, 'npm ci --include=dev'),
    ));

  test('called from elsewhere, the command can be pasted', async () => {
    const { stderr } = await run(scratch, command(clone));
    const [, hint = ''] = /^hint: (.*)$/m.exec(stderr) ?? [];
    const { stdout } = await run(scratch, ['sh', '-c', hint.replace(/npm ci$/, 'pwd')]);
    expect(stdout).toBe(`${clone}\n`);
  });
});

test('a bundler without its program for this machine, as npm leaves it with --omit=optional', async () => {
  const partly = join(scratch, 'partly');
  mkdirSync(join(partly, 'node_modules/@dagger.io'), { recursive: true });
  cpSync(join(clone, 'pipeline'), join(partly, 'pipeline'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules/@dagger.io/dagger'), join(partly, 'node_modules/@dagger.io/dagger'));
  cpSync(join(ROOT, 'node_modules/esbuild'), join(partly, 'node_modules/esbuild'), { recursive: true });
  rmSync(join(partly, 'node_modules/esbuild/bin'), { recursive: true });
  const command = [process.execPath, join(partly, 'pipeline/bin/drydock.mjs'), '--version'];
  expect(await run(partly, command)).toEqual(refused('the packages of drydock are not installed', 'npm ci'));
});

/** This Node, under the version of another (nodejs.org/dist/index.json). */
const under = (version: string, command: string[]): string[] => {
  const named = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  return [process.execPath, `--import=data:text/javascript,${encodeURIComponent(named)}`, ...command.slice(1)];
};
const versions: [version: string, isEnough: boolean][] = [
  ['18.20.8', false],
  ['20.9.0', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['22.0.0', true],
  ['100.0.0', true],
];
for (const [version, isEnough] of versions)
  for (const [door, command] of DOORS)
    test(`${door} on Node ${version}`, async () => {
      const wanted = isEnough
        ? refused('the packages of drydock are not installed', 'npm ci')
        : refused(
            `Node ${version} is too old, drydock needs ${manifest.engines.node.replace('>=', '')} or newer`,
            'install a newer one: https://nodejs.org/en/download',
          );
      expect(await run(clone, under(version, command(clone)))).toEqual(wanted);
    });

test('a package that was packed where npm runs no scripts says how it is packed', async () => {
  const folder = join(scratch, 'packed');
  cpSync(join(clone, 'pipeline/bin'), join(folder, 'bin'), { recursive: true });
  expect(await run(scratch, [process.execPath, join(folder, 'bin/drydock.mjs'), 'build'])).toEqual(
    refused(
      'this package of drydock was packed without its programs: npm ran no scripts there',
      'pack it once more: npm pack ./pipeline --ignore-scripts=false',
    ),
  );
});
