// A package of a private registry, which asks for a token: installs have it, and nothing that a run leaves holds it.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { endingsOf } from './replaying.ts';
import { add, ci, coldCache, commitAll, edit, filesIn, foreignIn, resultOf, temporaryFolder } from './support.ts';

const TOKEN = `npm_${randomBytes(18).toString('hex')}`;
const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;

let registry: Server;
let repository: string;
let env: Record<string, string>;

/** One package, for those who have the token. */
async function privateRegistry(): Promise<Server> {
  const folder = await temporaryFolder('greet');
  const manifest = { name: '@acme/greet', version: '1.0.0', main: 'index.js' };
  await add(folder, {
    'package.json': json(manifest),
    'index.js': "module.exports = (name) => 'Hello ' + name + '!';\n",
  });
  await $({ cwd: folder, quiet: true })`npm pack`;
  const tarball = readFileSync(join(folder, 'acme-greet-1.0.0.tgz'));
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  return createServer((request, response) => {
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    // RFC 9110, 12.5.5: a cache may give this answer to those only who authorize themselves so; npm's keeps how it was asked.
    response.setHeader('Vary', 'Authorization');
    if (!isKnown) response.writeHead(401, { 'www-authenticate': 'Bearer' }).end('{"error":"authentication required"}');
    else if (request.url?.endsWith('.tgz')) response.end(tarball);
    else {
      const address = `http://127.0.0.1:${portOf()}/@acme/greet/-/greet-1.0.0.tgz`;
      const versions = { '1.0.0': { ...manifest, dist: { tarball: address, integrity } } };
      response.end(json({ name: manifest.name, 'dist-tags': { latest: '1.0.0' }, versions }));
    }
  });
}
const portOf = () => (registry.address() as AddressInfo).port;

beforeAll(async () => {
  registry = await privateRegistry();
  await new Promise<void>((listening) => registry.listen(0, '127.0.0.1', listening));
  env = { ...(await coldCache()) };
  repository = await temporaryFolder('secrets');
  const files = {
    'package.json': json({
      ...{ name: 'greeter', version: '1.0.0', private: true, main: 'server.js' },
      scripts: { test: 'node --test --test-reporter=junit --test-reporter-destination="$JUNIT_FILE"' },
      dependencies: { '@acme/greet': '1.0.0' },
    }),
    '.npmrc': `@acme:registry=http://127.0.0.1:${portOf()}/\n//127.0.0.1:${portOf()}/:_authToken=\${NPM_TOKEN}\n`,
    'server.js': '',
    'greet.test.js': `const assert = require('node:assert');
require('node:test').test('greets, and has no token', () => {
  assert.equal(require('@acme/greet')('you'), 'Hello you!');
  assert.equal(process.env.NPM_TOKEN, '');
});
require('node:test').test('cannot ask the registry', async () => {
  await assert.rejects(fetch('http://host-loopback:${portOf()}/@acme/greet'));
});
`,
    'drydock.yaml': 'services: [{ path: ., name: greeter, secrets: [NPM_TOKEN] }]\n',
  };
  await foreignIn(repository, files, async (root) => {
    const withToken = { ...process.env, NPM_TOKEN: TOKEN };
    await $({ cwd: root, env: withToken, quiet: true })`npm install --package-lock-only`;
  });
});
afterAll(() => new Promise((closed) => registry.close(closed)));

const given = (...more: string[]) => [...more, '--host-port', String(portOf()), '--secrets', 'env://NPM_TOKEN'];

test('with a wrong token the registry’s refusal names the secret, and not what it holds', async () => {
  const wrong = `npm_${'w'.repeat(36)}`;
  const ran = await ci(repository, given('test'), { ...env, NPM_TOKEN: wrong });
  expect(ran.exitCode, ran.stdout + ran.stderr).toBe(1);
  expect(ran.stdout).toMatch(/token seems to be invalid[\s\S]*\n {2}the registry refused what NPM_TOKEN holds/);
  expect(ran.stdout + ran.stderr).not.toContain(wrong);
  for (const file of filesIn(ran.output)) expect(readFileSync(file).includes(wrong), file).toBe(false);
});

test('without one, and with one that nobody let it have, it says how to give it', async () => {
  const ran = await ci(repository, ['test', '--host-port', String(portOf())], { ...env, NPM_TOKEN: TOKEN });
  expect([ran.exitCode, ran.stdout]).toEqual([1, expect.stringMatching(/no NPM_TOKEN: .*--secrets env:\/\/NPM_TOKEN/)]);
});

test('with the token it is installed, and no file of the caches or the report holds that', async () => {
  await edit(repository, 'greet.test.js', (text) => text.replace("'Hello you!'", "'Hello nobody!'"));
  await commitAll(repository, 'Expect somebody else');
  const ran = await ci(repository, given('test'), { ...env, NPM_TOKEN: TOKEN });
  expect(ran.exitCode, ran.stdout + ran.stderr).toBe(1);
  expect(resultOf(ran).stages.map(({ name, status }) => [name, status])).toContainEqual(['install', 'passed']);
  expect(ran.stdout).toContain('Hello nobody!');
  const forms = [TOKEN, Buffer.from(TOKEN).toString('base64'), encodeURIComponent(TOKEN)];
  const leaks = (bytes: Buffer) => forms.some((form) => bytes.includes(form));
  expect(leaks(Buffer.from(ran.stdout + ran.stderr))).toBe(false);
  const files = [...filesIn(ran.output), ...filesIn(join(env.XDG_CACHE_HOME ?? '', 'drydock'))];
  expect(files.some((file) => readFileSync(file).includes("'Hello ' + name"))).toBe(true);
  expect(files.filter((file) => leaks(readFileSync(file)))).toEqual([]);
});

test('a package from git, which would have it, is refused', async () => {
  const lock = readFileSync(join(repository, 'package-lock.json'), 'utf8');
  const other = await temporaryFolder('from-git');
  const resolved = 'git+ssh://git@github.com/acme/tool.git#0123456789012345678901234567890123456789';
  const entry = `"node_modules/@acme/tool": { "version": "1.0.0", "resolved": "${resolved}" },\n    "node_modules/@acme/greet"`;
  await $({ quiet: true })`cp -a ${repository}/. ${other}`;
  await add(other, { 'package-lock.json': lock.replace('"node_modules/@acme/greet"', entry) });
  await commitAll(other, 'Take a package from git');
  const ran = await ci(other, given('test'), { ...env, NPM_TOKEN: TOKEN });
  expect(ran.exitCode).not.toBe(0);
  expect(ran.stdout + ran.stderr).toMatch(/package-lock\.json has a package from git .*would have NPM_TOKEN/);
});

test('the capsule of a test that failed then replays without registry and token', async () => {
  const { exitCode, endings } = await endingsOf(repository, ['out/capsule-test.tar']);
  expect(endings).toMatchObject([{ stage: 'test', outcome: 'same' }]);
  expect(exitCode).toBe(0);
});
