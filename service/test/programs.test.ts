// The programs of the image as they ship: compiled, in processes of their own, by exit code and output.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { answerOf, linesOf, logged, open, run, startApp, withBody } from './support.ts';

const SETTINGS = { PORT: '0', HOST: '127.0.0.1' };

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`server: ${signal} finishes the request in flight and ends with 0`, async () => {
    const program = run('server.js', SETTINGS);
    const { port } = await logged(program, 'listening');
    const socket = await open(Number(port), withBody('/', 10, 'half'));
    await seen(Number(port));
    const draining = logged(program, 'draining');
    program.child.kill(signal);
    expect(await draining).toMatchObject({ signal });
    socket.write('theres');
    expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 405 /);
    const { code, stdout, stderr } = await program.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const events = linesOf(stdout).map((line) => line.event);
    expect(events[0]).toBe('listening');
    expect(events.slice(-3)).toEqual(['draining', 'request', 'stopped']);
  });
}

test('server: a request that does not end is cut off, with exit code 1', async () => {
  const program = run('server.js', { ...SETTINGS, SHUTDOWN_TIMEOUT_MS: '50' });
  const { port } = await logged(program, 'listening');
  const socket = await open(Number(port), withBody('/', 10, 'half'));
  socket.on('error', () => {});
  await seen(Number(port));
  program.child.kill('SIGTERM');
  const { code, stdout } = await program.ended;
  expect(code).toBe(1);
  expect(linesOf(stdout).at(-1)).toMatchObject({ level: 'warn', event: 'cut off', after_ms: 50 });
});

test('server: a second signal ends it at once, with exit code 1', async () => {
  const program = run('server.js', { ...SETTINGS, SHUTDOWN_TIMEOUT_MS: '600000' });
  const { port } = await logged(program, 'listening');
  const socket = await open(Number(port), withBody('/', 10, 'half'));
  socket.on('error', () => {});
  await seen(Number(port));
  const draining = logged(program, 'draining');
  program.child.kill('SIGTERM');
  await draining;
  program.child.kill('SIGINT');
  const { code, stdout } = await program.ended;
  expect(code).toBe(1);
  expect(linesOf(stdout).at(-1)).toMatchObject({ level: 'warn', event: 'forced', signal: 'SIGINT' });
});

test('server: a bad configuration is one line a fault, exit code 2, and no port', async () => {
  const { code, stdout, stderr } = await run('server.js', { PORT: 'http', LOG_LEVEL: 'loud' }).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe(
    'PORT is "http"; allowed: a whole number from 0 to 65535\nLOG_LEVEL is "loud"; allowed: info, warn, error\n',
  );
});

test('server: a port that is taken is one error line, exit code 1', async () => {
  const { url } = await startApp();
  const { code, stdout } = await run('server.js', { ...SETTINGS, PORT: new URL(url).port }).ended;
  expect(code).toBe(1);
  const lines = linesOf(stdout);
  expect(lines).toEqual([expect.objectContaining({ level: 'error', event: 'cannot listen' })]);
  expect(lines[0]?.stack).toContain('EADDRINUSE');
});

test('healthcheck: 0 for a service that is well, 1 for one that drains', async () => {
  const { url, lifecycle } = await startApp();
  const env = { PORT: new URL(url).port };
  expect(await run('healthcheck.js', env).ended).toEqual({ code: 0, stdout: '', stderr: '' });
  lifecycle.draining = true;
  expect(await run('healthcheck.js', env).ended).toEqual({ code: 1, stdout: '', stderr: '' });
});

test('healthcheck: 1 where nobody listens', async () => {
  expect((await run('healthcheck.js', { PORT: '1' }).ended).code).toBe(1);
});

test('healthcheck: 1 where nobody answers', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  expect((await run('healthcheck.js', { PORT: String(port) }).ended).code).toBe(1);
  silent.close();
});

/** Connections are taken in order: once a later request is answered, the earlier one is in flight. */
async function seen(port: number): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } })).text();
}
