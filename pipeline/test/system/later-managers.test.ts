// Services that Yarn 3 and 4, pnpm 11 and 12 and Bun install: a workspace, through the real engine, in the image, offline, and from a capsule alone.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Manager, managerIn } from '../../src/core/manager.ts';
import { failsAlone, HONO, json, lockBy, programOf, shown, TEST } from './managed.ts';
import { ci, commitAll, edit, foreignIn, resultOf } from './repository.ts';
import { answerOf, appOf, shippedIn } from './shipped.ts';
import { temporaryFolder } from './support.ts';

const PNPM_12: Manager = {
  ...{ name: 'pnpm', version: '12.21.0' },
  integrity: 'sha512-Zv2CeO4ok1zpUXktNDZ/869cQyonVkRYIwKVM4NbjaUpu+C+UTCv1W7QcT+4eJ5Hutgtk71a4v5UsVVi1idu8A==',
};
const PROGRAMS = {
  '@pnpm/exe.linux-x64':
    'sha512-8eufCjHXspKbNS/kh8q4Q0gqJoOuvC4Q5pgos6XS8By/nAMtP+jf8F1Cw9er840kfAX+PJ/ts+A9qnLE91rvXQ==',
  '@pnpm/exe.linux-arm64':
    'sha512-4Oj/iF2TDCe2lcH0n4TupPR5sSdrNLclJB6xBElLMPCUOAvBhdf2rRlSaO5M4erJ6g4Fyy7YTXTpcmfFsKyxEA==',
};
const yarnFor = async (format: number) =>
  (await managerIn('', async (file) =>
    file === 'yarn.lock' ? `__metadata:\n  version: ${format}\n` : null,
  )) as Manager;

type Shop = {
  manager: Manager;
  program: string;
  /** Fields of the root's package.json. */
  root: Record<string, unknown>;
  scripts: Record<string, string>;
  more?: Record<string, string>;
};

/** HONO, beside a package that is copied where it is installed, and that has to be built. */
async function shop({ manager, program, root, scripts, more = {} }: Shop): Promise<string> {
  const folder = await temporaryFolder(`${manager.name} shop`);
  const { 'pnpm-workspace.yaml': workspaces, ...files } = HONO;
  const api = JSON.parse(files['apps/api/package.json']) as Record<string, Record<string, string>>;
  await foreignIn(
    folder,
    {
      ...files,
      ...(manager.name === 'pnpm' ? { 'pnpm-workspace.yaml': workspaces } : {}),
      'package.json': json({ name: 'shop', private: true, workspaces: ['apps/*', 'packages/*'], ...root }),
      'apps/api/package.json': json({
        ...api,
        scripts: { ...api.scripts, ...scripts },
        dependencies: { ...api.dependencies, copied: 'file:../../copied' },
      }),
      'apps/api/server.js': `import { end } from 'copied';\n${files['apps/api/server.js'].replace("greet('Hono')", "greet('Hono') + end")}`,
      'apps/api/end.test.js': `import assert from 'node:assert';
import test from 'node:test';
import { end } from 'copied';
test('ends', () => assert.equal(end, '!'));
`,
      'copied/package.json': json({
        ...{ name: 'copied', version: '1.0.0', type: 'module', main: 'made/end.js', files: ['made'] },
        scripts: { build: 'mkdir -p made && cp end.js made/' },
      }),
      'copied/end.js': "export const end = '!';\n",
      ...more,
    },
    (at) => lockBy(program, manager, at),
  );
  return folder;
}

