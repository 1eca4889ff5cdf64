// A real nginx with the shipped template before the real service: what it passes on, adds, limits and refuses, and that it finds
// the service again wherever it has moved to.
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Asked, ask } from './ask.ts';
import {
  address,
  atEnd,
  checkNginx,
  eventually,
  type Nginx,
  type NginxOptions,
  nameServer,
  type Program,
  startNginx,
  startService,
} from './neighbours.ts';

const DEPLOYED = { APP_COMMIT: 'abc1234', APP_BUILT: '2026-01-01T00:00:00Z', APP_DIGEST: 'sha256:1234' };

let names: Awaited<ReturnType<typeof nameServer>>;
let service: Program;
let nginx: Nginx;
const via = (asked: Asked = {}) => ask(nginx.host, asked);
const status = async (host: string) => (await ask(host)).status;

/** Until it listens, there is nobody to ask. */
async function listening(options: NginxOptions): Promise<Nginx> {
  const started = await startNginx(options);
  await eventually(async () => expect(await health(started)).toBe(200));
  return started;
}
const health = async ({ healthHost }: Nginx) => (await ask(healthHost, { path: '/health' }, 8081)).status;

beforeAll(async () => {
  names = await nameServer();
  const host = address();
  names.move(host);
  service = await startService(host, DEPLOYED);
  nginx = await listening({ resolver: names.at, upstream: names.name });
  await eventually(async () => expect(await status(nginx.host)).toBe(200));
});

test('nginx takes the rendered configuration, without a warning', async () => {
  const { exitCode, said } = await checkNginx({ resolver: '127.0.0.11', upstream: 'app' });
  expect([exitCode, said]).toEqual([0, expect.not.stringMatching(/\[(warn|error|emerg)\]/)]);
});

// ── what is passed on ───────────────────────────────────────────────────────────────────────────────────

const paths: [path: string, status: number, type: string, body: Record<string, unknown>][] = [
  ['/', 200, 'application/json', { name: 'drydock-service' }],
  ['/health', 200, 'application/json', { status: 'ok' }],
  [
    '/version',
    200,
    'application/json',
    { commit: DEPLOYED.APP_COMMIT, built: DEPLOYED.APP_BUILT, digest: DEPLOYED.APP_DIGEST },
  ],
  ['/nothing', 404, 'application/problem+json', { detail: 'There is nothing at this path' }],
];
for (const [path, code, type, body] of paths) {
  test(`${path} is the service’s answer`, async () => {
    const answer = await via({ path });
    expect(answer.status).toBe(code);
    expect(answer.headers['content-type']).toEqual([`${type}; charset=utf-8`]);
    expect(answer.headers['cache-control']).toEqual(['no-store']);
    expect(answer.json()).toMatchObject(body);
  });
}

test('a method that the service refuses is refused by the service', async () => {
  const answer = await via({ method: 'DELETE', path: '/version' });
  expect([answer.status, answer.headers.allow]).toEqual([405, ['GET, HEAD, OPTIONS']]);
});

// ── every answer ────────────────────────────────────────────────────────────────────────────────────────

const SECURITY = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // Without its version.
  server: 'nginx',
};
const answers: [name: string, asked: Asked, status: number][] = [
  ['the service’s', { path: '/version' }, 200],
  ['the service’s refusal', { path: '/nothing' }, 404],
  ['nginx’s own', { path: '/metrics' }, 404],
];
for (const [header, value] of Object.entries(SECURITY)) {
  for (const [name, asked, code] of answers) {
    test(`${header}, once, on ${name} answer`, async () => {
      const answer = await via(asked);
      expect([answer.status, answer.headers[header]]).toEqual([code, [value]]);
    });
  }
}

