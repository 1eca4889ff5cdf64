// Install scripts of packages: those that drydock.yaml lists run, without the secrets of the install, and those of all others do not.
import { expect, test } from 'vitest';
import { $ } from 'zx';
import { add, ci, foreignIn, resultOf, temporaryFolder } from './support.ts';

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;

/** A package that, once installed, writes what it is for: as an archive in a folder. */
async function pack(name: string, to: string): Promise<void> {
  const folder = await temporaryFolder(name);
  const script =
    "require('node:fs').writeFileSync('made.js', 'module.exports = ' + JSON.stringify(process.env.TOKEN ?? null))";
  await add(folder, {
    'package.json': json({ name, version: '1.0.0', scripts: { postinstall: 'node make.js' } }),
    'make.js': script,
  });
  await $({ cwd: folder, quiet: true })`npm pack --pack-destination ${to}`;
}

test('one that is listed runs, and another does not', async () => {
  const repository = await temporaryFolder('scripts');
  const files = {
    'package.json': json({
      ...{ name: 'a', version: '1.0.0', private: true, main: 'server.js' },
      scripts: { test: 'node --test --test-reporter=junit --test-reporter-destination="$JUNIT_FILE"' },
      dependencies: { maker: 'file:maker-1.0.0.tgz', spy: 'file:spy-1.0.0.tgz' },
    }),
    'server.js': '',
    'a.test.js': `const assert = require('node:assert');
require('node:test').test('what was made is there, and only that', () => {
  assert.equal(require('maker/made.js'), '');
  assert.throws(() => require('spy/made.js'), { code: 'MODULE_NOT_FOUND' });
});
`,
    'drydock.yaml': 'services: [{ path: ., name: a, scripts: [maker, "!spy"], secrets: [TOKEN] }]\n',
  };
  await foreignIn(repository, files, async (root) => {
    for (const name of ['maker', 'spy']) await pack(name, root);
    await $({ cwd: root, quiet: true })`npm install --package-lock-only --ignore-scripts`;
  });
  const env = { TOKEN: 'kept from all scripts' };
  const ran = await ci(repository, ['test', '--secrets', 'env://TOKEN'], env);
  expect(ran.exitCode, ran.stdout + ran.stderr).toBe(0);
  const install = resultOf(ran).stages.find(({ name }) => name === 'install');
  expect(install?.steps.map(({ name, command }) => [name, command])).toEqual([
    ['root', 'npm ci'],
    ['root-scripts', 'npm rebuild --foreground-scripts maker'],
  ]);
});