/** The run as a whole, its image, an edit without a network, and a failure from its capsule. */
async function delivers(repository: string, install: string): Promise<void> {
  const ran = await ci(repository, ['ci']);
  expect(ran.exitCode, shown(ran)).toBe(0);
  const { stages } = resultOf(ran);
  const steps = stages.find(({ name }) => name === 'install')?.steps ?? [];
  expect(steps.find(({ name }) => name === 'root')?.command).toBe(install);
  const app = await appOf(ran);
  const files = shippedIn(app);
  expect(
    files
      .filter((path) => /(@shop\/lib|copied)\/(?!node_modules)/.test(path))
      .map((path) => path.replace(/^.*node_modules\//, ''))
      .sort(),
  ).toEqual([...['@shop/lib/dist/index.js', '@shop/lib/package.json', 'copied/made/end.js', 'copied/package.json']]);
  expect(files.filter((path) => /is-odd|debug\/|\.pnpm|\.bun|\.yarn|\.modules|\.pnp|apps/.test(path))).toEqual([]);
  expect(await answerOf(app, '/')).toBe('Hello Hono 1h!');
  await edit(repository, 'apps/api/greet.test.js', (text) => text.replace('greets', 'greets you'));
  const offline = await ci(repository, ['test', '--offline']);
  expect(offline.exitCode, shown(offline)).toBe(0);
  await edit(repository, 'packages/lib/index.js', (text) => text.replace('Hello', 'Bye'));
  await commitAll(repository, 'Another word');
  await failsAlone(repository);
}

test("Yarn 4, whose packages lie in zip files elsewhere: the image has them as files, and starts without Yarn's loader", async () => {
  const yarn = await yarnFor(8);
  const program = await programOf(yarn);
  const sha512 = createHash('sha512').update(readFileSync(program)).digest('hex');
  const repository = await shop({
    ...{ manager: yarn, program, root: { packageManager: `yarn@${yarn.version}+sha512.${sha512}` } },
    // Only Yarn's own shell knows `run`.
    scripts: {
      build: 'run copy',
      start: 'node -r ../../.pnp.cjs --experimental-loader ../../.pnp.loader.mjs dist/server.js',
    },
  });
  await delivers(repository, 'yarn install --immutable --mode=skip-build');
  await edit(repository, 'package.json', (text) => text.replace(/sha512\.../, 'sha512.00'));
  const ran = await ci(repository, ['test']);
  expect(ran.exitCode, shown(ran)).toBe(1);
  expect(readFileSync(join(repository, 'out/logs/install-root-yarn.log'), 'utf8')).toContain('did NOT match');
});

test('Yarn 3, by the format of its lock file: one package, and of it what ships alone', async () => {
  const folder = await temporaryFolder('yarn 3');
  const yarn = await yarnFor(6);
  const program = await programOf(yarn);
  await foreignIn(
    folder,
    {
      'package.json': json({
        ...{ name: 'plain', version: '1.0.0', private: true, scripts: { start: 'yarn node server.js', test: TEST } },
        dependencies: { ms: '^2.1.2' },
        devDependencies: { 'is-odd': '3.0.1' },
      }),
      '.yarnrc.yml': 'nodeLinker: node-modules\n',
      'server.js': `const ms = require('ms');
const server = require('node:http').createServer((request, response) => response.end(ms(1000)));
server.listen(process.env.PORT, () => console.log('listening on', server.address().port));
`,
      'ms.test.js': "require('is-odd');\nrequire('node:test').test('is there', () => require('ms'));\n",
    },
    (at) => lockBy(program, yarn, at),
  );
  const ran = await ci(folder, ['ci', '--only', 'test,build']);
  expect(ran.exitCode, shown(ran)).toBe(0);
  const app = await appOf(ran);
  expect(
    shippedIn(app)
      .filter((path) => /\.js$/.test(path))
      .sort(),
  ).toEqual(['node_modules/ms/index.js', 'server.js']);
  expect(await answerOf(app, '/', 'server.js')).toBe('1s');
});

test('pnpm 12, and 11 for the same lock file', async () => {
  const repository = await shop({
    ...{ manager: PNPM_12, program: await programOf(PNPM_12, PROGRAMS) },
    root: { workspaces: undefined, packageManager: `pnpm@12.21.0+sha512.${hexOf(PNPM_12)}` },
    scripts: {},
  });
  await delivers(repository, 'pnpm install --frozen-lockfile --ignore-scripts');
  await edit(repository, 'packages/lib/index.js', (text) => text.replace('Bye', 'Hello'));
  await edit(repository, 'package.json', (text) => text.replace(/pnpm@12[^"]*/, 'pnpm@11.28.10'));
  const ran = await ci(repository, ['ci', '--only', 'test,build']);
  expect(ran.exitCode, shown(ran)).toBe(0);
  expect(await answerOf(await appOf(ran), '/')).toBe('Hello Hono 1h!');
});

const hexOf = ({ integrity }: Manager) =>
  Buffer.from(integrity?.replace('sha512-', '') ?? '', 'base64').toString('hex');

test('Bun, which links what it installs from one place', async () => {
  const bun = (await managerIn('', async (file) => (file === 'bun.lock' ? '' : null))) as Manager;
  const repository = await shop({
    ...{ manager: bun, program: await programOf(bun), root: {} },
    scripts: { build: 'bun run copy', test: 'bun test --reporter=junit --reporter-outfile="$JUNIT_FILE"' },
  });
  await delivers(repository, 'bun install --frozen-lockfile --ignore-scripts');
});
