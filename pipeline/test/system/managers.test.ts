// Services that Yarn 1 and pnpm install, as starters have them: through the real engine, in the image, elsewhere, and from a capsule alone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Manager, managerIn } from '../../src/core/manager.ts';
import { failsAlone, HONO, json, lockBy, programOf, shown, TEST } from './managed.ts';
import { ci, commitAll, edit, foreignIn, resultOf } from './repository.ts';
import { answerOf, appOf, shippedIn } from './shipped.ts';
import { temporaryFolder } from './support.ts';

/** Locks as the manager itself does, by the version that the tool pins. */
const lock = async (lockFile: string, folder: string) => {
  const manager = (await managerIn('', async (file) => (file === lockFile ? '' : null))) as Manager;
  await lockBy(await programOf(manager), manager, folder);
};

/** express's "hello world", with a script that calls Yarn. */
const EXPRESS = {
  'package.json': json({
    ...{ name: 'express-app', version: '1.0.0', private: true, main: 'dist/server.js' },
    scripts: { build: 'yarn --silent copy', copy: 'mkdir -p dist && cp server.js greet.js dist/', test: TEST },
    dependencies: { express: '4.21.2' },
    devDependencies: { 'is-odd': '3.0.1' },
  }),
  'server.js': `const express = require('express');
const { greet } = require('./greet.js');
const app = express();
app.get('/', (request, response) => response.send(greet('World')));
const server = app.listen(process.env.PORT, () => console.log('listening on', server.address().port));
`,
  'greet.js': "exports.greet = (name) => 'Hello ' + name + '!';\n",
  'test/greet.test.js': `const assert = require('node:assert');
require('is-odd');
require('node:test').test('greets', () => assert.equal(require('../greet.js').greet('you'), 'Hello you!'));
`,
};

describe('an express app with Yarn 1', () => {
  const make = async (label: string) => {
    const folder = await temporaryFolder(label);
    await foreignIn(folder, EXPRESS, (root) => lock('yarn.lock', root));
    return folder;
  };

  test('is tested, built and scanned; its image starts, and is the same elsewhere', async () => {
    const ran = await ci(await make('yarn'), ['ci']);
    expect(ran.exitCode, shown(ran)).toBe(0);
    const { stages, image } = resultOf(ran);
    expect(stages.find(({ name }) => name === 'install')?.steps.map(({ name, command }) => [name, command])).toEqual([
      ['root-yarn', 'npm install yarn@1.22.22'],
      ['root', 'yarn install --frozen-lockfile --ignore-scripts'],
      ['production-yarn', 'npm install yarn@1.22.22'],
      ['production', 'yarn install --frozen-lockfile --ignore-scripts --production'],
    ]);
    const app = await appOf(ran);
    const files = shippedIn(app);
    expect(files).toContain('node_modules/express/index.js');
    expect(files.filter((path) => /is-odd|\.yarn|yarn\.lock|greet\.test/.test(path))).toEqual([]);
    expect(await answerOf(app, '/')).toBe('Hello World!');
    const again = await ci(await make('yarn elsewhere'), ['build']);
    expect(resultOf(again).image?.digest, shown(again)).toBe(image?.digest);
  });

  test('a test that fails is a file that fails again alone', async () => {
    const repository = await make('failing yarn');
    await edit(repository, 'greet.js', (text) => text.replace('Hello', 'Bye'));
    await commitAll(repository, 'Another word');
    await failsAlone(repository);
  });

  test('a lock file that does not go with the manifest is told before anything is installed', async () => {
    const repository = await make('other yarn');
    await edit(repository, 'package.json', (text) => text.replace('4.21.2', '4.21.1'));
    const ran = await ci(repository, ['test']);
    const sentence = 'yarn.lock does not belong to package.json: it lacks express@4.21.1';
    expect([ran.exitCode, shown(ran)]).toEqual([2, expect.stringContaining(sentence)]);
  });
});

