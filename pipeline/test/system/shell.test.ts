// A shell in a failed step, as it was left: on a terminal of its own, with its log, and nothing stays of what is changed there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, expect, test } from 'vitest';
import { putGreeter } from './greeter.ts';
import { alive, descendants, until } from './processes.ts';
import { ci, command, copyOfRepository, edit, environment } from './support.ts';

let repository: string;
beforeAll(async () => {
  repository = await copyOfRepository('entered');
  await putGreeter(repository);
  await edit(repository, 'service/server.js', (text) => text.replace('hello', 'bye'));
});

test('the failed step: its files, its log, a terminal that knows its size', { timeout: 600_000 }, async () => {
  expect((await ci(repository, ['test'])).exitCode).toBe(1);
  const [program, args] = command(['shell', 'test', '--engine', 'embedded']);
  const line = [program, ...args].join(' ');
  // What makes the terminal is util-linux' own; its size is ours to set.
  const child = spawn('script', ['--quiet', '--return', '--command', `stty rows 40 cols 100; ${line}`, '/dev/null'], {
    cwd: repository,
    env: environment(),
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk));
  await until(() => said.includes('(Ctrl-D)') && /[#$] $/.test(said), `there is a prompt after ${said}`);
  const family = descendants(child.pid ?? 0);
  child.stdin.write('pwd; stty size; tail -n 40 /var/drydock/service/log | grep -c hello; tty\n');
  await until(() => said.includes('/dev/pts/'), 'it answered');
  child.stdin.write('exit 7\n');
  const [code] = await once(child, 'close');
  expect(said).toMatch(/^this is test, service, as it was left: exit 1\r?$/m);
  expect(said).toMatch(/^\/src\/service\r?$/m);
  expect(said).toMatch(/^40 100\r?$/m);
  expect(code).toBe(0);
  await until(() => alive(family).length === 0, 'all is gone');
});

test('where there is no terminal it says so', async () => {
  const run = await ci(repository, ['shell', 'test']);
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toMatch(/^error: a shell needs a terminal, and there is none here$/m);
});
