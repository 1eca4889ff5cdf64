// Requests to a session's port that its client would not make: refused, before anything runs, and the session lives on.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineSession, openSession } from '../engine-session.ts';
import { temporaryFolder } from '../support.ts';

let session: EngineSession;
beforeAll(async () => {
  session = await openSession({ XDG_CACHE_HOME: await temporaryFolder('requests') });
});
afterAll(() => session.close());

const basic = (user: string) => `Basic ${Buffer.from(`${user}:`).toString('base64')}`;
const token = () => session.environment.DAGGER_SESSION_TOKEN;
const own = () => ({ authorization: basic(token()) });
const QUERY = JSON.stringify({ query: '{ version }' });

type Call = { method?: string; path?: string; headers?: OutgoingHttpHeaders; body?: string | Iterable<Buffer> };
type Answer = { status: number; message: string };

function call({ method = 'POST', path = '/query', headers = {}, body = QUERY }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: session.environment.DAGGER_SESSION_PORT, method, path, headers });
    sent.on('error', reject);
    sent.on('response', async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      sent.destroy(); // a body that is not wanted need not be sent to its end
      const { data, errors } = JSON.parse(text);
      resolve({ status: response.statusCode ?? 0, message: errors?.[0].message ?? JSON.stringify(data) });
    });
    void send(sent, body);
  });
}

async function send(sent: ReturnType<typeof request>, body: string | Iterable<Buffer>): Promise<void> {
  const closed = once(sent, 'close');
  for (const chunk of typeof body === 'string' ? [body] : body) {
    if (sent.destroyed) return;
    if (!sent.write(chunk)) await Promise.race([once(sent, 'drain'), closed]);
  }
  sent.end();
}

/** 100 MB that are never all in memory, the beginning of a request that could be meant. */
function* large(): Generator<Buffer> {
  yield Buffer.from('{"query":"{ version }","variables":{"x":"');
  const megabyte = Buffer.alloc(1e6, 'x');
  for (let sent = 0; sent < 100; sent += 1) yield megabyte;
  yield Buffer.from('"}}');
}

const refused: [name: string, call: () => Call, status: number, message: RegExp][] = [
  ['no token', () => ({}), 401, /token is missing or wrong/],
  ['an empty token', () => ({ headers: { authorization: basic('') } }), 401, /missing or wrong/],
  ['a wrong token', () => ({ headers: { authorization: basic('wrong') } }), 401, /missing or wrong/],
  [
    'a wrong token of the right length',
    () => ({ headers: { authorization: basic(token().replace(/./, 'x')) } }),
    401,
    /wrong/,
  ],
  ['a token that goes on', () => ({ headers: { authorization: basic(`${token()}x`) } }), 401, /wrong/],
  ['the token as a bearer', () => ({ headers: { authorization: `Bearer ${token()}` } }), 401, /wrong/],
  ['the token in the address', () => ({ path: `/query?token=${token()}` }), 401, /wrong/],
  ['a page of another origin', () => ({ headers: { ...own(), origin: 'https://evil.example' } }), 403, /web pages/],
  ['a page of this machine', () => ({ headers: { ...own(), origin: 'http://localhost:3000' } }), 403, /web pages/],
  ['a page without an origin of its own', () => ({ headers: { ...own(), origin: 'null' } }), 403, /web pages/],
  [
    'a question before it from a page',
    () => ({ method: 'OPTIONS', body: [], headers: { origin: 'https://x.example' } }),
    401,
    /wrong/,
  ],
  ['another path', () => ({ path: '/', headers: own() }), 404, /queries go to \/query/],
  ['another method', () => ({ method: 'PUT', headers: own() }), 405, /POST/],
  ['no JSON', () => ({ body: '{', headers: own() }), 400, /not a GraphQL query/],
  ['no query', () => ({ body: '{"query":1}', headers: own() }), 400, /not a GraphQL query/],
  ['100 MB', () => ({ body: large(), headers: own() }), 413, /may have 67108864 bytes/],
  ['100 MB without a token', () => ({ body: large() }), 401, /wrong/],
];
for (const [name, make, status, message] of refused) {
  test(`${name}: ${status}`, async () => {
    const answer = await call(make());
    expect(answer).toEqual({ status, message: expect.stringMatching(message) });
    expect(answer.message).not.toContain(token());
    expect(await call({ headers: own() })).toEqual({ status: 200, message: expect.stringContaining('version') });
  });
}

test('a client that is busy for longer than servers usually wait goes on with its connection', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports: (number | undefined)[] = [];
  for (const pause of [0, 6]) {
    execFileSync('sleep', [String(pause)]);
    const sent = request({
      host: '127.0.0.1',
      port: session.environment.DAGGER_SESSION_PORT,
      method: 'POST',
      path: '/query',
      headers: own(),
      agent,
    });
    sent.end(QUERY);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    ports.push(response.socket.localPort);
    expect(response.statusCode).toBe(200);
    for await (const _ of response); // so that the connection can be used again
  }
  agent.destroy();
  expect(ports[1]).toBe(ports[0]);
});

test('all that left no trace in its memory, and was said to nobody', () => {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${session.process.pid}/status`, 'utf8'))?.[1];
  expect(Number(peak) * 1024).toBeLessThan(250e6);
  expect(session.said()).not.toContain(token());
});

test('only this machine is listened to', () => {
  const port = Number(session.environment.DAGGER_SESSION_PORT).toString(16).toUpperCase().padStart(4, '0');
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFileSync(path, 'utf8'));
  const listening = tables.flatMap((table) => [...table.matchAll(/^\s*\d+: (\w+):(\w+) \w+:\w+ 0A/gm)]);
  expect(listening.filter(([, , at]) => at === port).map(([, address]) => address)).toEqual(['0100007F']);
});
