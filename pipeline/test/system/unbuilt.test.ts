// Services that nothing builds, as Express's generator writes them, and what drydock.yaml says of what ships and how it starts: what is in the
// image, and that it runs.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { readTar } from '../../src/oci/tar.ts';
import { greeterIn } from './greeter.ts';
import { add, ci, copyInto, type Ran, resultOf } from './repository.ts';
import { temporaryFolder } from './support.ts';

const APP = `const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
module.exports = createServer((request, response) => response.end(readFileSync(join(__dirname, 'views/index.html'))));
`;
const WWW = `#!/usr/bin/env node
const server = require('../app');
server.listen(process.env.PORT || '3000');
process.on('SIGTERM', () => server.close());
`;
const manifest = (more: object) => JSON.stringify({ name: 'shop', private: true, ...more });
const LOCK = '{ "name": "shop", "lockfileVersion": 3, "requires": true, "packages": { "": { "name": "shop" } } }\n';

let repository: string;

beforeAll(async () => {
  repository = await temporaryFolder('unbuilt');
  await copyInto(repository, (path) => path.startsWith('pipeline/'), {
    '.gitignore': 'node_modules\nout\n',
    'drydock.yaml': 'services: [{ path: ., name: shop, port: 3000, health: /, include: [bin, app.js, views] }]\n',
    'package.json': manifest({ version: '0.0.0', scripts: { start: 'node ./bin/www' } }),
    'package-lock.json': LOCK,
    'app.js': APP,
    'bin/www': WWW,
    'views/index.html': '<h1>Shop</h1>\n',
    'test/app.test.js': '',
  });
});

/** The files below /app, and what the image starts. */
async function look(ran: Ran) {
  const { image } = resultOf(ran);
  const source = await openLayout(join(ran.output, 'image.tar'));
  try {
    const { config } = await readBase(source, image?.digest ?? '', 'linux/amd64');
    const names: string[] = [];
    const layer = image?.platforms[0]?.appLayer.digest ?? '';
    for await (const { type, path } of readTar(source.stream(layer))) if (type === 'file') names.push(path);
    return {
      start: config.config?.Entrypoint?.slice(1),
      files: names.map((name) => name.replace(/^app\//, '')).sort(),
    };
  } finally {
    await source.close();
  }
}

describe('without a build', () => {
  test('what is included ships, the script start says how it starts, and it runs', async () => {
    const ran = await ci(repository, ['smoke']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    expect(await look(ran)).toEqual({
      start: ['bin/www'],
      files: ['app.js', 'bin/www', 'package.json', 'views/index.html'],
    });
  });

  test('of one that says nothing, all ships but tests and settings', async () => {
    const other = await temporaryFolder('usual');
    await copyInto(other, (path) => path.startsWith('pipeline/'), {
      '.gitignore': 'node_modules\nout\n',
      'drydock.yaml': 'services: [{ path: shop, port: 3000, health: / }]\n',
      'shop/package.json': manifest({ main: 'app.js', scripts: { start: 'node bin/www', build: 'exit 1' } }).replace(
        ',"build":"exit 1"',
        '',
      ),
      'shop/package-lock.json': LOCK,
      'shop/app.js': APP,
      'shop/bin/www': WWW,
      'shop/views/index.html': '',
      ...Object.fromEntries(
        ['.eslintrc.js', 'test/a.js', 'lib/__tests__/b.js', 'lib/c.test.js', 'Dockerfile', '.env.example'].map(
          (path) => [`shop/${path}`, ''],
        ),
      ),
      'shop/lib/c.js': '',
      'shop/views/.well-known/security.txt': '',
    });
    const ran = await ci(other, ['build']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    expect(await look(ran)).toEqual({
      start: ['bin/www'],
      files: ['app.js', 'bin/www', 'lib/c.js', 'package.json', 'views/.well-known/security.txt', 'views/index.html'],
    });
  });

  test('where no file that starts it ships, it says so before anything runs', async () => {
    await add(repository, { 'package.json': manifest({ scripts: { start: 'node ./server.js' } }) });
    const ran = await ci(repository, ['build']);
    expect([ran.exitCode, ran.stdout]).toEqual([2, expect.stringContaining('the script start is server.js')]);
  });
});

test('a build that writes elsewhere, and options of Node', async () => {
  const built = await temporaryFolder('lib');
  const files = greeterIn('.');
  await copyInto(built, (path) => path.startsWith('pipeline/'), {
    ...files,
    '.gitignore': 'node_modules\nout\n',
    './package.json': (files['./package.json'] ?? '').replace(
      'mkdir -p dist && cp server.js dist/',
      'mkdir -p lib && cp server.js lib/',
    ),
    'otel.js': 'globalThis.traced = true;\n',
    'drydock.yaml':
      'services: [{ path: ., name: greeter, types: false, test: false, include: [lib, otel.js], start: node --import ./otel.js lib/server.js }]\n',
  });
  const ran = await ci(built, ['smoke']);
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  expect(await look(ran)).toEqual({
    start: ['--import', './otel.js', 'lib/server.js'],
    files: ['lib/server.js', 'otel.js', 'package.json'],
  });
});
