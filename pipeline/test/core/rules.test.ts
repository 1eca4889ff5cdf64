// Rules that are worth having are tests: what no tool can say of the sources (who imports whom is .dependency-cruiser.mjs), and what is said in two places.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ERRORS } from '../../src/core/errors.ts';
import { SOURCE_IGNORE } from '../../src/core/ignore.ts';
import { VERSION } from '../../src/core/version.ts';
import { PINS } from '../../src/pins.ts';

const PIPELINE = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(PIPELINE, path), 'utf8');
const sources = (folder: string) =>
  readdirSync(join(PIPELINE, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));

const rules: [rule: string, folder: string, forbidden: RegExp][] = [
  [
    'what is said in lines goes through asLines: no text makes lines of its own',
    'cli',
    /write\((?:`\$\{\w+\}\\n`|.*join\('\\n'\))/,
  ],
  ['the module does not know the laptop', 'src', /dag\.host\(/],
  ['stages know no door', 'src/stages', /dag\.currentModule\(/],
];
for (const [rule, folder, forbidden] of rules) {
  test(rule, () => {
    for (const path of sources(folder)) expect(read(path), path).not.toMatch(forbidden);
  });
}

test('of the repository, stages read by a name of their own only what these files and folders are', () => {
  const read_ = sources('src/stages').flatMap((path) =>
    [...read(path).matchAll(/(?:source|tree)\.(?:directory|file|exists|glob)\('([^']+)'/g)].map(([, name]) => name),
  );
  expect([...new Set(read_)].sort()).toEqual(['**/package.json', 'monitoring/grafana/dashboards']);
});

// A Dagger Engine knows what `filter` and `directory` give by what it holds, and what these give by how it came about: after an edit of
// something else a step on it runs again.
test('stages take their inputs out of the source, and change it where nothing else will do', () => {
  const made = sources('src/stages').flatMap((path) => {
    const calls = read(path).matchAll(/\b(?:(?:source|tree|folder)\s*\.(with\w+)|\.(without(?:Director|File)\w*))\(/g);
    return [...new Set([...calls].map(([, change, removal]) => `${path}: ${change ?? removal}`))];
  });
  expect(made.sort()).toEqual([
    'src/stages/capsule.ts: withFile', // logs of a capsule
    'src/stages/capsule.ts: withNewFile',
    'src/stages/scan-source.ts: withDirectory', // what the scanner would pass over, where there is any
    'src/stages/scan.ts: withNewFile', // canaries, of nothing of the source
    'src/stages/smoke.ts: withNewFile', // files of a drill, which never is cached
  ]);
});

test('every file opens with its purpose', () => {
  for (const path of [...sources('src'), ...sources('cli'), ...sources('engine'), 'ci.ts'])
    expect(read(path), path).toMatch(/^(\/\/|\/\*\*) \S/);
});

test('what unit tests share hooks into no file by being imported: only the first of a process would have it', () => {
  const shared = sources('test').filter((path) => !/\.test\.ts$|^test\/(system|chaos)\/|as-found/.test(path));
  for (const path of shared) expect(read(path), path).not.toMatch(/^(before|after)(All|Each)\(/m);
});

test('unit tests mock no module: the files that share a process share it', () => {
  const unit = sources('test').filter((path) => !path.startsWith('test/system/'));
  for (const path of unit) expect(read(path), path).not.toMatch(/vi\.(mock|doMock|hoisted)\(/);
});

test('every error code is used, and no other', () => {
  const all = [...sources('src/core'), ...sources('src/stages'), ...sources('cli'), 'src/index.ts']
    .map(read)
    .join('\n');
  for (const code of Object.keys(ERRORS)) expect(all.split(`'${code}'`).length, code).toBeGreaterThan(1);
});

test('the functions of the module ignore what the laptop ignores, in literals', () => {
  const lists = [...read('src/index.ts').matchAll(/ignore: (\[[^\]]*\])/g)].map(([, list = '']) =>
    JSON.parse(list.replaceAll("'", '"').replace(/,\s*\]/, ']')),
  );
  expect(lists.length).toBe(read('src/index.ts').split('source: Directory,').length - 1);
  for (const list of lists) expect(list).toEqual(SOURCE_IGNORE);
});

test('what reads the clock is never cached by the engine', () => {
  const functions = [...read('src/index.ts').matchAll(/@func\((.*)\)\n\s+async (\w+)\(/g)].map(
    ([, options = '', name]) => [name, options],
  );
  const never = "{ cache: 'never' }";
  expect(Object.fromEntries(functions)).toEqual({
    lint: '',
    test: '',
    build: '',
    sbom: '',
    scan: never,
    gate: never,
    smoke: never,
    publish: never,
    cd: never,
    verify: never,
    rollback: never,
    explain: '',
    ci: never,
    capsule: never,
  });
});

test('the version is the package’s', () => {
  expect(JSON.parse(read('package.json')).version).toBe(VERSION);
  expect(JSON.parse(read('../package.json')).version).toBe(VERSION);
});

test('every pin is a tag and a digest, and each digest stands for one image', () => {
  const pins = Object.values(PINS);
  for (const { image, digest } of pins) {
    expect(image).toMatch(/^[\w.-]+\.[a-z]+\/[\w./-]+:[\w.-]+$/);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  }
  expect(new Set(pins.map(({ digest }) => digest)).size).toBe(pins.length);
});

// Of this repository; the tool's own tests run without a service as well.
test.runIf(existsSync(join(PIPELINE, '../service')))('every package that is in both lock files has one version', () => {
  const [tools, service] = [versionsIn('../package-lock.json'), versionsIn('../service/package-lock.json')];
  const shared = [...service].filter(([name]) => tools.has(name));
  expect(tools.get('vitest')?.size).toBe(1);
  // The tools may need a second one beside it, for a package that takes no other (import-in-the-middle and es-module-lexer).
  for (const [name, versions] of shared)
    expect([...(tools.get(name) ?? [])], name).toEqual(expect.arrayContaining([...versions]));
});

test('no package runs a script when it is installed: an npm that can be told so is told of each that would', () => {
  const { packages } = JSON.parse(read('../package-lock.json')) as {
    packages: Record<string, { hasInstallScript?: true }>;
  };
  const named = Object.keys(packages).filter((path) => packages[path]?.hasInstallScript);
  // Those that an older npm runs look at the machine, and at a version.
  expect(named.map((path) => path.split('node_modules/').at(-1))).toEqual(['esbuild', 'protobufjs']);
  expect(JSON.parse(read('../package.json')).allowScripts).toEqual({ esbuild: false, protobufjs: false });
});

test('what the module takes with it is what is tested here', () => {
  const { dependencies } = JSON.parse(read('package.json'));
  expect(JSON.parse(read('../package.json')).devDependencies).toMatchObject(dependencies);
  expect(JSON.parse(read('package-lock.json')).packages['']).toMatchObject({ dependencies });
});

function versionsIn(lock: string): Map<string, Set<string>> {
  const { packages } = JSON.parse(read(lock)) as { packages: Record<string, { version: string }> };
  const versions = new Map<string, Set<string>>();
  for (const [path, { version }] of Object.entries(packages)) {
    const name = path.split('node_modules/').at(-1) ?? '';
    if (name !== '') versions.set(name, (versions.get(name) ?? new Set()).add(version));
  }
  return versions;
}
