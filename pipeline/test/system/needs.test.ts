// Services whose tests and smoke need databases: each has its own, new with every run, and what is wrong with one is on the screen.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { offline } from './replaying.ts';
import { ci, commitAll, edit, foreignIn, type Ran, resultOf, whileEdited } from './repository.ts';
import { temporaryFolder } from './support.ts';

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
const TEST = 'node --test --test-reporter=junit --test-reporter-destination="$JUNIT_FILE"';
const SERVE = `
if (process.argv[1] === import.meta.filename) {
  const answer = async (_, response) => response.end(String(await visit()));
  const server = createServer(answer).listen(process.env.PORT);
  process.on('SIGTERM', () => server.close(close));
}
`;

/** Counts visits in Postgres, by the client that most use. */
const ORDERS = {
  'apps/orders/package.json': json({
    ...{ name: 'orders', version: '1.0.0', private: true, type: 'module', main: 'server.js' },
    ...{ scripts: { test: TEST }, dependencies: { pg: '8.16.3' } },
  }),
  'apps/orders/server.js': `import { createServer } from 'node:http';
import pg from 'pg';
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
export async function visit() {
  await pool.query('CREATE TABLE IF NOT EXISTS visits (at timestamptz DEFAULT now())');
  await pool.query('INSERT INTO visits DEFAULT VALUES');
  return (await pool.query('SELECT count(*)::int AS n FROM visits')).rows[0].n;
}
export const close = () => pool.end();
${SERVE}`,
};
/** Counts them in Redis, by a line of its protocol. */
const SESSIONS = {
  'apps/sessions/package.json': json({
    ...{ name: 'sessions', version: '1.0.0', private: true, type: 'module', main: 'server.js' },
    scripts: { test: TEST },
  }),
  'apps/sessions/server.js': `import { connect } from 'node:net';
import { createServer } from 'node:http';
export const visit = () => new Promise((resolve, reject) => {
  const socket = connect(6379, process.env.REDIS_HOST).on('error', reject);
  socket.once('data', (reply) => { resolve(Number(/^:(\\d+)/.exec(reply)?.[1])); socket.end(); });
  socket.write('INCR visits\\r\\n');
});
export const close = () => {};
${SERVE}`,
};
const visited = (folder: string) => ({
  [`${folder}/server.test.js`]: `import assert from 'node:assert';
import test from 'node:test';
import { close, visit } from './server.js';
test('the first visit is the first, and the next one the second', async () => {
  assert.deepEqual([await visit(), await visit()], [1, 2]);
  await close();
});
`,
});
const SUBJECT = `services:
  - path: apps/orders
    health: /
    env: { DATABASE_URL: "postgres://shop:not-secret@db/shop" }
    needs:
      db: { image: postgres:17, env: { POSTGRES_USER: shop, POSTGRES_PASSWORD: not-secret } }
  - path: apps/sessions
    health: /
    env: { REDIS_HOST: db }
    needs: { db: redis:7 }
`;

let repository: string;
const shown = ({ stdout, stderr }: Pick<Ran, 'stdout' | 'stderr'>) => `${stdout}${stderr}`;
const stageOf = (ran: Ran, wanted: string) => resultOf(ran).stages.find(({ name }) => name === wanted);

beforeAll(async () => {
  repository = await temporaryFolder('needs');
  const files = { ...ORDERS, ...SESSIONS, ...visited('apps/orders'), ...visited('apps/sessions') };
  await foreignIn(repository, { ...files, 'drydock.yaml': SUBJECT }, async (root) => {
    for (const name of ['orders', 'sessions'])
      await $({ cwd: join(root, 'apps', name), quiet: true })`npm install --package-lock-only --ignore-scripts`;
  });
});

