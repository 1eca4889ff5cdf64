// A tiny service that shares no line, package or test runner with ours, kept to the contracts only: it installs in no time.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { add } from './repository.ts';

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

/** One package that it needs, as its lock file pins it. */
export type Dependency = { name: string; version: string; integrity: string };

/** Put the greeter in the place of the service. */
export async function putGreeter(repository: string, dependency?: Dependency): Promise<void> {
  await rm(join(repository, 'service'), { recursive: true, force: true });
  const needs = dependency === undefined ? {} : { dependencies: { [dependency.name]: dependency.version } };
  await add(repository, {
    'service/package.json': `${JSON.stringify({ ...MANIFEST, ...needs }, null, 2)}\n`,
    'service/package-lock.json': `${JSON.stringify(lockOf(needs, dependency), null, 2)}\n`,
    'service/server.js': SERVER,
    'service/server.test.js': TEST,
  });
}

function lockOf(needs: object, dependency: Dependency | undefined) {
  const { name, version } = MANIFEST;
  const locked =
    dependency === undefined
      ? {}
      : { [`node_modules/${dependency.name}`]: { version: dependency.version, integrity: dependency.integrity } };
  return {
    name,
    version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': { name, version, ...needs }, ...locked },
  };
}
