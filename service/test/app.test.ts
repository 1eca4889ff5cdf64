// The app over real HTTP: what it answers, and what it never says.
import { readFileSync } from 'node:fs';
import { Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { describe as about } from '../src/about.ts';
import type { AppOptions } from '../src/app.ts';
import { NO_DEPLOYMENT, startApp } from './support.ts';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const JSON_TYPE = 'application/json; charset=utf-8';

const deployment = { commit: 'abc1234', built: '2026-01-01T00:00:00Z', digest: 'sha256:00' };
const failing = { dull: () => true, broken: () => false };

const answers: [name: string, path: string, options: Partial<AppOptions>, status: number, body: unknown][] = [
  [
    'what this is',
    '/',
    {},
    200,
    {
      name: 'drydock-service',
      version: manifest.version,
      links: { self: '/', health: '/health', metrics: '/metrics', version: '/version', source: manifest.repository },
    },
  ],
  ['well', '/health', {}, 200, { status: 'ok', uptime: expect.any(Number), checks: { dull: 'ok' } }],
  ['with a query', '/health?x=1', {}, 200, expect.objectContaining({ status: 'ok' })],
  [
    'not well',
    '/health',
    { checks: failing },
    503,
    { status: 'failing', uptime: expect.any(Number), checks: { dull: 'ok', broken: 'failing' } },
  ],
  [
    'a version nobody deployed',
    '/version',
    {},
    200,
    { version: manifest.version, commit: null, built: null, digest: null, node: process.version },
  ],
  [
    'a deployed version',
    '/version',
    { about: about(deployment) },
    200,
    { version: manifest.version, ...deployment, node: process.version },
  ],
];
for (const [name, path, options, status, body] of answers) {
  test(`app answers: ${name}`, async () => {
    const { url } = await startApp(options);
    const response = await fetch(url + path);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(JSON_TYPE);
    expect(await response.json()).toEqual(body);
  });
}

test('app: health is 503 from the moment of draining, and connections are told to close', async () => {
  const { url, lifecycle } = await startApp();
  expect((await fetch(`${url}/health`)).headers.get('connection')).toBe('keep-alive');
  lifecycle.draining = true;
  const response = await fetch(`${url}/health`);
  expect(response.status).toBe(503);
  expect(response.headers.get('connection')).toBe('close');
  expect(await response.json()).toMatchObject({ status: 'draining' });
});

for (const path of ['/', '/health', '/metrics', '/version']) {
  test(`app: HEAD ${path} is GET without the body`, async () => {
    const { url } = await startApp();
    const head = await fetch(url + path, { method: 'HEAD' });
    const get = await fetch(url + path);
    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0);
    expect(await head.text()).toBe('');
  });

  test(`app: OPTIONS ${path} says what is allowed`, async () => {
    const { url } = await startApp();
    const response = await fetch(url + path, { method: 'OPTIONS' });
    expect(response.status).toBe(204);
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
  });
}

/** A body without a length is sent in chunks. */
const chunked = (size: number): RequestInit => ({
  method: 'POST',
  body: new Blob(['x'.repeat(size)]).stream(),
  duplex: 'half',
});
const sized = (size: number): RequestInit => ({ method: 'POST', body: 'x'.repeat(size) });

