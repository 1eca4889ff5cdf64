// The open port: requests that are none, limits, and an end that loses nothing.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { REQUESTS } from '../src/metrics.ts';
import { answerOf, open, startService, withBody } from './support.ts';

const BAD = 'GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n';
const LARGE = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2000)}\r\n\r\n`;
const refused: [name: string, request: string, status: string, title: string, code: string][] = [
  ['not HTTP', 'hello\r\n\r\n', '400', 'Bad Request', 'HPE_INVALID_METHOD'],
  ['a malformed header', BAD, '400', 'Bad Request', 'HPE_INVALID_HEADER_TOKEN'],
  ['a header too large', LARGE, '431', 'Request Header Fields Too Large', 'HPE_HEADER_OVERFLOW'],
];
for (const [name, request, status, title, code] of refused) {
  test(`serve refuses: ${name}`, async () => {
    const { port, url, lines } = await startService({ HEADER_LIMIT: '1024' });
    const [header, body] = (await answerOf(await open(port, request))).split('\r\n\r\n');
    expect(header).toMatch(`HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json`);
    expect(header).toContain('\r\nConnection: close');
    expect(JSON.parse(body ?? '')).toMatchObject({ title, status: Number(status) });
    expect(lines()).toEqual([expect.objectContaining({ event: 'refused', status: Number(status), code })]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain(`${REQUESTS.name}{method="other",route="unmatched",status_code="${status}"} 1`);
  });
}

/** What Node answers by itself, without a word of why: RFC 9112, 3.2 and 6.1; RFC 9110, 9.3.6 and 10.1.1. */
const nodes: [name: string, request: string, status: string][] = [
  ['HTTP/1.1 without Host', 'GET / HTTP/1.1\r\n\r\n', '400'],
  ['a transfer coding that is not known', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', '400'],
  [
    'a length and a coding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    '400',
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', '400'],
  ['another version', 'GET / HTTP/3.0\r\nHost: a\r\n\r\n', '400'],
  ['an expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: the-unexpected\r\n\r\n', '417'],
  ['a tunnel', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n', '501'],
];
test.for(nodes)('serve refuses as the service does: %s', async ([, request, status]) => {
  const { port, url, lines } = await startService();
  const [header = '', body = ''] = (await answerOf(await open(port, request))).split('\r\n\r\n');
  expect(header).toMatch(`HTTP/1.1 ${status} `);
  expect(header).toContain('Content-Type: application/problem+json');
  expect(header).toContain('\r\nConnection: close');
  const { request_id } = JSON.parse(body) as { request_id: string };
  expect(header).toContain(`X-Request-Id: ${request_id}`);
  await vi.waitFor(() => expect(lines()).toEqual([expect.objectContaining({ request_id, status: Number(status) })]));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(new RegExp(`${REQUESTS.name}{.*status_code="${status}"} 1`));
});

test('serve: HTTP/1.0 needs no Host', async () => {
  const { port } = await startService();
  expect(await answerOf(await open(port, 'GET /health HTTP/1.0\r\n\r\n'))).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

const slow: [name: string, request: string, timeout: string, line: Record<string, unknown>][] = [
  ['a header', 'GET / HTTP/1.1\r\n', '50', { event: 'refused', status: 408 }],
  // Its header must be in before the time is up, on a busy machine too.
  ['a body', withBody('/', 10, 'half'), '1000', { event: 'request', method: 'POST', status: 408 }],
];
for (const [name, request, timeout, line] of slow) {
  test(`serve: ${name} that does not arrive ends with 408`, async () => {
    const { port, lines } = await startService({ REQUEST_TIMEOUT_MS: timeout });
    const answer = await answerOf(await open(port, request));
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    await vi.waitFor(() => expect(lines()).toEqual([expect.objectContaining(line)]));
  });
}

test('serve: what arrives after its refusal is not served', async () => {
  const { port, url, lines } = await startService({ REQUEST_TIMEOUT_MS: '50' });
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write('POST / HTTP/1.1\r\n');
  socket.resume();
  await once(socket, 'end');
  socket.end('Host: test\r\n\r\n');
  await once(socket, 'close');
  expect(lines()).toEqual([expect.objectContaining({ event: 'refused', status: 408 })]);
  expect(await (await fetch(`${url}/metrics`)).text()).not.toContain('method="POST"');
});

test('serve: a client that leaves in the middle is counted as such', async () => {
  const { port, url, lines } = await startService();
  const socket = await open(port, withBody('/', 10, 'half'));
  await inFlight(url, 1);
  socket.destroy();
  await vi.waitFor(async () => {
    const found = lines().find((line) => line.method === 'POST');
    expect(found).toMatchObject({ event: 'request', status: 499 });
  });
});

test('serve: nonsense behind a request that is not answered yet closes the connection', async () => {
  const { port, url, lines } = await startService();
  const socket = await open(port, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
  await inFlight(url, 1);
  socket.write('no chunk size\r\n');
  expect(await answerOf(socket)).toBe('');
  await vi.waitFor(() => expect(lines().find((line) => line.method === 'POST')).toMatchObject({ status: 499 }));
});

test('serve: a body that goes on after its refusal is cut off', async () => {
  const { port } = await startService({ BODY_LIMIT: '4' });
  const socket = await open(port, withBody('/', 10, 'half'));
  expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\n/);
});

test('serve: what is in flight is finished, then the port is closed', async () => {
  const { port, url, stop } = await startService();
  const socket = await open(port, withBody('/', 10, 'half'));
  await inFlight(url, 1);
  const stopped = stop();
  await refusesConnections(url);
  socket.write('theres');
  const answer = await answerOf(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
  expect(await stopped).toBe(true);
});

test('serve: idle and unused connections do not hold up the end', async () => {
  const { port, stop } = await startService();
  const unused = await open(port);
  const idle = await open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(idle, 'data');
  const closed = [unused, idle].map((socket) => once(socket.resume(), 'close'));
  expect(await stop()).toBe(true);
  await Promise.all(closed);
});

test('serve: clients that keep their connections and ask on are told that it closes, and none is cut off', async () => {
  const { port, stop } = await startService();
  const clients = await Promise.all(Array.from({ length: 50 }, () => open(port)));
  const ends = clients.map((socket) => askOn(socket));
  // Each has had an answer before it begins.
  await Promise.all(clients.map((socket) => once(socket, 'data')));
  expect(await stop()).toBe(true);
  expect(await Promise.all(ends)).toEqual(Array(50).fill('told'));
});

test('serve: what takes too long is cut off', async () => {
  const { port, url, stop } = await startService({ SHUTDOWN_TIMEOUT_MS: '50' });
  const socket = await open(port, withBody('/', 10, 'half'));
  const closed = once(socket, 'close');
  socket.on('error', () => {});
  await inFlight(url, 1);
  expect(await stop()).toBe(false);
  await closed;
});

test('serve: with a delay it still answers while it drains, that it does', async () => {
  const { url, stop } = await startService({ DRAIN_DELAY_MS: '1000' });
  const stopped = stop();
  const response = await fetch(`${url}/health`);
  expect(response.status).toBe(503);
  expect(response.headers.get('connection')).toBe('close');
  expect(await response.json()).toMatchObject({ status: 'draining', checks: { accepting: 'ok', logging: 'ok' } });
  expect(await stopped).toBe(true);
});

test('serve: a port that is taken is an error', async () => {
  const { port } = await startService();
  await expect(startService({ PORT: String(port) })).rejects.toThrow('EADDRINUSE');
});

/** Until so many requests are being answered, besides the one that asks. */
async function inFlight(url: string, count: number): Promise<void> {
  await vi.waitFor(async () => {
    const metrics = await (await fetch(`${url}/metrics`, { headers: { Connection: 'close' } })).text();
    expect(metrics).toContain(`\nhttp_requests_in_flight ${count + 1}\n`);
  }, 5000);
}

async function refusesConnections(url: string): Promise<void> {
  await vi.waitFor(() => expect(fetch(url)).rejects.toThrow(), 5000);
}

/** Asks again whenever it is answered; whether it was told of the end, or cut off. */
async function askOn(socket: Socket): Promise<'told' | 'cut off'> {
  let end: 'told' | 'cut off' = 'cut off';
  const ask = () => socket.write('GET /version HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.on('error', () => {});
  socket.on('data', (answer) => {
    if (/^connection: close/im.test(String(answer))) end = 'told';
    else ask();
  });
  ask();
  await once(socket, 'close');
  return end;
}
