// The command line from one file, in a copy of its sources: made when it has to be, again when something is wrong with it, and not needed.
import { execFile, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { renderCompletion, renderHelp } from '../../../cli/help.ts';
import { VERSION } from '../../../src/core/version.ts';
import { AMONG_TOOLS, toolsFolder } from '../tools.ts';

const PIPELINE = fileURLToPath(new URL('../../..', import.meta.url));
const VERSION_LINE = `drydock ${VERSION}\n`;
const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

const folder = mkdtempSync(join(tmpdir(), 'drydock-bundle-'));
const copy = join(folder, 'repository/pipeline');
const cache = join(folder, 'cache');
const bundles = join(cache, 'drydock/bundles');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => {
  for (const path of ['bin', 'cli', 'src', 'engine', 'package.json'])
    cpSync(join(PIPELINE, path), join(copy, path), { recursive: true });
  symlinkSync(join(PIPELINE, '../node_modules'), join(folder, 'repository/node_modules'));
});
beforeEach(() => rmSync(cache, { recursive: true, force: true }));

type Outcome = { exitCode: number | null; stdout: string; stderr: string };

function drydock(args: readonly string[], cacheHome = cache, before: readonly string[] = []): Promise<Outcome> {
  const [program = '', ...words] = [...before, process.execPath, join(copy, 'bin/drydock.mjs'), ...args];
  const env = { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: cacheHome };
  return new Promise((resolve) => {
    const child = execFile(program, words, { cwd: folder, env }, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

const version = { exitCode: 0, stdout: VERSION_LINE, stderr: '' };
const kept = () => readdirSync(bundles).sort();
const bundle = () => join(bundles, kept().find((name) => name.endsWith('.cjs')) ?? 'none');

/** Files that changed a moment ago are not trusted to stay as they are; these were changed long ago. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 2500));

test('is made once, and loads neither the SDK nor the engine for what needs neither', async () => {
  await settle();
  expect(await drydock(['--help'])).toEqual({ exitCode: 0, stdout: renderHelp(null), stderr: '' });
  const names = kept();
  expect(names.map((name) => name.replace(/-[0-9a-f]+/, '')).sort()).toEqual(['cli.cjs', 'cli.cjs.map', 'cli.state']);
  const times = names.map((name) => statSync(join(bundles, name)).mtimeMs);
  expect(await drydock(['--version'])).toEqual(version);
  expect(await drydock(['completion', 'bash'])).toMatchObject({ exitCode: 0, stdout: renderCompletion('bash') });
  expect(kept()).toEqual(names);
  expect(names.map((name) => statSync(join(bundles, name)).mtimeMs)).toEqual(times);
});

test('a cache inside of a repository is no part of it', async () => {
  expect(await drydock(['--version'])).toEqual(version);
  expect(readdirSync(join(cache, 'drydock'))).toEqual(['.gitignore', 'bundles']);
  expect(readFileSync(join(cache, 'drydock/.gitignore'), 'utf8')).toBe('*\n');
});

test('a relative path for the cache counts as none', async () => {
  expect(await drydock(['--version'], 'relative')).toEqual(version);
  expect(existsSync(join(folder, 'relative'))).toBe(false);
  expect(existsSync(join(folder, '.cache/drydock/bundles'))).toBe(true);
});

test('a file where the folder should be is done without', async () => {
  mkdirSync(join(cache, 'drydock'), { recursive: true });
  writeFileSync(bundles, '');
  expect(await drydock(['--version'])).toEqual(version);
});

test('a changed source is seen, even one of the same size and time', async () => {
  const file = join(copy, 'src/core/version.ts');
  const before = readFileSync(file, 'utf8');
  const { atime, mtime } = statSync(file);
  expect(await drydock(['--version'])).toEqual(version);
  await settle();
  expect(await drydock(['--version'])).toEqual(version);
  for (const other of ['9.9.9', '8.8.8']) {
    writeFileSync(file, before.replace(VERSION, other));
    utimesSync(file, atime, mtime);
    expect((await drydock(['--version'])).stdout).toBe(`drydock ${other}\n`);
  }
  writeFileSync(file, before);
  expect(await drydock(['--version'])).toEqual(version);
});

const damages: [what: string, damage: (text: string) => string][] = [
  ['cut short', (text) => text.slice(0, text.length / 2)],
  ['empty', () => ''],
  ['of the same length, with another word in it', (text) => text.replace('completion bash', 'completion bosh')],
];
for (const [what, damage] of damages) {
  test(`a kept bundle that is ${what} is made again`, async () => {
    await drydock(['--version']);
    const whole = readFileSync(bundle(), 'utf8');
    writeFileSync(bundle(), damage(whole));
    expect(readFileSync(bundle(), 'utf8')).not.toBe(whole);
    expect(await drydock(['--help'])).toEqual({ exitCode: 0, stdout: renderHelp(null), stderr: '' });
    expect(readFileSync(bundle(), 'utf8')).toBe(whole);
  });
}

test('the bundle of another version in its place is made again', async () => {
  const file = join(copy, 'src/core/version.ts');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace(VERSION, '9.9.9'));
  expect((await drydock(['--version'])).stdout).toBe('drydock 9.9.9\n');
  const other = bundle();
  writeFileSync(file, before);
  expect(await drydock(['--version'])).toEqual(version);
  const own = kept().find((name) => name.endsWith('.cjs') && join(bundles, name) !== other) ?? '';
  cpSync(other, join(bundles, own));
  expect(await drydock(['--version'])).toEqual(version);
});

test('compiled code that is damaged is not run', async () => {
  await drydock(['--version']);
  writeFileSync(`${bundle()}.code`, Buffer.alloc(100_000, 7));
  expect(await drydock(['--version'])).toEqual(version);
});

test('two first runs at once both answer, and leave nothing half-written', async () => {
  expect(await Promise.all([drydock(['--version']), drydock(['--version'])])).toEqual([version, version]);
  expect(kept().filter((name) => !/^cli-[0-9a-f]+\.(state|cjs|cjs\.map)$/.test(name))).toEqual([]);
  expect(await drydock(['--version'])).toEqual(version);
});

test('a cache folder that cannot be written is done without', async () => {
  mkdirSync(cache);
  writeFileSync(join(cache, 'drydock'), 'in the way');
  expect(await drydock(['--version'])).toEqual(version);
  expect(readFileSync(join(cache, 'drydock'), 'utf8')).toBe('in the way');
});

// Only root may mount a disk, and not in every container.
for (const [what, options] of [
  ['is read-only', 'ro'],
  ['has no room', 'size=64k'],
]) {
  test.runIf(canMount)(`a cache folder whose disk ${what} is done without`, async () => {
    const disk = join(folder, 'disk');
    mkdirSync(disk, { recursive: true });
    const mounted = `mount -t tmpfs -o ${options} drydock-test ${disk} && exec "$@"`;
    const tools = `DRYDOCK_TOOLS=${await toolsFolder()}`;
    const before = ['env', tools, ...AMONG_TOOLS, 'sh', '-ec', mounted, 'sh'];
    expect(await drydock(['--version'], disk, before)).toEqual(version);
  });
}

test('the stack of a bug names the sources', async () => {
  const file = join(copy, 'cli/help.ts');
  const before = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    before.replace('  return of === null', "  if (of === null) throw new TypeError('a bug');\n  return of === null"),
  );
  const line =
    readFileSync(file, 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('a bug')) + 1;
  for (const attempt of ['made', 'kept']) {
    const { exitCode, stderr } = await drydock(['--help']);
    expect(exitCode, attempt).toBe(1);
    expect(stderr, attempt).toContain(
      `TypeError: a bug\n    at renderHelp (${file}:${line}:26)\n    at dispatch (${copy}/cli/main.ts:`,
    );
    expect(stderr, attempt).toContain('\nthis is a bug in drydock');
  }
  writeFileSync(file, before);
});

test('the exit code and the words of a fault are those of the program', async () => {
  const { exitCode, stdout, stderr } = await drydock(['lnit']);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toBe('error: there is no function "lnit"\nhint: did you mean lint?\n');
  expect(existsSync(bundles)).toBe(true);
});

// What of the SDK is in its bundle is a list: no more is used than is there.
test('of the SDK, the command line uses what its bundle has', () => {
  const used = ['cli', 'src/stages'].flatMap((path) =>
    readdirSync(join(PIPELINE, path), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => valuesImported(readFileSync(join(PIPELINE, path, name), 'utf8'))),
  );
  const listed = /exports: \{(.*?)\}/.exec(readFileSync(join(PIPELINE, 'bin/bundle.mjs'), 'utf8'))?.[1] ?? '';
  const names = [...listed.matchAll(/(\w+):/g)].map(([, name]) => name);
  expect([...new Set(used)].sort()).toEqual(names.sort());
});

function valuesImported(source: string): string[] {
  const statics = [...source.matchAll(/import \{([^}]*)\} from '@dagger\.io\/dagger'/g)];
  const dynamic = source.includes("import('@dagger.io/dagger')")
    ? [...source.matchAll(/(?:const|\[)[^=;]*?\{ (dag|connection)\b/g)]
    : [];
  return [...statics, ...dynamic].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type ')),
  );
}