const ids: [name: string, offered: string | undefined, taken: RegExp][] = [
  ['the caller’s', 'from-a.caller_1', /^from-a\.caller_1$/],
  ['a new one for none', undefined, /^[0-9a-f]{32}$/],
  ['a new one for one with other characters', 'a b"c', /^[0-9a-f]{32}$/],
  ['a new one for one that is too long', 'x'.repeat(129), /^[0-9a-f]{32}$/],
];
for (const [name, offered, taken] of ids) {
  test(`request id: ${name}, the same in answer, body and both logs`, async () => {
    const answer = await via({ path: '/nothing', headers: offered === undefined ? {} : { 'X-Request-Id': offered } });
    const [id = '', ...more] = answer.headers['x-request-id'] ?? [];
    expect(id).toMatch(taken);
    expect(more).toEqual([]);
    expect(answer.json().request_id).toBe(id);
    for (const log of [nginx, service]) await eventually(() => expect(log.output()).toContain(`"request_id":"${id}"`));
  });
}

// ── what is not for the public ──────────────────────────────────────────────────────────────────────────

for (const path of [
  '/metrics',
  '/metrics/',
  '/METRICS',
  '/Metrics/',
  '/metrics?x=1',
  '//metrics',
  '/%6detrics',
  '/x/../metrics',
  '/./metrics',
]) {
  test(`${path} is nowhere`, async () => {
    const answer = await via({ path });
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toEqual(['application/problem+json']);
  });
}

// ── limits ──────────────────────────────────────────────────────────────────────────────────────────────

test('a body of 64 KiB goes through, one more byte does not', async () => {
  const post = (bytes: number) =>
    via({ method: 'POST', headers: { 'Content-Length': String(bytes) }, body: 'x'.repeat(bytes) });
  expect((await post(64 * 1024)).status).toBe(405);
  problemOf(await post(64 * 1024 + 1), 413, 'The body is larger than 64 KiB');
});

test('a client that asks too much is slowed down, another is not', async () => {
  const from = address();
  // 50 a second and a burst of 100: asked 50 at a time, it comes to that on any machine.
  const refused = await eventually(async () => {
    const answered = await Promise.all(Array.from({ length: 50 }, () => via({ from, path: '/version' })));
    const found = answered.find((answer) => answer.status === 429);
    if (found === undefined) throw new Error('none of fifty was refused');
    return found;
  });
  problemOf(refused, 429, 'Too many requests from this address; slow down');
  expect(refused.headers['retry-after']).toEqual(['1']);
  expect((await via()).status).toBe(200);
});

// ── the log ─────────────────────────────────────────────────────────────────────────────────────────────

test('the access log is JSON, without queries', async () => {
  const from = address();
  await via({
    path: '/version?token=secret',
    from,
    headers: { 'User-Agent': 'a "quoted"\\ one', 'X-Request-Id': 'logged' },
  });
  const lines = () =>
    nginx
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const logged = await eventually(() => {
    const line = lines().find(({ request_id }) => request_id === 'logged');
    if (line === undefined) throw new Error('not logged');
    return line;
  });
  expect(logged).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    event: 'proxied',
    request_id: 'logged',
    remote_addr: from,
    method: 'GET',
    path: '/version',
    status: 200,
    bytes: expect.any(Number),
    duration_s: expect.any(Number),
    upstream_addr: expect.stringMatching(/^127\..*:8000$/),
    upstream_status: '200',
    upstream_duration_s: expect.stringMatching(/^\d+\.\d+$/),
    user_agent: 'a "quoted"\\ one',
  });
  expect(nginx.output()).not.toContain('secret');
});

// ── another service ─────────────────────────────────────────────────────────────────────────────────────

