// Raw requests at a real nginx with the shipped template: what RFC 9110 and 9112 let a client send and do not, what proxies say of
// forwarding, headers of many sizes, WebSockets (RFC 6455) and server-sent events.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { address, atEnd, eventually, type Nginx, type NginxOptions, startNginx, startService } from './neighbours.ts';

async function nginxBefore(upstream: string, options: Partial<NginxOptions> = {}): Promise<Nginx> {
  // Addresses need no name server.
  const started = await startNginx({ resolver: '127.0.0.1', upstream, ...options });
  await eventually(async () => expect((await ask(started.healthHost, { path: '/health' }, 8081)).status).toBe(200));
  return started;
}

async function serverAt(listener: RequestListener, upgraded?: (request: IncomingMessage, socket: Duplex) => void) {
  const host = address();
  const server = createServer({ maxHeaderSize: 64 * 1024 }, listener).listen(8000, host);
  if (upgraded !== undefined) server.on('upgrade', upgraded);
  await once(server, 'listening');
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return host;
}

/** All that is answered until the other side closes. */
async function raw(host: string, request: string): Promise<{ status: number; head: string; body: string }> {
  const socket = connect({ host, port: 8080, localAddress: address() });
  socket.write(request);
  const answer = (await text(socket)).replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const [head = '', ...body] = answer.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), head, body: body.join('\r\n\r\n') };
}

// ── requests ────────────────────────────────────────────────────────────────────────────────────────────

let nginx: Nginx;
beforeAll(async () => {
  const host = address();
  await startService(host);
  nginx = await nginxBefore(host);
  await eventually(async () => expect((await ask(nginx.host)).status).toBe(200));
});

const END = 'Connection: close\r\n\r\n';
const taken: [name: string, request: string][] = [
  ['HTTP/1.0 without Host, as classic checkers ask', 'GET /health HTTP/1.0\r\n\r\n'],
  ['HTTP/1.0 with Host', 'GET /health HTTP/1.0\r\nHost: a\r\n\r\n'],
  ['an absolute address', `GET http://a.example/health HTTP/1.1\r\nHost: a.example\r\n${END}`],
  ['a Host with a port', `GET /health HTTP/1.1\r\nHost: a.example:8080\r\n${END}`],
  ['a Host that is an IPv6 address', `GET /health HTTP/1.1\r\nHost: [::1]:8080\r\n${END}`],
  ['an expectation', `GET /health HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${END}`],
  ['a header of 14 KiB', `GET /health HTTP/1.1\r\nHost: a\r\nCookie: ${'x'.repeat(14 * 1024)}\r\n${END}`],
  ['an empty line before it', `\r\nGET /health HTTP/1.1\r\nHost: a\r\n${END}`],
];
test.for(taken)('200: %s', async ([, request]) => expect((await raw(nginx.host, request)).status).toBe(200));

