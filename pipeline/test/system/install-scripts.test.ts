// Install scripts of packages: those that drydock.yaml lists run, without the secrets of the install, and those of all others do not.
import { expect, test } from 'vitest';
import { $ } from 'zx';
import { isModernYarn, managerIn, NPM } from '../../src/core/manager.ts';
import { json, lockBy, programOf, TEST } from './managed.ts';
import { add, ci, foreignIn, resultOf, temporaryFolder } from './support.ts';

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

/** By their lock files; Yarn's is of Yarn 1 where it is empty, and says itself that it is of another. */
const managers: [name: string, lock: string | null, text: string, command: string][] = [
  ['npm', null, '', 'npm ci'],
  ['Yarn 1', 'yarn.lock', '', 'yarn install --frozen-lockfile --ignore-scripts'],
  ['Yarn 4', 'yarn.lock', '__metadata:\n  version: 8\n', 'yarn install --immutable --mode=skip-build'],
  ['pnpm', 'pnpm-lock.yaml', '', 'pnpm install --frozen-lockfile --ignore-scripts'],
  ['Bun', 'bun.lock', '', 'bun install --frozen-lockfile --ignore-scripts'],
];

test.each(managers)(
  'of what %s installs, one that is listed runs, and another does not',
  async (_, lock, text, command) => {
    const manager = lock === null ? NPM : ((await managerIn('', async (file) => (file === lock ? text : null))) ?? NPM);
    const repository = await temporaryFolder('scripts');
    const files = {
      'package.json': json({
        ...{ name: 'a', version: '1.0.0', private: true, main: 'server.js' },
        scripts: { test: TEST },
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
      ...(isModernYarn(manager) ? { '.yarnrc.yml': 'nodeLinker: node-modules\n', 'yarn.lock': '' } : {}),
    };
    await foreignIn(repository, files, async (root) => {
      for (const one of ['maker', 'spy']) await pack(one, root);
      if (lock === null) await $({ cwd: root, quiet: true })`npm install --package-lock-only --ignore-scripts`;
      else await lockBy(await programOf(manager), manager, root);
    });
    const env = { TOKEN: 'kept from all scripts' };
    const ran = await ci(repository, ['test', '--secrets', 'env://TOKEN'], env);
    expect(ran.exitCode, ran.stdout + ran.stderr).toBe(0);
    const install = resultOf(ran).stages.find((stage) => stage.name === 'install');
    const steps = install?.steps.filter((step) => step.name.startsWith('root')) ?? [];
    expect(steps.map((step) => [step.name, step.command]).slice(-2)).toEqual([
      ['root', expect.stringContaining(command)],
      ['root-scripts', 'npm rebuild --foreground-scripts maker'],
    ]);
  },
);
