// How often an engine is asked: the real SDK, and a server that answers every query with its own text.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connection, type Directory, dag } from '@dagger.io/dagger';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { askIdsOnce, contentsIfAny } from '../../src/stages/engine.ts';

const queries: string[] = [];
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { query } = JSON.parse(body) as { query: string };
  queries.push(query.replace(/\s+/g, ' ').trim());
  const value = query.includes('exists') ? !query.includes('absent') : `"id-${queries.length}"`;
  const names = [...query.matchAll(/(\w+)\s*(?:\([^)]*\))?\s*[{}]/g)].map(([, name]) => name);
  const data = names.reduceRight((inner, name) => `{"${name}": ${inner}}`, String(value));
  response.setHeader('content-type', 'application/json').end(`{"data": ${data}}`);
});

const NAMES = ['DAGGER_SESSION_PORT', 'DAGGER_SESSION_TOKEN'] as const;
const before = NAMES.map((name) => process.env[name]);
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env.DAGGER_SESSION_PORT = String((server.address() as AddressInfo).port);
  process.env.DAGGER_SESSION_TOKEN = 'token';
});
afterAll(() => {
  for (const [index, name] of NAMES.entries()) {
    if (before[index] === undefined) delete process.env[name];
    else process.env[name] = before[index];
  }
  server.closeAllConnections();
  server.close();
});
beforeEach(() => void queries.splice(0));

test('of an object that is used three times, two of them at once, the id is asked for once', async () => {
  await connection(async () => {
    askIdsOnce(dag);
    const folder = (): Directory => dag.directory().withNewFile('a', 'text');
    const uses = ['one', 'two'].map((path) => dag.directory().withDirectory(path, folder()).file('a').contents());
    await Promise.all(uses);
    await dag.container().withDirectory('/', folder()).file('a').contents();
  });
  const ids = queries.filter((query) => / id [} ]+$/.test(query));
  expect(ids).toEqual(['{ directory { withNewFile (path: "a",contents: "text") { id } } }']);
  const used = queries.filter((query) => query.includes('source: "id-1"'));
  expect(used.length).toBe(3);
});

test('a session asks again for what another asked', async () => {
  for (const _ of ['one', 'two'])
    await connection(async () => {
      askIdsOnce(dag);
      await dag.directory().withNewFile('b', 'text').id();
    });
  expect(queries.length).toBe(2);
});

test('what is no id is asked for each time', async () => {
  await connection(async () => {
    askIdsOnce(dag);
    for (const _ of ['one', 'two'])
      await dag
        .directory()
        .entries()
        .catch(() => {});
    for (const _ of ['one', 'two']) await dag.directory().withNewFile('id', 'x').digest();
  });
  expect(queries.length).toBe(4);
});

test('a file of one place is read once, and of another place again', async () => {
  await connection(async () => {
    const place = dag.directory().withNewFile('c', 'text');
    for (const path of ['c', 'c', 'absent', 'absent']) await contentsIfAny(place, path);
    expect(queries.length).toBe(3);
    await contentsIfAny(dag.directory().withNewFile('c', 'text'), 'c');
    expect(queries.length).toBe(5);
  });
});