const refused: [name: string, request: string, status: number][] = [
  ['HTTP/1.1 without Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['no request', 'hello there\r\n\r\n', 400],
  ['a path without a slash', 'GET path HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a path that leads out', 'GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a path with a zero byte', 'GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a length that is none', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', 400],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
  [
    'a length and a coding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
  ['a header without a name', 'GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n', 400],
  ['a length that is too much', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n', 413],
  ['an address that is too long', `GET /${'x'.repeat(17 * 1024)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  ['one header line that is too long', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17 * 1024)}\r\n\r\n`, 431],
  ['many header lines', `GET / HTTP/1.1\r\nHost: a\r\n${`X: ${'x'.repeat(8000)}\r\n`.repeat(9)}\r\n`, 431],
  ['a transfer coding that is not known', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', 501],
  ['TRACE', `TRACE / HTTP/1.1\r\nHost: a\r\n${END}`, 405],
  ['a tunnel', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n', 400],
  ['a version of the future', 'GET / HTTP/2.1\r\nHost: a\r\n\r\n', 505],
];
test.for(refused)('$2, as problem+json: %s', async ([, request, status]) => {
  const { head, body } = await raw(nginx.host, request);
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toMatch(/\r\nContent-Type: application\/problem\+json/);
  const [, id] = /\r\nX-Request-Id: (\S+)/i.exec(head) ?? [];
  expect(JSON.parse(body)).toMatchObject({ type: 'about:blank', status, request_id: id });
});

// ── forwarding ──────────────────────────────────────────────────────────────────────────────────────────

/** Names under which proxies and frameworks look for who asks, for what and how. */
const SAID = {
  Forwarded: 'for=10.0.0.1;proto=https;host=evil.example',
  Via: '1.1 evil',
  'X-Forwarded-For': '10.0.0.1',
  'X-Forwarded-Host': 'evil.example',
  'X-Forwarded-Port': '444',
  'X-Forwarded-Prefix': '/evil',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Scheme': 'https',
  'X-Forwarded-Server': 'evil.example',
  'X-Forwarded-Ssl': 'on',
  'Front-End-Https': 'on',
  'X-Real-IP': '10.0.0.1',
  'X-Client-IP': '10.0.0.1',
  'True-Client-IP': '10.0.0.1',
  'CF-Connecting-IP': '10.0.0.1',
  'X-Original-URL': '/evil',
  'X-Rewrite-URL': '/evil',
  X_Forwarded_For: '10.0.0.1',
};
const echo: RequestListener = (request, response) => response.end(JSON.stringify(request.headers));

describe('what is said of forwarding', () => {
  test('by a caller does not pass', async () => {
    const { host } = await nginxBefore(await serverAt(echo));
    const from = address();
    const got = (await ask(host, { from, headers: { Host: 'shop.example', ...SAID } })).json();
    expect(got).toEqual({
      host: 'shop.example',
      'x-request-id': expect.stringMatching(/^[0-9a-f]{32}$/),
      'x-forwarded-for': from,
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.example',
      connection: 'close',
    });
  });

  const byProxy: [name: string, said: Record<string, string>, client: string | null, proto: string][] = [
    ['its client and TLS', { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https' }, '203.0.113.7', 'https'],
    ['what its client invented', { 'X-Forwarded-For': '10.9.9.9, 203.0.113.7' }, '203.0.113.7', 'http'],
    ['no scheme at all', { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'gopher' }, '203.0.113.7', 'http'],
    ['nothing', {}, null, 'http'],
  ];
  test.for(byProxy)('by a trusted proxy: %s', async ([, said, client, proto]) => {
    const proxy = address();
    const { host } = await nginxBefore(await serverAt(echo), { trusted: `${proxy}/32` });
    const got = (await ask(host, { from: proxy, headers: { Host: 'shop.example', ...said } })).json();
    expect(got).toMatchObject({ 'x-forwarded-for': client ?? proxy, 'x-forwarded-proto': proto });
  });

  test('behind a trusted proxy, it is its clients whose requests are counted', async () => {
    const proxy = address();
    const { host } = await nginxBefore(await serverAt(echo), { trusted: `${proxy}/32` });
    const asked = (client: string) => ask(host, { from: proxy, headers: { Host: 'a', 'X-Forwarded-For': client } });
    await eventually(async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => asked('203.0.113.7')));
      expect(answers.map(({ status }) => status)).toContain(429);
    });
    expect((await asked('203.0.113.8')).status).toBe(200);
  });
});

// ── answers that are large, or last ─────────────────────────────────────────────────────────────────────

test('an answer with a header of 24 KiB passes', async () => {
  const value = 'x'.repeat(6 * 1024);
  const { host } = await nginxBefore(
    await serverAt((_request, response) => {
      for (const name of ['a', 'b', 'c', 'd']) response.setHeader(`X-Large-${name}`, value);
      response.end('{}');
    }),
  );
  const head = (await raw(host, `GET / HTTP/1.1\r\nHost: a\r\n${END}`)).head;
  expect(head).toMatch(/^HTTP\/1\.1 200 /);
  expect(head.length).toBeGreaterThan(24 * 1024);
});

describe('streams', () => {
  const accept = (_request: IncomingMessage, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.on('data', (bytes) => socket.end(bytes));
    socket.on('error', () => {});
  };
  const upgrade = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nping`;

  test('a WebSocket passes on a path of streams, and on no other', async () => {
    const upstream = await serverAt((_request, response) => response.end('{}'), accept);
    const { host } = await nginxBefore(upstream, { streams: '^/live/' });
    const opened = await raw(host, upgrade('/live/chat'));
    expect([opened.status, opened.body]).toEqual([101, 'ping']);
    const plain = await raw(host, `${upgrade('/').replace('\r\n\r\nping', '\r\n')}${END}`);
    expect([plain.status, plain.body]).toEqual([200, expect.stringContaining('{}')]);
  });

  test('an event is there before the next', async () => {
    let next = () => {};
    const upstream = await serverAt((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
      next = () => response.end('data: 2\n\n');
    });
    const { host } = await nginxBefore(upstream, { streams: '^/events$' });
    const socket = connect({ host, port: 8080 });
    socket.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
    let got = '';
    socket.on('data', (bytes) => {
      got += String(bytes);
    });
    await eventually(() => expect(got).toContain('data: 1'));
    next();
    await eventually(() => expect(got).toContain('data: 2'));
    socket.destroy();
  });
});
