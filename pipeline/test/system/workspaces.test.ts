// npm workspaces, as starters lay them out: one lock file in the root, a service, and packages of the repository that it is linked to.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { endingsOf } from './replaying.ts';
import { add, ci, commitAll, edit, foreignIn, resultOf } from './repository.ts';
import { answerOf, appOf, shippedIn } from './shipped.ts';
import { temporaryFolder } from './support.ts';

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
const COMPILED = { extends: '../../tsconfig.base.json', compilerOptions: { outDir: 'dist', rootDir: 'src' } };

/** Three of the four need another version of ms, so that it lies in three places. */
const SHOP = {
  'package.json': json({
    ...{ name: 'shop', private: true, workspaces: ['apps/*', 'packages/*'] },
    devDependencies: { typescript: '5.9.3' },
  }),
  'drydock.yaml': 'services: [{ path: apps/api }]\n',
  'tsconfig.base.json': json({
    compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, declaration: true, types: ['node'] },
  }),
  'apps/api/package.json': json({
    ...{ name: 'api', version: '1.0.0', private: true, type: 'module', main: 'dist/server.js' },
    scripts: {
      build: 'tsc',
      test: 'node --test --test-reporter=junit --test-reporter-destination="$JUNIT_FILE" src/greet.test.js',
    },
    dependencies: { '@shop/lib': '*', ms: '2.0.0' },
    devDependencies: { '@types/node': '24.19.2', '@types/ms': '2.1.0' },
  }),
  'apps/api/tsconfig.json': json({ ...COMPILED, include: ['src/*.ts'] }),
  'apps/api/src/server.ts': `import { createServer } from 'node:http';
import { greet } from '@shop/lib';
import ms from 'ms';
const server = createServer((request, response) => response.end(greet(request.url ?? '') + ' ' + ms(60000)));
server.listen(Number(process.env.PORT ?? 8000), () => console.log('listening on', (server.address() as { port: number }).port));
`,
  'apps/api/src/greet.test.js': `import assert from 'node:assert';
import test from 'node:test';
import { greet } from '@shop/lib';
test('greets', () => assert.equal(greet('you'), 'hello you 1h'));
`,
  'packages/lib/package.json': json({
    ...{ name: '@shop/lib', version: '1.0.0', private: true, type: 'module', main: 'dist/index.js' },
    ...{ scripts: { build: 'tsc' }, files: ['dist', '!dist/*.tsbuildinfo'] },
    dependencies: { '@shop/word': '*', ms: '2.1.1' },
    devDependencies: { '@types/ms': '2.1.0' },
  }),
  'packages/lib/tsconfig.json': json({ ...COMPILED, include: ['src'] }),
  'packages/lib/src/index.ts': `import { word } from '@shop/word';
import ms from 'ms';
export const greet = (name: string): string => word + ' ' + name + ' ' + ms(3600000);
`,
  'packages/word/package.json': json({
    ...{ name: '@shop/word', version: '1.0.0', private: true, type: 'module', main: 'dist/index.js' },
    scripts: { build: 'tsc' },
  }),
  'packages/word/tsconfig.json': json({ ...COMPILED, include: ['src'] }),
  'packages/word/src/index.ts': "export const word: string = 'hello';\n",
  'apps/web/package.json': json({
    ...{ name: 'web', version: '1.0.0', private: true, dependencies: { debug: '4.4.0', ms: '2.1.3' } },
  }),
};

async function shopIn(label: string): Promise<string> {
  const folder = await temporaryFolder(label);
  await foreignIn(folder, SHOP, renewLock);
  return folder;
}

const renewLock = (folder: string) => $({ cwd: folder, quiet: true })`npm install --package-lock-only --ignore-scripts`;

let repository: string;
let digest: string | undefined;
beforeAll(async () => {
  repository = await shopIn('workspaces');
});

