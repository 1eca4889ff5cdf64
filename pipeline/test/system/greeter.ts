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
const ONE_TEST = `import test from 'node:test';
test('one', () => {});
`;
const NODE_TEST =
  'node --test --test-reporter spec --test-reporter-destination stdout --test-reporter junit --test-reporter-destination "$JUNIT_FILE"';
const MANIFEST = {
  name: '@example/greeter',
  version: '2.3.4',
  private: true,
  type: 'module',
  main: 'dist/server.js',
  scripts: {
    build: 'mkdir -p dist && cp server.js dist/',
    types: 'node --check server.js',
    test: NODE_TEST,
  },
};

/** One package that it needs, as its lock file pins it. */
export type Dependency = { name: string; version: string; integrity: string };

/** What the repository is checked with: no package, as none of that is what these tests are about. */
const TOOLS = {
  name: '@example/tools',
  version: '1.0.0',
  private: true,
  type: 'module',
  scripts: { 'test:unit': `${NODE_TEST} pipeline/test/one.test.js` },
};

/** Put the greeter in the place of the service, and tools that are as small beside it. */
export async function putGreeter(repository: string, dependency?: Dependency): Promise<void> {
  await rm(join(repository, 'service'), { recursive: true, force: true });
  await rm(join(repository, 'pipeline/test'), { recursive: true, force: true });
  await add(repository, {
    'package.json': JSON.stringify(TOOLS),
    'package-lock.json': JSON.stringify(lockOf(TOOLS, {})),
    'pipeline/test/one.test.js': ONE_TEST,
    ...greeterIn('service', dependency),
  });
}

/** Its files, by their paths. */
export function greeterIn(folder: string, dependency?: Dependency): Record<string, string> {
  const needs = dependency === undefined ? {} : { dependencies: { [dependency.name]: dependency.version } };
  return {
    [`${folder}/package.json`]: `${JSON.stringify({ ...MANIFEST, ...needs }, null, 2)}\n`,
    [`${folder}/package-lock.json`]: `${JSON.stringify(lockOf(MANIFEST, needs, dependency), null, 2)}\n`,
    [`${folder}/server.js`]: SERVER,
    [`${folder}/server.test.js`]: TEST,
  };
}

function lockOf({ name, version }: { name: string; version: string }, needs: object, dependency?: Dependency) {
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