describe('with another service behind it', () => {
  /** nginx before a server that answers as the test wants. */
  async function before(listener: RequestListener, changes: NginxOptions['changes'] = []): Promise<Nginx> {
    const host = address();
    const server = createServer(listener).listen(8000, host);
    await once(server, 'listening');
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    return await listening({ resolver: names.at, upstream: host, changes });
  }

  const large = JSON.stringify({ text: 'x'.repeat(4000) });
  const encodings: [name: string, size: 'large' | 'small', accepted: string, encoding: string | undefined][] = [
    ['a large answer is compressed', 'large', 'gzip', 'gzip'],
    ['not for a client that cannot read it', 'large', 'identity', undefined],
    ['nor a small one', 'small', 'gzip', undefined],
  ];
  test.for(encodings)('gzip: %s', async ([, size, accepted, encoding]) => {
    const { host } = await before((_request, response) => {
      response.setHeader('Content-Type', 'application/json; charset=utf-8').end(size === 'large' ? large : '{}');
    });
    const answer = await ask(host, { headers: { 'Accept-Encoding': accepted } });
    expect(answer.headers['content-encoding']?.[0]).toBe(encoding);
    const body = encoding === undefined ? answer.body : gunzipSync(answer.body);
    expect(body.toString()).toBe(size === 'large' ? large : '{}');
  });

  test('it is told who asks, whatever the client says of it', async () => {
    const { host } = await before((request, response) => response.end(JSON.stringify(request.headers)));
    const from = address();
    const answer = await ask(host, {
      from,
      headers: {
        Host: 'shop.example',
        'X-Forwarded-For': '10.0.0.1',
        'X-Forwarded-Proto': 'https',
        'X-Request-Id': 'mine',
      },
    });
    expect(answer.json()).toMatchObject({
      host: 'shop.example',
      'x-request-id': 'mine',
      'x-forwarded-for': from,
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.example',
    });
  });

  test('what it says of caches is kept, and its own 503 too', async () => {
    const { host } = await before((_request, response) => {
      response.writeHead(503, { 'Cache-Control': 'max-age=5', 'Content-Type': 'text/plain' }).end('mine');
    });
    const answer = await ask(host);
    expect([answer.status, answer.body.toString(), answer.headers['cache-control']]).toEqual([
      503,
      'mine',
      ['max-age=5'],
    ]);
  });

  test('one that takes too long is a 504', async () => {
    const { host } = await before(() => {}, [['proxy_read_timeout    30s', 'proxy_read_timeout    200ms']]);
    problemOf(await ask(host), 504, 'The service took too long to answer');
  });

  test('one that has its hands full is a 503, said at once', async () => {
    const waiting: ServerResponse[] = [];
    const { host } = await before(
      (_request, response) => waiting.push(response),
      [['limit_conn        requests_at_once 512', 'limit_conn        requests_at_once 1']],
    );
    const held = ask(host);
    await eventually(() => expect(waiting).toHaveLength(1));
    const answer = await ask(host);
    problemOf(answer, 503, 'The service is busy');
    expect(answer.headers['retry-after']).toEqual(['1']);
    waiting[0]?.end();
    expect((await held).status).toBe(200);
  });
});

// ── a service that comes and goes ───────────────────────────────────────────────────────────────────────

describe('a service that comes and goes', () => {
  test('nginx starts before the service has a name, and finds it when it comes', async () => {
    const early = await nameServer();
    const { host } = await listening({ resolver: early.at, upstream: early.name });
    problemOf(await ask(host), 502, 'The service cannot be reached');
    const place = address();
    const late = await startService(place);
    early.move(place);
    await eventually(async () => expect(await status(host)).toBe(200));
    await late.stop();
  });

  test('it restarts, and it moves: 502 while it is gone, then its answers again', async () => {
    const moving = await nameServer();
    const [first, second] = [address(), address()];
    moving.move(first);
    const { host } = await listening({ resolver: moving.at, upstream: moving.name });
    for (const place of [first, first, second]) {
      const running = await startService(place, { APP_COMMIT: place });
      moving.move(place);
      await eventually(async () => expect((await ask(host, { path: '/version' })).json().commit).toBe(place));
      await running.stop();
      problemOf(await ask(host), 502, 'The service cannot be reached');
    }
  });
});

/** nginx's own problem, as the service would say it. */
function problemOf(answer: Answer, status: number, detail: string): void {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toEqual(['application/problem+json']);
  expect(answer.headers['cache-control']).toEqual(['no-store']);
  const [id] = answer.headers['x-request-id'] ?? [];
  expect(answer.json()).toEqual({ type: 'about:blank', title: expect.any(String), status, detail, request_id: id });
}