describe('a service of a workspace', () => {
  test('is tested and built with the packages that it is linked to, each built before it is needed', async () => {
    const ran = await ci(repository, ['ci']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    const { stages, image } = resultOf(ran);
    const steps = Object.fromEntries(stages.map(({ name, steps: of }) => [name, of.map((step) => step.name)]));
    expect(steps).toMatchObject({
      install: ['root', 'build-packages-word', 'build-packages-lib', 'production'],
      build: ['compile', 'gather', 'assemble'],
    });
    expect(stages.find(({ name }) => name === 'test')?.suites[0]?.tests.total).toBe(1);
    digest = image?.digest;
  });

  test('its image holds what it needs as real files, and nothing of others', async () => {
    const app = await appOf({ output: join(repository, 'out') });
    const files = shippedIn(app);
    const versionOf = (path: string) => JSON.parse(readFileSync(join(app, path, 'package.json'), 'utf8')).version;
    const [hoisted] = files.filter((path) => /^(dist\/)?node_modules\/ms\/index\.js$/.test(path));
    expect(versionOf(join(hoisted ?? '', '..'))).toBe('2.0.0');
    expect(versionOf('node_modules/@shop/lib/node_modules/ms')).toBe('2.1.1');
    expect(files.filter((path) => path.includes('@shop') && !path.includes('/ms/')).sort()).toEqual([
      ...['dist/index.d.ts', 'dist/index.js', 'package.json'].map((name) => `node_modules/@shop/lib/${name}`),
      ...['dist/index.d.ts', 'dist/index.js', 'package.json', 'src/index.ts', 'tsconfig.json'].map(
        (name) => `node_modules/@shop/word/${name}`,
      ),
    ]);
    expect(files.filter((path) => /typescript|debug|web|api|package-lock/.test(path))).toEqual([]);
    expect(await answerOf(app, '/you')).toBe('hello /you 1h 1m');
  });

  test('built elsewhere it has the same digest, whatever else there is in the repository', async () => {
    const elsewhere = await shopIn('elsewhere');
    await edit(elsewhere, 'apps/web/package.json', (text) => text.replace('1.0.0', '1.0.1'));
    await add(elsewhere, { 'apps/web/index.js': '', 'README.md': '# Shop\n', 'packages/lib/README.md': '' });
    await renewLock(elsewhere);
    await commitAll(elsewhere, 'Another web');
    const ran = await ci(elsewhere, ['build']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    expect(resultOf(ran).image?.digest).toBe(digest);
  });

  test('a lock file that does not go with a package it is linked to is told before anything is installed', async () => {
    const other = await shopIn('other');
    await edit(other, 'packages/lib/package.json', (text) => text.replace('2.1.1', '2.1.2'));
    await commitAll(other, 'Another ms');
    const ran = await ci(other, ['test']);
    expect([ran.exitCode, ran.stdout + ran.stderr]).toEqual([
      2,
      expect.stringContaining('package-lock.json does not belong to packages/lib/package.json: ms '),
    ]);
  });

  test('a test that fails is a file that fails again alone', async () => {
    await edit(repository, 'packages/word/src/index.ts', (text) => text.replace('hello', 'bye'));
    await commitAll(repository, 'Another word');
    const ran = await ci(repository, ['test']);
    expect(ran.exitCode).toBe(1);
    const { exitCode, endings } = await endingsOf(repository, ['out/capsule-test.tar']);
    expect(endings.map(({ stage, outcome }) => [stage, outcome])).toEqual([['test', 'same']]);
    expect(exitCode).toBe(0);
  });
});

/** As `npm install ../../libs/word` writes it; npm installs nothing for such a folder, which has a lock file of its own. */
test('a package of another folder, by file:, is there for its commands and in its image', async () => {
  const folder = await temporaryFolder('linked');
  const server = SHOP['apps/api/src/server.ts'].replace('@shop/lib', 'word');
  await foreignIn(
    folder,
    {
      'package.json': json({ name: 'shop', private: true }),
      'drydock.yaml': 'services: [{ path: apps/api }]\n',
      'apps/api/package.json': json({
        ...{ name: 'api', version: '1.0.0', private: true, type: 'module', main: 'dist/server.js' },
        scripts: { build: 'mkdir -p dist && sed "s/ as [{] port: number [}]//" server.js >dist/server.js' },
        dependencies: { word: 'file:../../libs/word', ms: '2.0.0' },
      }),
      'apps/api/server.js': server,
      'libs/word/package.json': json({
        ...{ name: 'word', version: '1.0.0', type: 'module', main: 'dist/word.js', files: ['dist/**/*.js'] },
        ...{ scripts: { build: 'mkdir -p dist && cp word.js dist/' }, dependencies: { ms: '2.1.3' } },
      }),
      'libs/word/word.js': "import ms from 'ms';\nexport const greet = (to) => 'hi ' + to + ms(3600000);\n",
    },
    async (root) => {
      for (const path of ['libs/word', 'apps/api']) await renewLock(join(root, path));
    },
  );
  const ran = await ci(folder, ['build']);
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  const app = await appOf(ran);
  expect(shippedIn(app).filter((path) => path.startsWith('node_modules/word/') && !path.includes('/ms/'))).toEqual(
    expect.arrayContaining(['node_modules/word/dist/word.js', 'node_modules/word/package.json']),
  );
  expect(shippedIn(app)).not.toContain('node_modules/word/word.js');
  expect(await answerOf(app, '/you')).toBe('hi /you1h 1m');
});

test('folders with a space and letters of any language are found by npm as well', async () => {
  const folder = await temporaryFolder('läden');
  await foreignIn(
    folder,
    {
      'package.json': json({ name: 'shop', private: true, workspaces: ['die läden/*'] }),
      'drydock.yaml': 'services: [{ path: die läden/api }]\n',
      'die läden/api/package.json': json({
        ...{ name: 'api', version: '1.0.0', private: true, type: 'module', main: 'server.js' },
        dependencies: { ms: '2.0.0', word: '*' },
      }),
      'die läden/api/server.js': SHOP['apps/api/src/server.ts']
        .replace('@shop/lib', 'word')
        .replace(' as { port: number }', ''),
      'die läden/word/package.json': json({ name: 'word', version: '1.0.0', type: 'module', main: 'word.js' }),
      'die läden/word/word.js': "export const greet = (to) => 'hi ' + to;\n",
    },
    renewLock,
  );
  const ran = await ci(folder, ['build']);
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  expect(await answerOf(await appOf(ran), '/you', 'server.js')).toBe('hi /you 1m');
});
