// The probes as programs: real processes, a real server that they ask, and the rows that they write.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { ask } from '../../../src/probes/ask.ts';
import { receiver } from '../../../src/probes/receiver.ts';

const PROBES = fileURLToPath(new URL('../../../src/probes', import.meta.url));

let folder: string;
let server: Server;
let url: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-probes-'));
  server = receiver().listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function rowsOf(program: string, args: readonly string[]) {
  const out = join(folder, 'rows.json');
  const ran = await $({
    nothrow: true,
    quiet: true,
  })`${process.execPath} --import tsx ${join(PROBES, program)} --out ${out} ${args}`;
  expect([ran.exitCode, ran.stderr]).toEqual([0, '']);
  const rows = JSON.parse(readFileSync(out, 'utf8')) as { name: string; status: string; detail: string }[];
  return rows.map(({ name, status, detail }) => ({ name, status, detail }));
}

test('the receiver keeps what it is told, JSON or not', async () => {
  const headers = { Authorization: 'Bearer x' };
  expect((await ask(`${url}/webhook/webhook`, { method: 'POST', headers, body: '{"a":1}' })).status).toBe(202);
  await ask(`${url}/other`, { method: 'POST', body: 'plain' });
  expect(JSON.parse((await ask(`${url}/messages`)).text)).toEqual([
    { path: '/webhook/webhook', authorization: 'Bearer x', body: { a: 1 } },
    { path: '/other', authorization: null, body: 'plain' },
  ]);
});

test('a signal is waited for until somebody sets it', async () => {
  const waiting = rowsOf('signal.ts', ['--receiver', url, '--wait', 'x', '--seconds', '60']);
  expect((await ask(`${url}/signals/x`)).status).toBe(404);
  await ask(`${url}/signals/x`, { method: 'PUT' });
  expect(await waiting).toEqual([]);
});

const healthy = (health: string, log: string) => [
  ...['--service', 'app', '--seconds', '0', '--health', join(folder, health), '--end', join(folder, 'end')],
  ...['--check', join(folder, 'check'), '--sockets', join(folder, 'sockets'), '--log', join(folder, log), '--ask', ''],
];

test('a service that is well', async () => {
  writeFileSync(join(folder, 'health'), 'healthy\n');
  expect(await rowsOf('healthy.ts', healthy('health', 'none'))).toEqual([
    { name: 'app is healthy', status: 'passed', detail: 'its own check says so' },
  ]);
});

test('one without a check is asked', async () => {
  const server = createServer((request, response) => response.writeHead(request.url === '/up' ? 200 : 503).end());
  await once(server.listen(0), 'listening');
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asked = async (url: string) => await rowsOf('healthy.ts', [...healthy('none', 'none'), '--ask', url]);
  expect(await asked(`${at}/up`)).toMatchObject([{ status: 'passed', detail: '/up answers 200' }]);
  const detail = `not within 0 s (${at}/ answers 503); it has said nothing`;
  expect(await asked(`${at}/`)).toMatchObject([{ status: 'failed', detail }]);
  server.close();
});

test('one that is not: what its check and its log said last', async () => {
  writeFileSync(join(folder, 'check'), 'refused\n');
  const lines = Array.from({ length: 12 }, (_, index) => `line ${index}`);
  writeFileSync(join(folder, 'log'), `${lines.join('\n\n')}\n`);
  const last = ['refused', ...lines.slice(2)].join('\n');
  expect(await rowsOf('healthy.ts', healthy('not', 'log'))).toEqual([
    { name: 'app is healthy', status: 'failed', detail: `not within 0 s; it last said:\n${last}` },
  ]);
});

test('one that listens elsewhere: where', async () => {
  writeFileSync(join(folder, 'sockets'), readFileSync('/proc/net/tcp'));
  const [row] = await rowsOf('healthy.ts', healthy('not', 'none'));
  rmSync(join(folder, 'sockets'));
  expect(row?.detail).toContain(`127.0.0.1:${new URL(url).port}`);
  expect(row?.detail).toMatch(/^not within 0 s; it listens to /);
});

test('one that has ended: at once, with its exit code and what it said itself', async () => {
  writeFileSync(join(folder, 'end'), '3\n');
  writeFileSync(join(folder, 'died'), 'Error: connect ECONNREFUSED 127.0.0.1:5432\n');
  const [row] = await rowsOf('healthy.ts', [...healthy('not', 'died'), '--seconds', '600']);
  rmSync(join(folder, 'end'));
  expect(row?.detail).toBe('it ended with exit code 3; it last said:\nError: connect ECONNREFUSED 127.0.0.1:5432');
});

const completions: [code: string, status: string, detail: string][] = [
  ['0\n', 'passed', 'exit code 0'],
  ['2\n', 'failed', 'it ended with exit code 2; it last said:\nmigration failed'],
  ['', 'failed', 'not within 0 s: it still runs'],
];
test.for(completions)('a service that others wait for to end: %j', async ([code, status, detail]) => {
  writeFileSync(join(folder, 'code'), code);
  writeFileSync(join(folder, 'said'), 'migration failed\n');
  const files = ['--service', 'app', '--end', join(folder, 'code'), '--log', join(folder, 'said'), '--seconds', '0'];
  expect(await rowsOf('completed.ts', files)).toEqual([{ name: 'app completes', status, detail }]);
});

