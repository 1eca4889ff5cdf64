// A service that is no npm package, made by its Dockerfile in a repository of somebody else's: lint to smoke without any registry, one digest from
// two caches, and a command that fails is a step that fails.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { readTar } from '../../src/oci/tar.ts';
import { pinned } from '../../src/pins.ts';
import { ci, coldCache, edit, foreignIn, resultOf, temporaryFolder, whileEdited } from './support.ts';

// docs.docker.com/build/building/multi-stage: what is compiled in one stage is copied from it; a user by number; time of the build in a stage alone.
const DOCKERFILE = `ARG BASE=${pinned('node')}
FROM $BASE AS build
ARG VERSION=none
WORKDIR /src
COPY . .
RUN date +%s%N > when && printf 'export const version = "%s";\\n' "$VERSION" > version.mjs

FROM $BASE AS runtime
WORKDIR /app
COPY --from=build /src/server.mjs /src/version.mjs ./
RUN mkdir data && touch -d "@$(date +%s)" data/new && ln server.mjs other.mjs && chown -R 1000 data
USER 1000
CMD ["node", "server.mjs"]

FROM build AS checked
RUN chown -R node .
USER node
`;
const SERVER = `import { createServer } from 'node:http';
import { version } from './version.mjs';
const server = createServer((request, response) => {
  response.writeHead(request.url === '/up' ? 200 : 404).end(version);
});
server.listen(Number(process.env.PORT));
process.on('SIGTERM', () => server.close());
`;

const TEST = `import assert from 'node:assert';
import { userInfo } from 'node:os';
import test from 'node:test';
test('runs as the stage says', () => assert.equal(userInfo().username, 'node'));
`;
const NODE_TEST = 'node --test --test-reporter junit --test-reporter-destination "$JUNIT_FILE"';

let repository: string;

beforeAll(async () => {
  repository = await temporaryFolder('dockerfile');
  await foreignIn(repository, {
    'drydock.yaml': `services:
  - path: api
    kind: dockerfile
    target: runtime
    args: { VERSION: "7" }
    checks: { target: checked }
    lint: node --check server.mjs
    test: ${NODE_TEST}
    port: 3000
    health: /up
`,
    'api/server.test.mjs': TEST,
    'api/Dockerfile': DOCKERFILE,
    'api/.dockerignore': 'notes\n',
    'api/notes/private.md': 'not for the build\n',
    'api/server.mjs': SERVER,
  });
});

const digestOf = (folder: string, output = 'out') => resultOf({ output: join(folder, output) }).image?.digest;