describe('a workspace with pnpm', () => {
  const make = async (label: string) => {
    const folder = await temporaryFolder(label);
    const manifest = HONO['package.json'].replace('HASH', await hashOfPinned());
    await foreignIn(folder, { ...HONO, 'package.json': manifest }, (root) => lock('pnpm-lock.yaml', root));
    return folder;
  };

  test('is tested, built and scanned; its image starts from real files, and is the same elsewhere', async () => {
    const repository = await make('pnpm');
    const ran = await ci(repository, ['ci']);
    expect(ran.exitCode, shown(ran)).toBe(0);
    const { stages, image } = resultOf(ran);
    expect(stages.find(({ name }) => name === 'install')?.steps.map(({ name }) => name)).toEqual([
      ...['root-pnpm', 'root', 'build-packages-lib', 'production-pnpm', 'production'],
    ]);
    const app = await appOf(ran);
    const files = shippedIn(app);
    expect(files.filter((path) => /@shop\/lib\/(?!node_modules)/.test(path)).sort()).toEqual([
      ...['dist/node_modules/@shop/lib/dist/index.js', 'dist/node_modules/@shop/lib/package.json'],
    ]);
    expect(files.filter((path) => /is-odd|debug\/|\.pnpm|\.modules|apps/.test(path))).toEqual([]);
    expect(await answerOf(app, '/')).toBe('Hello Hono 1h');
    await edit(repository, 'apps/api/greet.test.js', (text) => text.replace('greets', 'greets you'));
    const offline = await ci(repository, ['test', '--offline']);
    expect(offline.exitCode, shown(offline)).toBe(0);
    const again = await ci(await make('pnpm elsewhere'), ['build']);
    expect(resultOf(again).image?.digest, shown(again)).toBe(image?.digest);
  });

  test('a test that fails is a file that fails again alone', async () => {
    const repository = await make('failing pnpm');
    await edit(repository, 'packages/lib/index.js', (text) => text.replace('Hello', 'Bye'));
    await commitAll(repository, 'Another word');
    await failsAlone(repository);
  });

  test('another hash than that of its bytes ends the install', async () => {
    const repository = await make('foreign pnpm');
    await edit(repository, 'package.json', (text) => text.replace(/sha512\.../, 'sha512.00'));
    const ran = await ci(repository, ['test']);
    expect(ran.exitCode, shown(ran)).toBe(1);
    expect(readFileSync(join(repository, 'out/logs/install-root-pnpm.log'), 'utf8')).toContain('EINTEGRITY');
  });
});

/** The same with Yarn, which puts all that all workspaces need into one folder. */
test('a workspace with Yarn 1: its image holds nothing of other workspaces, and starts', async () => {
  const folder = await temporaryFolder('yarn workspace');
  const { 'pnpm-workspace.yaml': _, ...shop } = HONO;
  await foreignIn(
    folder,
    {
      ...shop,
      'package.json': json({ name: 'shop', private: true, workspaces: ['apps/*', 'packages/*'] }),
      'apps/api/package.json': HONO['apps/api/package.json']
        .replace('workspace:*', '^1.0.0')
        .replace('pnpm run', 'yarn run'),
    },
    (root) => lock('yarn.lock', root),
  );
  const ran = await ci(folder, ['build']);
  expect(ran.exitCode, shown(ran)).toBe(0);
  const app = await appOf(ran);
  expect(shippedIn(app).filter((path) => /is-odd|debug\/|apps|\.bin/.test(path))).toEqual([]);
  expect(shippedIn(app)).toContain('node_modules/@shop/lib/dist/index.js');
  expect(await answerOf(app, '/')).toBe('Hello Hono 1h');
});

async function hashOfPinned(): Promise<string> {
  const manager = await managerIn('', async (file) => (file === 'pnpm-lock.yaml' ? '' : null));
  return Buffer.from(manager?.integrity?.replace('sha512-', '') ?? '', 'base64').toString('hex');
}
