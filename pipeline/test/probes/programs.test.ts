// The probes as programs: real processes, a real server that they ask, and the rows that they write.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { ask } from '../../src/probes/ask.ts';
import { receiver } from '../../src/probes/receiver.ts';

const PROBES = fileURLToPath(new URL('../../src/probes', import.meta.url));

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
  ...['--service', 'app', '--seconds', '0', '--health', join(folder, health)],
  ...['--check', join(folder, 'check'), '--log', join(folder, log)],
];

test('a service that is well', async () => {
  writeFileSync(join(folder, 'health'), 'healthy\n');
  expect(await rowsOf('healthy.ts', healthy('health', 'none'))).toEqual([
    { name: 'app is healthy', status: 'passed', detail: 'its own check says so' },
  ]);
});

test('one that is not: what its check and its log said last', async () => {
  writeFileSync(join(folder, 'check'), 'refused\n');
  writeFileSync(join(folder, 'log'), '1\n2\n3\n4\n\n5\n6\n');
  expect(await rowsOf('healthy.ts', healthy('not', 'log'))).toEqual([
    { name: 'app is healthy', status: 'failed', detail: 'not within 0 s; it last said:\nrefused\n2\n3\n4\n5\n6' },
  ]);
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