describe('a service of a Dockerfile', () => {
  test('is described, and runs as its image says', async () => {
    const checked = await ci(repository, ['ci']);
    expect(checked.exitCode, `${checked.stdout}${checked.stderr}`).toBe(0);
    const status = Object.fromEntries(resultOf(checked).stages.map(({ name, status: how }) => [name, how]));
    expect(status).toMatchObject({ lint: 'passed', test: 'passed', build: 'passed', sbom: 'passed' });
    expect(resultOf(checked).stages.flatMap(({ suites }) => suites)).toEqual([
      { name: 'api', tests: { total: 1, failed: 0, skipped: 0 }, coverage: null },
    ]);
    const ran = await ci(repository, ['smoke']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    const { smoke, standIns } = resultOf(ran);
    expect(smoke?.rows.map(({ name, status: how, detail }) => [name, how, detail])).toEqual([
      ['app is healthy', 'passed', '/up answers 200'],
      ['/ is answered', 'passed', '404'],
      ['A request in flight is answered while the service ends', 'passed', 'HTTP/1.1 404 Not Found'],
      ['The service ends on SIGTERM', 'passed', 'exit code 0'],
      ['The service is healthy again', 'passed', '/up answers 200'],
    ]);
    expect(standIns.map(({ pin }) => pin)).toEqual([pinned('node')]);
  });

  test('its image is what the Dockerfile says, its own files in one layer without times', async () => {
    const source = await openLayout(join(repository, 'out/image.tar'));
    try {
      const { config, layers } = await readBase(source, digestOf(repository) ?? '', 'linux/amd64');
      expect(config.config).toMatchObject({ User: '1000', Cmd: ['node', 'server.mjs'], WorkingDir: '/app' });
      const files: string[] = [];
      for await (const { path, uid, type, mtime } of readTar(source.stream(layers.at(-1)?.digest ?? '')))
        files.push(`${path} ${type} ${uid} ${mtime}`);
      expect(files).toEqual([
        'app directory 0 0',
        'app/data directory 1000 0',
        'app/data/new file 1000 0',
        'app/other.mjs file 0 0',
        'app/server.mjs link 0 0',
        'app/version.mjs file 0 0',
      ]);
    } finally {
      await source.close();
    }
  });

  test('has the same digest from an empty cache, at another time', async () => {
    const ran = await ci(repository, ['build', '--output', 'cold'], await coldCache());
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    expect(digestOf(repository, 'cold')).toBe(digestOf(repository));
  });

  test('that holds when it was built says so', async () => {
    const stamped = (text: string) => text.replace('RUN mkdir data', 'RUN date -u +%FT%T > built && mkdir data');
    const ran = await whileEdited(repository, { 'api/Dockerfile': stamped }, () => ci(repository, ['build']));
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    expect(resultOf(ran).stages.find(({ name }) => name === 'build')?.reason).toBe(
      'another build may have another digest: files say when they were written (app/built): remove them in the RUN that writes them',
    );
  });
});

const faults: [what: string, change: (text: string) => string, log: RegExp][] = [
  [
    'a command that fails',
    (text) => text.replace('RUN mkdir data', 'RUN echo compiling && echo "cannot find -lssl" >&2 && exit 7'),
    /compiling[\s\S]*cannot find -lssl[\s\S]*Dockerfile: line 11: RUN: exit code: 7/,
  ],
  [
    'a file that is not there',
    (text) => text.replace('/src/version.mjs', '/src/versions.mjs'),
    /Dockerfile: line 10: COPY: \/?src\/versions\.mjs: no such file or directory/,
  ],
];
test.for(faults)('%s is a step that fails, with what it said', async ([, change, log]) => {
  const ran = await whileEdited(repository, { 'api/Dockerfile': change }, () => ci(repository, ['build']));
  expect(ran.exitCode, ran.stdout).toBe(1);
  const [step] = resultOf(ran).stages.flatMap(({ steps }) => steps);
  expect(step).toMatchObject({ name: 'dockerfile', command: expect.stringContaining('docker build --target runtime') });
  expect(readFileSync(join(ran.output, step?.log ?? ''), 'utf8')).toMatch(log);
  expect(ran.stdout).toContain(step?.firstErrors[0]);
  // A replay could pull the images from nowhere: none is promised.
  expect(ran.stdout + ran.stderr).toContain(
    'no capsule of this failure: a capsule cannot hold the images that build of api',
  );
  expect(existsSync(join(ran.output, 'capsule-build.tar'))).toBe(false);
});

test('one without a shell or anything else, with a check of its own, and one that its own commands make', async () => {
  const folder = await temporaryFolder('other kinds');
  const needed = ['libdl', 'libstdc++', 'libm', 'libgcc_s', 'libpthread', 'libc'].map(
    (name) => `/usr/lib/*/${name}.so.?`,
  );
  await foreignIn(folder, {
    'drydock.yaml': `services:
  - { path: bare, kind: dockerfile, start: [/node, /server.mjs], port: 9000 }
  - path: own
    kind: commands
    image: ${pinned('node')}
    types: node --check server.mjs
    test: ${NODE_TEST}
    build: mkdir made && cp server.mjs made/ && echo "export const version = 'own';" > made/version.mjs
    include: [made]
    start: [node, made/server.mjs]
    health: /up
`,
    'bare/Dockerfile': `FROM ${pinned('node')} AS node
RUN mkdir -p /out/lib && cp ${needed.join(' ')} /out/lib && cp /usr/lib/*/ld-linux-*.so.? /out/lib
FROM scratch
COPY --from=node /usr/local/bin/node /node
COPY --from=node /out/lib /lib64
COPY --from=node /out/lib/ld-* /lib/
COPY server.mjs version.mjs /
ENV LD_LIBRARY_PATH=/lib64
USER 65532
HEALTHCHECK CMD ["/node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/up').then(({ ok }) => process.exit(ok ? 0 : 1))"]
`,
    'bare/server.mjs': SERVER,
    'bare/version.mjs': "export const version = 'bare';\n",
    'own/server.mjs': SERVER,
    'own/server.test.mjs': TEST.replace("'node')", "'root')"),
  });
  const tested = await ci(folder, ['test', 'own']);
  expect(tested.exitCode, `${tested.stdout}${tested.stderr}`).toBe(0);
  const ran = await ci(folder, ['smoke']);
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  const healthy = (name: string) => resultOf({ output: join(ran.output, name) }).smoke?.rows[0]?.detail;
  expect([healthy('bare'), healthy('own')]).toEqual(['its own check says so', '/up answers 200']);
  const source = await openLayout(join(ran.output, 'own/image.tar'));
  try {
    const { config } = await readBase(source, digestOf(folder, 'out/own') ?? '', 'linux/amd64');
    expect(config.config).toMatchObject({
      Entrypoint: ['node', 'made/server.mjs'],
      WorkingDir: '/app',
      User: '65532:65532',
    });
  } finally {
    await source.close();
  }
});

test('a stage that there is none of is refused before anything runs', async () => {
  await edit(repository, 'drydock.yaml', (text) => text.replace('runtime', 'runtme'));
  const ran = await ci(repository, ['build']);
  expect([ran.exitCode, ran.stdout + ran.stderr]).toEqual([2, expect.stringContaining('did you mean runtime?')]);
});
