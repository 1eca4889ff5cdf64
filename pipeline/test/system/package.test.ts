// The tool as npm has it: packed here, installed into a repository that has nothing of ours, and run there.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { cacheFolder } from '../../engine/store/store.ts';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { greeterIn } from './greeter.ts';
import { add, commitAll, environment, ROOT, resultOf, temporaryFolder } from './support.ts';

let packed: { filename: string; size: number; unpackedSize: number; files: { path: string }[] };
let repository: string;

/** A repository of somebody else's: one service, elsewhere and with another port, and one file that says so. */
beforeAll(async () => {
  const folder = await temporaryFolder('package');
  const { stdout } = await $({ cwd: ROOT, quiet: true })`npm pack ./pipeline --json --pack-destination ${folder}`;
  [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  repository = await temporaryFolder('foreign repository');
  await add(repository, {
    'package.json': '{ "name": "shop", "private": true }\n',
    '.gitignore': 'node_modules\nout\n',
    'drydock.yaml': 'services:\n  - path: apps/greeter\n    port: 3000\n    health: /healthz\n',
    ...greeterIn('apps/greeter'),
  });
  await $({ cwd: repository, quiet: true })`npm install --save-dev ${join(folder, packed.filename)}`;
  await commitAll(repository, 'A shop');
});

/** As its users call it: by npx, with nothing of this repository around. */
const drydock = (...args: string[]) =>
  $({
    ...{ cwd: repository, env: environment(), nothrow: true, quiet: true },
  })`npx --no-install drydock ${args} --engine embedded`;

describe('the package', () => {
  test('is small, and holds what runs and nothing else', () => {
    expect(packed.size).toBeLessThan(3_000_000);
    expect(packed.unpackedSize).toBeLessThan(13_000_000);
    const folder = join(ROOT, 'pipeline/templates/platform');
    const platform = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(join(ROOT, 'pipeline'), join(entry.parentPath, entry.name)))
      .sort();
    const kinds = packed.files.map(({ path }) =>
      path.replace(/[^/]+\.ts$/, '*.ts').replace(/^dist\/\w+\.cjs/, 'dist/*.cjs'),
    );
    expect([...new Set(kinds)].sort()).toEqual([
      ...['LICENSE', 'README.md', 'bin/bundle.mjs', 'bin/drydock.mjs', 'bin/needs.mjs', 'dist/*.cjs', 'dist/*.cjs.map'],
      'drydock.schema.json',
      ...['engine/bin/embedded-engine', 'engine/bin/tools.sh', 'engine/bin/without-network'],
      ...['engine/images/assembled/locks/engine-tools.json', 'engine/launch.mjs', 'engine/tools/*.ts', 'package.json'],
      ...['src/oci/*.ts', 'src/oci/package.json', 'src/probes/*.ts', 'src/probes/package.json'],
      ...['templates/forgejo.yml', 'templates/github.yml', 'templates/gitlab.yml'],
      ...platform,
      'templates/woodpecker.yml',
    ]);
  });

  test('brings no more than one other package along', () => {
    const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8'));
    expect(Object.keys(lock.packages).sort()).toEqual(['', 'node_modules/drydock-ci', 'node_modules/yaml']);
  });

  test('names itself in help and hints', async () => {
    expect((await drydock('--help')).stdout).toMatch(/npx drydock FUNCTION --help/);
    expect((await drydock('--help')).stdout).not.toMatch(/pipeline\/ci/);
    const slip = await drydock('biuld');
    expect([slip.exitCode, slip.stderr]).toEqual([2, expect.stringMatching(/hint: .*build/)]);
  });
});

describe('in a repository that has nothing of ours', () => {
  test('a run is green, and again without a network', async () => {
    const run = await drydock('ci');
    expect(run.exitCode, `${run.stdout}${run.stderr}`).toBe(0);
    const { stages } = resultOf({ output: join(repository, 'out') });
    expect(stages.flatMap(({ steps }) => steps.map(({ log }) => log)).filter((log) => !/scan|sbom/.test(log))).toEqual([
      ...['logs/install-apps-greeter.log', 'logs/install-production.log', 'logs/lint-types-greeter.log'],
      ...['logs/test-greeter.log', 'logs/build-compile.log', 'logs/build-assemble.log'],
    ]);
    const program = readFileSync(join(repository, 'node_modules/drydock-ci/dist/cli.cjs'));
    const key = createHash('sha256').update(process.version).update(program).digest('hex').slice(0, 24);
    // What V8 made of it is kept for the next start.
    expect(existsSync(join(cacheFolder(), 'bundles', `cli-${key}.cjs.code`))).toBe(true);
    const again = await drydock('ci', '--offline');
    expect(again.exitCode, `${again.stdout}${again.stderr}`).toBe(0);
  });

  test('the image is the same as one that a checkout of this repository builds, and knows its port and its path', async () => {
    expect((await drydock('build')).exitCode).toBe(0);
    const { image } = resultOf({ output: join(repository, 'out') });
    const door = join(ROOT, 'pipeline/bin/drydock.mjs');
    const words = ['build', '--engine', 'embedded', '--output', 'other'];
    const built = await $({
      ...{ cwd: repository, env: environment(), nothrow: true, quiet: true },
    })`${process.execPath} ${door} ${words}`;
    expect(built.exitCode, `${built.stdout}${built.stderr}`).toBe(0);
    expect(resultOf({ output: join(repository, 'other') }).image?.digest).toBe(image?.digest);
    const source = await openLayout(join(repository, 'out/image.tar'));
    try {
      const { config } = await readBase(source, image?.digest ?? '', 'linux/amd64');
      expect(config.config?.Env).toContain('PORT=3000');
      expect(config.config?.Healthcheck?.Test?.at(-1)).toContain('http://127.0.0.1:3000/healthz');
    } finally {
      await source.close();
    }
  });

  test('a folder below is in the same repository', async () => {
    const run = await $({
      ...{ cwd: join(repository, 'apps/greeter'), env: environment(), nothrow: true, quiet: true },
    })`npx --no-install drydock lint --engine embedded --output ${join(repository, 'out')}`;
    expect(run.exitCode, `${run.stdout}${run.stderr}`).toBe(0);
  });

  test('a package that only this machine has is refused before anything is installed', async () => {
    const other = await temporaryFolder('outside');
    await add(other, {
      'package.json':
        '{ "name": "shop", "version": "1.0.0", "main": "dist/server.js", "scripts": { "build": "true" }, "private": true }',
    });
    await commitAll(other, 'One');
    await $({ cwd: other, quiet: true })`npm install --save-dev ${join(repository, 'node_modules/drydock-ci')}`;
    const run = await $({
      ...{ cwd: other, env: environment(), nothrow: true, quiet: true },
    })`${process.execPath} ${join(ROOT, 'pipeline/bin/drydock.mjs')} lint --engine embedded`;
    expect([run.exitCode, run.stderr + run.stdout]).toEqual([2, expect.stringMatching(/not in this repository/)]);
  });
});
