// `drydock update` from one packed version of the tool to another, in a repository whose workflow a person has changed.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { markedBy } from '../../src/core/init/mark.ts';
import { greeterIn } from './greeter.ts';
import { add, commitAll, copyInto, edit, environment, temporaryFolder } from './support.ts';

const WORKFLOW = '.github/workflows/drydock.yml';
const NGINX = 'nginx/templates/default.conf.template';
const DASHBOARD = 'monitoring/grafana/dashboards/slo.json';
let repository: string;
let [older, newer] = ['', ''];

beforeAll(async () => {
  const [folder, source] = [await temporaryFolder('packed'), await temporaryFolder('source')];
  // Of a copy: whoever packs writes into the folder.
  await copyInto(source, (path) => !/^pipeline\/(test|bench)\//.test(path));
  const pack = async () => {
    const { stdout } = await $({ cwd: source, quiet: true })`npm pack ./pipeline --json --pack-destination ${folder}`;
    const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
    return join(folder, filename);
  };
  older = await pack();
  for (const path of ['package.json', 'src/core/version.ts', 'templates/github.yml'])
    await edit(source, `pipeline/${path}`, (text) => text.replaceAll('0.1.0', '0.2.0'));
  await edit(source, 'pipeline/templates/github.yml', (text) =>
    text.replace('# the image', '# the image and its signature'),
  );
  for (const path of ['nginx/templates/default.conf.template', 'monitoring/grafana/dashboards/slo.json'])
    await edit(source, `pipeline/templates/platform/${path}`, (text) =>
      text.replace('rate=50r/s', 'rate=60r/s').replace('"refresh": "', '"refresh": "1'),
    );
  newer = await pack();
  repository = await temporaryFolder('updated repository');
  await add(repository, {
    'package.json': '{\n  "name": "shop",\n  "private": true\n}\n',
    '.gitignore': 'node_modules\nout\n',
    '.github/CODEOWNERS': '* @acme/team\n',
    ...greeterIn('apps/greeter'),
  });
  // What `init` takes for a server.
  await edit(repository, 'apps/greeter/package.json', (text) =>
    text.replace('"scripts": {', '"scripts": { "start": "node dist/server.js",'),
  );
  await $({ cwd: repository, quiet: true })`npm install --save-dev ${older}`;
  await commitAll(repository, 'A greeter');
  for (const words of [
    ['add', 'platform'],
    ['init', '--yes'],
  ]) {
    const ran = await drydock(...words);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  }
  await commitAll(repository, 'A shop');
});

const drydock = (...args: string[]) =>
  $({ ...{ cwd: repository, env: environment(), nothrow: true, quiet: true } })`npx --no-install drydock ${args}`;
const read = (path: string) => readFileSync(join(repository, path), 'utf8');
const changed = async () => (await $({ cwd: repository, quiet: true })`git status --short`).stdout;

test('a dry run shows the difference, and changes nothing', async () => {
  await edit(repository, WORKFLOW, (text) => text.replace('types: [opened,', 'types: [labeled, opened,'));
  await edit(repository, NGINX, (text) => text.replace('keepalive_timeout     30s', 'keepalive_timeout     75s'));
  await commitAll(repository, 'Labels');
  const ran = await drydock('update', newer, '--dry-run');
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  expect(ran.stdout).toMatch(/^-.*"drydock-ci": "file:.*0\.1\.0\.tgz"\n\+.*"drydock-ci": "file:.*0\.2\.0\.tgz"$/m);
  expect(ran.stdout).toMatch(/^-.*ci\.yml@v0\.1\.0\n\+.*ci\.yml@v0\.2\.0$/m);
  expect(ran.stdout).toContain(`\n${WORKFLOW}: merged with 0.2.0\n`);
  expect(await changed()).toBe('');
});

test("the package moves by the repository's own manager, and what a person changed stays", async () => {
  const ran = await drydock('update', newer);
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  expect(JSON.parse(read('node_modules/drydock-ci/package.json')).version).toBe('0.2.0');
  expect(JSON.parse(read('package-lock.json')).packages['node_modules/drydock-ci'].version).toBe('0.2.0');
  expect(read(WORKFLOW)).toContain('types: [labeled, opened,');
  expect(read(WORKFLOW).match(/@v[\d.]+/g)).toEqual(['@v0.2.0', '@v0.2.0']);
  expect(read(WORKFLOW)).toContain('# the image and its signature');
  expect(read(WORKFLOW)).toContain('# Written by drydock 0.2.0;');
  expect(read('drydock.yaml')).toContain('# Written by drydock 0.2.0;');
  expect(read(NGINX)).toMatch(/rate=60r\/s[\s\S]*keepalive_timeout {5}75s/);
  expect([NGINX, DASHBOARD, 'docker-compose.yml'].map((path) => markedBy(read(path)))).toEqual(Array(3).fill('0.2.0'));
  expect(JSON.parse(read(DASHBOARD)).refresh).toMatch(/^1/);
  await commitAll(repository, 'Later');
});

test('what both have changed stays as the person has it, and the other lies beside it until it is settled', async () => {
  await edit(repository, WORKFLOW, (text) => text.replaceAll('drydock-ci/drydock/', 'acme/drydock/'));
  const own = read(WORKFLOW);
  const ran = await drydock('update', older);
  expect([ran.exitCode, ran.stdout]).toEqual([1, expect.stringContaining(`${WORKFLOW}: left as it is: it conflicts`)]);
  expect(read(WORKFLOW)).toBe(own);
  expect(read(`${WORKFLOW}.new`)).toContain('drydock-ci/drydock/.github/workflows/ci.yml@v0.1.0');
  expect(JSON.parse(read('node_modules/drydock-ci/package.json')).version).toBe('0.1.0');
  const again = await drydock('update', newer);
  expect([again.exitCode, again.stderr]).toEqual([
    2,
    expect.stringContaining(`${WORKFLOW}.new is left from an earlier`),
  ]);
  expect(JSON.parse(read('node_modules/drydock-ci/package.json')).version).toBe('0.1.0');
});

test('a file whose mark a person has removed is theirs', async () => {
  const own = read(WORKFLOW).replace(/^# Written by drydock.*\n/m, '');
  await edit(repository, WORKFLOW, () => own);
  const ran = await drydock('update', newer);
  expect([ran.exitCode, ran.stdout]).toEqual([
    0,
    expect.stringContaining(`${WORKFLOW}: left as it is: it has no mark`),
  ]);
  expect(read(WORKFLOW)).toBe(own);
});

test('a version that is nowhere changes nothing', async () => {
  const before = read('package.json');
  const ran = await drydock('update', '99.0.0');
  expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringMatching(/npm cannot download drydock-ci@99\.0\.0/)]);
  expect(read('package.json')).toBe(before);
  expect(existsSync(join(repository, 'missing.tgz'))).toBe(false);
  expect((await drydock('update', 'missing.tgz')).exitCode).toBe(2);
});