test('a server that is not nginx fails every path, each with its reason', async () => {
  const args = ['--nginx', url, '--seconds', '0', '--commit', '', '--built', '', '--digest', 'sha256:1'];
  const rows = await rowsOf('paths.ts', args);
  expect(rows.map(({ name, status }) => `${name} ${status}`)).toEqual([
    '/ through nginx failed',
    '/health through nginx failed',
    '/version through nginx failed',
    '/metrics through nginx failed',
  ]);
  expect(rows[0]?.detail).toBe('not within 0 s: it answers 202, not 200: {}');
});

test('nobody there is a row too, not a crash', async () => {
  const args = ['--nginx', 'http://127.0.0.1:9', '--seconds', '0', '--commit', '', '--built', '', '--digest', ''];
  expect((await rowsOf('paths.ts', args))[0]).toEqual({
    name: '/ through nginx',
    status: 'failed',
    detail: 'not within 0 s: connect ECONNREFUSED 127.0.0.1:9',
  });
});

/** A service of which only some paths are known. */
async function whileServing<T>(
  answers: Record<string, [status: number, type: string, body: string]>,
  work: (url: string) => Promise<T>,
) {
  const alone = createServer((request, response) => {
    const [status, type, body] = answers[request.url ?? ''] ?? [404, 'text/html', '<h1>Not Found</h1>'];
    response.writeHead(status, { 'Content-Type': type }).end(body);
  }).listen(0, '127.0.0.1');
  await once(alone, 'listening');
  try {
    return await work(`http://127.0.0.1:${(alone.address() as AddressInfo).port}`);
  } finally {
    alone.close();
  }
}

const DEPLOYED = ['--seconds', '0', '--commit', 'c0ffee0123456789', '--built', '', '--digest', 'sha256:1'];
const JSON_TYPE = 'application/json';
const PAGE: [number, string, string] = [200, 'text/html', '<!doctype html>'];
// As `curl localhost:9100/metrics` of exporters shows it.
const METRICS = `# HELP go_gc_duration_seconds A summary of the pause duration.
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0.5"} 4.9e-05
go_goroutines 33
process_start_time_seconds 1.60943e+09
http_requests_total{path="/a \\"b\\" {c}",code="200"} 1027 1395066363000
rpc_duration{le="+Inf"} NaN
`;
const alone: [name: string, answers: Parameters<typeof whileServing>[0], rows: string[]][] = [
  ['nothing but a page that is not found', {}, ['/ is answered passed: 404']],
  ['one page for every path', { '/': PAGE, '/version': PAGE, '/metrics': PAGE }, ['/ is answered passed: 200']],
  [
    'an error',
    { '/': [500, 'text/plain', 'no database'] },
    ['/ is answered failed: not within 0 s: it answers 500: no database'],
  ],
  [
    'a version of the software, which says nothing of what was deployed',
    { '/version': [200, JSON_TYPE, '{"version":"2.1.0"}'] },
    ['/ is answered passed: 404'],
  ],
  [
    'the commit alone, and metrics',
    {
      '/version': [200, JSON_TYPE, '{"commit":"c0ffee0","built":"whenever"}'],
      '/metrics': [200, 'text/plain; version=0.0.4', METRICS],
    },
    [
      '/ is answered passed: 404',
      '/version says what was deployed passed: commit c0ffee0123456789',
      '/metrics can be read passed: 5 samples',
    ],
  ],
  [
    'another digest',
    { '/version': [200, JSON_TYPE, '{"digest":"sha256:2"}'] },
    [
      '/ is answered passed: 404',
      '/version says what was deployed failed: it says that digest is "sha256:2", not "sha256:1", which APP_DIGEST passed to it',
    ],
  ],
  [
    'metrics with a line that is none',
    { '/metrics': [200, 'text/plain', '# TYPE a counter\na{b="1"} one\n'] },
    [
      '/ is answered passed: 404',
      '/metrics can be read failed: it has a line that Prometheus cannot read: a{b="1"} one',
    ],
  ],
  [
    'metrics by their type, with nothing that can be read',
    { '/metrics': [200, 'text/plain; version=0.0.4', 'http_requests{ broken\n'] },
    [
      '/ is answered passed: 404',
      '/metrics can be read failed: it has a line that Prometheus cannot read: http_requests{ broken',
    ],
  ],
];
test.for(alone)('a service alone that offers %s', async ([, answers, expected]) => {
  const rows = await whileServing(answers, (at) => rowsOf('service.ts', ['--app', at, ...DEPLOYED]));
  expect(rows.map(({ name, status, detail }) => `${name} ${status}: ${detail}`)).toEqual(expected);
});
