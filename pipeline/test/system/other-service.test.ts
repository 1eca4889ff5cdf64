// "Put your own service here": a tiny one that shares no line, package or test runner with ours, kept to the contracts only.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { add, ci, commitAll, copyOfRepository, resultOf } from './support.ts';

const SERVER = `import { createServer } from 'node:http';
export const greet = (name) => 'hello ' + name;
if (process.argv[1] === import.meta.filename) {
  const server = createServer((request, response) => response.end(greet(request.url)));
  server.listen(Number(process.env.PORT ?? 8000));
  process.on('SIGTERM', () => server.close());
}
`;
const TEST = `import assert from 'node:assert';
import test from 'node:test';
import { greet } from './server.js';
test('greets', () => assert.equal(greet('you'), 'hello you'));
`;
const MANIFEST = {
  name: '@example/greeter',
  version: '2.3.4',
  private: true,
  type: 'module',
  main: 'dist/server.js',
  scripts: {
    build: 'mkdir -p dist && cp server.js dist/',
    types: 'node --check server.js',
    test: 'node --test --test-reporter spec --test-reporter-destination stdout --test-reporter junit --test-reporter-destination "$JUNIT_FILE"',
  },
};
const LOCK = {
  name: MANIFEST.name,
  version: MANIFEST.version,
  lockfileVersion: 3,
  requires: true,
  packages: { '': { name: MANIFEST.name, version: MANIFEST.version } },
};

test('another service goes through the same pipeline', async () => {
  const repository = await copyOfRepository('greeter');
  await rm(join(repository, 'service'), { recursive: true });
  await add(repository, {
    'service/package.json': `${JSON.stringify(MANIFEST, null, 2)}\n`,
    'service/package-lock.json': JSON.stringify(LOCK),
    'service/server.js': SERVER,
    'service/server.test.js': TEST,
  });
  await commitAll(repository, 'Another service');

  const tested = await ci(repository, ['test']);
  expect(tested.exitCode, tested.stdout).toBe(0);
  const [suite] = resultOf(tested).stages.flatMap((stage) => stage.suites);
  expect(suite).toEqual({ name: 'service', tests: { total: 1, failed: 0, skipped: 0 }, coverage: null });

  const built = await ci(repository, ['build']);
  expect(built.exitCode, built.stdout).toBe(0);
  const source = await openLayout(join(built.output, 'image.tar'));
  try {
    const { config } = await readBase(source, resultOf(built).image?.digest ?? '', 'linux/amd64');
    expect(config.config?.Entrypoint).toEqual(['/nodejs/bin/node', 'dist/server.js']);
    expect(config.config?.Labels).toMatchObject({
      'org.opencontainers.image.title': '@example/greeter',
      'org.opencontainers.image.version': '2.3.4',
    });
    // It wrote no healthcheck program of its own, so Node asks /health.
    expect(config.config?.Healthcheck?.Test?.slice(0, 3)).toEqual(['CMD', '/nodejs/bin/node', '-e']);
  } finally {
    await source.close();
  }
});
