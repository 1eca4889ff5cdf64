// Repositories that other package managers than npm install, locked by the managers themselves: what their tests share.
import { join } from 'node:path';
import { expect } from 'vitest';
import { $ } from 'zx';
import { filesOfManager, isModernYarn, type Manager } from '../../src/core/manager.ts';
import { unpackNpmPackage } from './packages.ts';
import { endingsOf } from './replaying.ts';
import { ci } from './repository.ts';
import { temporaryFolder } from './support.ts';

export const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
export const TEST = 'node --test --test-reporter=junit --test-reporter-destination="$JUNIT_FILE"';

type Locked = { version: string; integrity?: string; bin?: Record<string, string>; cpu?: string[] };

/** A manager as the tool fetches it, unpacked; `integrities` are those of packages that the tool knows no hash of. */
export async function programOf(manager: Manager, integrities: Readonly<Record<string, string>> = {}): Promise<string> {
  const { packages } = JSON.parse(filesOfManager(manager)['package-lock.json'] ?? '') as {
    packages: Record<string, Locked>;
  };
  const own = ([, { bin, cpu = [process.arch] }]: [string, Locked]) => bin !== undefined && cpu.includes(process.arch);
  const [path = '', { version, integrity, bin = {} } = { version: '' }] = Object.entries(packages).find(own) ?? [];
  const name = path.replace('node_modules/', '');
  const folder = await temporaryFolder(manager.name);
  await unpackNpmPackage({ name, version, integrity: integrity ?? integrities[name] ?? '' }, folder);
  return join(folder, bin[manager.name] ?? '');
}

/** Writes the lock file of a repository, with a manager that was unpacked. */
export async function lockBy(program: string, manager: Manager, folder: string): Promise<void> {
  const cache = await temporaryFolder('cache');
  const { CI: _, ...env } = process.env;
  const own = {
    ...{ YARN_CACHE_FOLDER: cache, YARN_ENABLE_GLOBAL_CACHE: 'false', YARN_ENABLE_TELEMETRY: 'false' },
    ...{ BUN_INSTALL_CACHE_DIR: cache, pnpm_config_pm_on_fail: 'ignore' },
  };
  const start = /\.[cm]?js$/.test(program) ? [process.execPath, program] : [program];
  await $({ cwd: folder, env: { ...env, ...own }, quiet: true })`${start} install ${wordsFor(manager)}`;
}

function wordsFor(manager: Manager): string[] {
  if (isModernYarn(manager)) return ['--mode=skip-build'];
  return ['--ignore-scripts', manager.name === 'yarn' ? '--non-interactive' : '--lockfile-only'];
}

export const shown = (ran: { stdout: string; stderr: string }) => `${ran.stdout}${ran.stderr}`;

/** Its test fails, and fails again from its capsule alone. */
export async function failsAlone(repository: string): Promise<void> {
  const ran = await ci(repository, ['test']);
  expect(ran.exitCode, shown(ran)).toBe(1);
  const { exitCode, endings } = await endingsOf(repository, ['out/capsule-test.tar']);
  expect(endings.map(({ stage, outcome }) => [stage, outcome])).toEqual([['test', 'same']]);
  expect(exitCode).toBe(0);
}

/** create-hono's template for Node, in a workspace with a package that has to be built; of pnpm, whose scripts say so. */
export const HONO = {
  'package.json': json({
    ...{ name: 'shop', private: true },
    packageManager: 'pnpm@10.34.9+sha512.HASH',
  }),
  'pnpm-workspace.yaml': "packages:\n  - 'apps/*'\n  - packages/*\n",
  'drydock.yaml': 'services: [{ path: apps/api }]\n',
  'apps/api/package.json': json({
    ...{ name: 'api', version: '1.0.0', private: true, type: 'module', main: 'dist/server.js' },
    scripts: { build: 'pnpm run copy', copy: 'mkdir -p dist && cp server.js dist/', test: TEST },
    dependencies: { '@shop/lib': 'workspace:*', hono: '4.9.0', '@hono/node-server': '1.19.0' },
    devDependencies: { 'is-odd': '3.0.1' },
  }),
  'apps/api/server.js': `import { serve } from '@hono/node-server';
import { greet } from '@shop/lib';
import { Hono } from 'hono';
const app = new Hono();
app.get('/', (context) => context.text(greet('Hono')));
serve({ fetch: app.fetch, port: Number(process.env.PORT) }, ({ port }) => console.log('listening on', port));
`,
  'apps/api/greet.test.js': `import assert from 'node:assert';
import test from 'node:test';
import { greet } from '@shop/lib';
import 'is-odd';
test('greets', () => assert.equal(greet('you'), 'Hello you 1h'));
`,
  'apps/web/package.json': json({ name: 'web', version: '1.0.0', dependencies: { debug: '4.4.0' } }),
  'packages/lib/package.json': json({
    ...{ name: '@shop/lib', version: '1.0.0', private: true, type: 'module', main: 'dist/index.js', files: ['dist'] },
    ...{ scripts: { build: 'mkdir -p dist && cp index.js dist/' }, dependencies: { ms: '2.1.3' } },
  }),
  'packages/lib/index.js':
    "import ms from 'ms';\nexport const greet = (name) => 'Hello ' + name + ' ' + ms(3600000);\n",
};
