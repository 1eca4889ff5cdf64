// What a service of a larger project ships with: trees as npm and Yarn lay them out, with links, another version of a package, and packages that need each other.
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { main } from '../../src/oci/gather.ts';
import { scratch } from './helpers.ts';

/** A text, or where a link leads. */
type Tree = Record<string, string | { link: string }>;

async function write(folder: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    if (typeof content === 'string') await writeFile(join(folder, path), content);
    else await symlink(content.link, join(folder, path));
  }
}

async function gathered(installed: Tree, built: Tree, ...more: string[]): Promise<Record<string, string>> {
  const folder = await scratch(onTestFinished);
  const at = (name: string) => join(folder, name);
  await write(at('installed'), installed);
  await write(at('built'), built);
  const where = ['--installed', at('installed'), '--built', at('built'), '--out', at('out')];
  expect(await main([...where, '--service', 'api', '--into', 'dist', ...more])).toBe(0);
  const entries = await readdir(at('out'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const read = async (path: string) => [relative(at('out'), path), await readFile(path, 'utf8')];
  return Object.fromEntries(await Promise.all(files.sort().map(read)));
}

const needs = (...names: string[]) =>
  JSON.stringify({ dependencies: Object.fromEntries(names.map((name) => [name, '*'])) });

const INSTALLED: Tree = {
  'api/package.json': needs('lib', 'ms'),
  'api/node_modules/ms/index.js': 'of the service',
  'lib/package.json': needs('back', 'ms'),
  'lib/node_modules/ms/index.js': 'of lib',
  'back/package.json': needs('lib'),
  'web/package.json': needs('debug'),
  'node_modules/api': { link: '../api' },
  'node_modules/lib': { link: '../lib' },
  'node_modules/back': { link: '../back' },
  'node_modules/web': { link: '../web' },
  'node_modules/ms/index.js': 'of all',
  'node_modules/debug/index.js': '',
  'node_modules/debug/cli.js': '#!/usr/bin/env node\n',
  'node_modules/.bin/debug': { link: '../debug/cli.js' },
  'node_modules/.bin/web': { link: '../web/cli.js' },
  'node_modules/.package-lock.json': '{}',
};
const BUILT: Tree = {
  'api/package.json': needs('lib', 'ms'),
  'api/dist/server.js': 'server',
  'api/src/server.ts': '',
  'lib/package.json': JSON.stringify({ main: './index.js', files: ['dist/', 'assets/**/*.txt', '!dist/*.map'] }),
  'lib/index.js': 'main',
  'lib/dist/a.js': 'a',
  'lib/dist/a.js.map': '',
  'lib/assets/deep/a.txt': 'text',
  'lib/assets/a.png': '',
  'lib/src/a.ts': '',
  'back/package.json': '{}',
  'back/back.js': 'back',
  'web/package.json': '{}',
  'web/cli.js': '',
};

const SHIPPED = {
  'package.json': needs('lib', 'ms'),
  'dist/node_modules/ms/index.js': 'of the service',
  'node_modules/ms/index.js': 'of all',
  'node_modules/lib/package.json': BUILT['lib/package.json'],
  'node_modules/lib/index.js': 'main',
  'node_modules/lib/dist/a.js': 'a',
  'node_modules/lib/assets/deep/a.txt': 'text',
  'node_modules/lib/node_modules/ms/index.js': 'of lib',
  'node_modules/back/package.json': '{}',
  'node_modules/back/back.js': 'back',
};

test('what was installed for the service alone goes along, and of the repository what the service needs', async () => {
  expect(await gathered(INSTALLED, BUILT)).toEqual({
    ...SHIPPED,
    'node_modules/debug/index.js': '',
    'node_modules/debug/cli.js': '#!/usr/bin/env node\n',
    'node_modules/.bin/debug': '#!/usr/bin/env node\n',
  });
});

test('of what was installed for others, too, only what is needed goes along', async () => {
  const { 'node_modules/ms/index.js': _, ...shipped } = SHIPPED;
  expect(await gathered(INSTALLED, BUILT, '--prune')).toEqual(shipped);
});

test('a link in a package of the repository stays a link, and what it leads to stays out', async () => {
  const built = { ...BUILT, 'back/secret': { link: '/etc/passwd' } };
  const found = await gathered(
    { ...INSTALLED, 'back/package.json': '{}' },
    { ...built, 'back/back.js': { link: 'package.json' } },
  );
  expect(found['node_modules/back/back.js']).toBe('{}');
});

test('two versions of a package are not mixed where there is one place for both', async () => {
  const folder = await scratch(onTestFinished);
  await write(join(folder, 'installed'), INSTALLED);
  await write(join(folder, 'built'), BUILT);
  const at = (name: string) => join(folder, name);
  const where = ['--installed', at('installed'), '--built', at('built'), '--out', at('out'), '--service', 'api'];
  expect(await main([...where, '--into', ''])).toBe(1);
});

test('a package that was copied before it was built goes along as it was built', async () => {
  const installed = {
    'api/package.json': needs('@x/copied'),
    'node_modules/@x/copied/package.json': JSON.stringify({ name: '@x/copied', dependencies: { ms: '*' } }),
    'node_modules/@x/copied/src/a.ts': '',
    'node_modules/ms/package.json': '{}',
  };
  const copied = JSON.stringify({ name: '@x/copied', files: ['dist'] });
  const built = {
    'api/package.json': '{}',
    'copied/package.json': copied,
    'copied/dist/a.js': 'a',
    'copied/src/a.ts': '',
  };
  expect(await gathered(installed, built, '--prune', '--copied', 'copied')).toEqual({
    'package.json': '{}',
    'node_modules/@x/copied/package.json': copied,
    'node_modules/@x/copied/dist/a.js': 'a',
    'node_modules/ms/package.json': '{}',
  });
});

test('what another may work with, and nothing that ships asks for, stays out', async () => {
  const installed = {
    'api/package.json': needs('orm'),
    'node_modules/orm/package.json': JSON.stringify({
      peerDependencies: { driver: '*', typescript: '*' },
      peerDependenciesMeta: { typescript: { optional: true } },
    }),
    'node_modules/driver/package.json': '{}',
    'node_modules/typescript/package.json': '{}',
  };
  const shipped = Object.keys(await gathered(installed, { 'api/package.json': '{}' }, '--prune'));
  expect(shipped.sort()).toEqual(['node_modules/driver/package.json', 'node_modules/orm/package.json', 'package.json']);
});

test('a package that lies at two places goes to the one where it is found', async () => {
  const installed = {
    'api/package.json': needs('lib'),
    'lib/package.json': '{}',
    'api/node_modules/lib': { link: '../../lib' },
    'node_modules/lib': { link: '../lib' },
  };
  const built = { 'api/package.json': '{}', 'lib/package.json': '{}', 'lib/a.js': 'a' };
  const shipped = Object.keys(await gathered(installed, built, '--prune'));
  expect(shipped).toEqual(['dist/node_modules/lib/a.js', 'dist/node_modules/lib/package.json', 'package.json']);
});