test('the registry of the repository is asked; interrupted meanwhile, and where it fails, nothing changes', async () => {
  const { stdout: usual } = await $({ cwd: repository, quiet: true })`npm config get registry`;
  const asked: string[] = [];
  let isBroken = false;
  const registry = createServer(({ url = '' }, response) => {
    asked.push(url);
    if (url !== '/drydock-ci') response.writeHead(302, { location: new URL(url.slice(1), usual.trim()).href }).end();
    else if (isBroken) response.writeHead(403).end('{}');
  });
  await once(registry.listen(0, '127.0.0.1'), 'listening');
  await add(repository, { '.npmrc': `registry=http://127.0.0.1:${(registry.address() as AddressInfo).port}/\n` });
  // Of a version that no one has here, so that what it wrote has to be asked for.
  await edit(repository, 'drydock.yaml', (text) =>
    text.replace(/^# Written by drydock [\d.]+;/m, '# Written by drydock 0.0.7;'),
  );
  await commitAll(repository, 'A registry');
  const running = execFile(process.execPath, ['node_modules/drydock-ci/bin/drydock.mjs', 'update', '3.0.0'], {
    ...{ cwd: repository, env: environment() },
  });
  await expect.poll(() => asked.length, { timeout: 60_000 }).toBeGreaterThan(0);
  expect(asked[0]).toBe('/drydock-ci');
  running.kill('SIGINT');
  expect(await once(running, 'exit')).toEqual([130, null]);
  isBroken = true;
  const ran = await drydock('update', older);
  expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringMatching(/npm cannot download drydock-ci@0\.0\.7/)]);
  expect(await changed()).toBe('');
  registry.closeAllConnections();
  registry.close();
});

test('where the package manager refuses, nothing is merged, and manifest and lock file are as they were', async () => {
  await add(repository, { '.npmrc': 'engine-strict=true\n' });
  await edit(repository, 'package.json', (text) => text.replace('{', '{ "engines": { "node": ">=99" },'));
  await commitAll(repository, 'A Node of the future');
  const before = read('node_modules/drydock-ci/package.json');
  const ran = await drydock('update', older);
  expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringMatching(/npm failed: .*EBADENGINE/)]);
  expect(await changed()).toBe('');
  expect(read('node_modules/drydock-ci/package.json')).toBe(before);
});