describe('two services, and a database of each by the same name', () => {
  test('each is tested with its own, which is as new in the next run', async () => {
    const ran = await ci(repository, ['test']);
    expect(ran.exitCode, shown(ran)).toBe(0);
    expect(stageOf(ran, 'test')?.suites.map(({ name, tests }) => [name, tests.total, tests.failed])).toEqual([
      ['orders', 1, 0],
      ['sessions', 1, 0],
    ]);
    const again = await ci(repository, ['test']);
    expect(stageOf(again, 'test')?.cached, shown(again)).toBe(true);
    const comment = (text: string) => `// ${randomUUID()}\n${text}`;
    const changed = { 'apps/orders/server.js': comment, 'apps/sessions/server.js': comment };
    await whileEdited(repository, changed, async () => {
      const next = await ci(repository, ['test']);
      expect([next.exitCode, stageOf(next, 'test')?.cached], shown(next)).toEqual([0, false]);
    });
  });

  test('each is deployed with its own, and restarts beside it', async () => {
    const ran = await ci(repository, ['smoke']);
    expect(ran.exitCode, shown(ran)).toBe(0);
    const parts = resultOf(ran).parts ?? [];
    expect(parts.map(({ name, smoke }) => [name, smoke?.rows[0]?.name, smoke?.rows[0]?.detail])).toEqual([
      ['orders', 'db is ready', 'postgres:17, port 5432'],
      ['sessions', 'db is ready', 'redis:7, port 6379'],
    ]);
    for (const { smoke } of parts)
      expect(smoke?.rows.map(({ name, status }) => [name, status])).toContainEqual([
        'The service is healthy again',
        'passed',
      ]);
  });
});

describe('a database that does not start', () => {
  const wrong = {
    'drydock.yaml': (text: string) => text.replace('redis:7', '{ image: redis:7, command: [--port, x] }'),
  };

  test('is said of the test in its last lines, and again from the capsule alone', async () => {
    await whileEdited(repository, wrong, async () => {
      const ran = await ci(repository, ['test', 'sessions']);
      expect(ran.exitCode, shown(ran)).toBe(1);
      expect(ran.stdout).toMatch(/\n {4}db did not start: exit code: 1\n(?: {4}.+\n){1,4} {2}full log: /);
      expect(ran.stdout).toMatch(/'port "x"'/);
    });
    const replayed = await offline(repository, ['replay', 'out/capsule-test.tar']);
    expect(replayed.exitCode, shown(replayed)).toBe(0);
    expect(replayed.stdout).toMatch(/image-redis-7[\s\S]*same failure: test, .*db did not start/);
  });

  test('is said of the deployment, which is not begun', async () => {
    await whileEdited(repository, wrong, async () => {
      const ran = await ci(repository, ['smoke', 'sessions']);
      expect(ran.exitCode, shown(ran)).toBe(1);
      expect(resultOf(ran).smoke?.rows).toMatchObject([
        { name: 'db is ready', status: 'failed', detail: expect.stringMatching(/^db did not start: .*\n.*/) },
      ]);
    });
  });
});

test('an image that nobody has: the tests are not evaluated, which --strict refuses', async () => {
  const elsewhere = {
    'drydock.yaml': (text: string) => text.replace('redis:7', '{ image: "127.0.0.1:9/none:1", port: 6379 }'),
  };
  await whileEdited(repository, elsewhere, async () => {
    const ran = await ci(repository, ['test', 'sessions']);
    expect(ran.exitCode, shown(ran)).toBe(0);
    expect(stageOf(ran, 'test')).toMatchObject({
      status: 'not evaluated',
      reason: expect.stringMatching(/^sessions: db: .*127\.0\.0\.1:9\/none:1/),
    });
    expect((await ci(repository, ['test', 'sessions', '--strict'])).exitCode).toBe(1);
  });
});

test('a test that fails beside its database fails again from the capsule alone, on the same rows', async () => {
  await edit(repository, 'apps/orders/server.test.js', (text) => text.replace('[1, 2]', '[1, 3]'));
  await commitAll(repository, 'Expect a third');
  const ran = await ci(repository, ['test', 'orders']);
  expect(ran.exitCode, shown(ran)).toBe(1);
  const replayed = await offline(repository, ['replay', 'out/capsule-test.tar']);
  expect(replayed.exitCode, shown(replayed)).toBe(0);
  expect(replayed.stdout).toMatch(/image-postgres-17[\s\S]*same failure: test/);
});