const NOT_ALLOWED = 'This resource allows GET, HEAD, OPTIONS';
const TOO_LARGE = 'The body is larger than 100 bytes';
const problems: [name: string, path: string, init: RequestInit, status: number, title: string, detail: string][] = [
  ['nothing there', '/nope', {}, 404, 'Not Found', 'There is nothing at this path'],
  ['another case', '/%2e%2e/etc/passwd', {}, 404, 'Not Found', 'There is nothing at this path'],
  ['broken encoding', '/%ff', {}, 400, 'Bad Request', 'The path is not well-formed percent-encoding'],
  ['POST without a body', '/', { method: 'POST' }, 405, 'Method Not Allowed', NOT_ALLOWED],
  ['DELETE', '/health', { method: 'DELETE' }, 405, 'Method Not Allowed', NOT_ALLOWED],
  ['a body as large as may be', '/', sized(100), 405, 'Method Not Allowed', NOT_ALLOWED],
  ['a body too large', '/', sized(101), 413, 'Payload Too Large', TOO_LARGE],
  ['chunks as large as may be', '/', chunked(100), 405, 'Method Not Allowed', NOT_ALLOWED],
  ['chunks too large', '/', chunked(101), 413, 'Payload Too Large', TOO_LARGE],
  ['far too large', '/', sized(1_000_000), 413, 'Payload Too Large', TOO_LARGE],
];
for (const [name, path, init, status, title, detail] of problems) {
  test(`app refuses: ${name}`, async () => {
    const { url } = await startApp();
    const response = await fetch(url + path, init);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(response.headers.get('allow')).toBe(status === 405 ? 'GET, HEAD, OPTIONS' : null);
    const request_id = response.headers.get('x-request-id');
    expect(await response.json()).toEqual({ type: 'about:blank', title, status, detail, request_id });
  });
}

for (const [name, thrown] of [
  ['an error', new TypeError('secret detail')],
  ['something else', 'secret detail'],
] as const) {
  test(`app: ${name} inside is a 500 that leaks nothing, and a log line that has it all`, async () => {
    const registry = new Registry();
    new Gauge({
      name: 'broken',
      help: 'Fails when it is read',
      registers: [registry],
      collect() {
        throw thrown;
      },
    });
    const { url, lines } = await startApp({ registry });
    const response = await fetch(`${url}/metrics`);
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(body)).toMatchObject({ status: 500, title: 'Internal Server Error' });
    expect(body).not.toMatch(/secret|TypeError|\.ts|node_modules/);
    const failed = lines().find((line) => line.event === 'failed');
    expect(failed).toMatchObject({ level: 'error', request_id: response.headers.get('x-request-id') });
    expect(failed?.stack).toContain('secret detail');
  });
}

const ids: [name: string, offered: string, kept: boolean][] = [
  ['well formed', 'Abc-1_2.3', true],
  ['as long as may be', 'x'.repeat(128), true],
  ['too long', 'x'.repeat(129), false],
  ['empty', '', false],
  ['with a space', 'a b', false],
  ['with a quote, to break the log', 'a","level":"error', false],
];
for (const [name, offered, kept] of ids) {
  test(`app: a request id that is ${name} is ${kept ? 'kept' : 'replaced'}`, async () => {
    const { url } = await startApp();
    const id = (await fetch(url, { headers: { 'X-Request-Id': offered } })).headers.get('x-request-id');
    if (kept) expect(id).toBe(offered);
    else expect(id).toMatch(UUID);
  });
}

test('app: one log line a request, without the query', async () => {
  const { url, lines } = await startApp();
  await (await fetch(`${url}/version?token=secret`, { headers: { 'X-Request-Id': 'r1' } })).text();
  await (await fetch(`${url}/a"b\\${'c'.repeat(300)}`, { headers: { 'X-Request-Id': 'r2' } })).text();
  const requests = lines();
  expect(requests).toEqual([
    {
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: 'info',
      event: 'request',
      request_id: 'r1',
      method: 'GET',
      path: '/version',
      route: '/version',
      status: 200,
      duration_ms: expect.any(Number),
    },
    expect.objectContaining({ request_id: 'r2', route: 'unmatched', status: 404 }),
  ]);
  expect(String(requests[1]?.path)).toHaveLength(256);
});

test('app: at level error only failures are logged', async () => {
  const { url, lines } = await startApp({ level: 'error', checks: failing });
  await (await fetch(url)).text();
  await (await fetch(`${url}/health`)).text();
  expect(lines()).toEqual([
    expect.objectContaining({ level: 'error', event: 'request', route: '/health', status: 503 }),
  ]);
});

test('app: says nothing of what it is made of', async () => {
  const { url } = await startApp({ about: about(NO_DEPLOYMENT) });
  const { headers } = await fetch(url);
  expect(headers.get('x-powered-by')).toBeNull();
  expect(headers.get('server')).toBeNull();
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('cache-control')).toBe('no-store');
});
