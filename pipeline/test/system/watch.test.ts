// Watching: a saved file runs the function again, what is outdated is not waited for, and Ctrl-C leaves nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { putGreeter } from './greeter.ts';
import { alive, descendants, until } from './processes.ts';
import { add, command, copyOfRepository, edit, environment } from './support.ts';

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

test('a change runs what it concerns, an ignored file nothing; a run that is outdated begins again', {
  timeout: 900_000,
}, async () => {
  const repository = await copyOfRepository('watched');
  await putGreeter(repository);
  const [program, args] = command(['watch', 'test', '--engine', 'embedded']);
  const started = spawn(program, args, { cwd: repository, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  let said = '';
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk));
  const WAITING = 'waiting for a change';
  /** What is said from now until it waits again. */
  const afterwards = async (change: () => Promise<void>): Promise<string> => {
    const from = said.length;
    await change();
    await until(() => said.slice(from).includes(WAITING), `it waits again after ${said.slice(from)}`);
    return said.slice(from);
  };
  expect(await afterwards(async () => {})).toMatch(/^ok {4}test /m);

  await add(repository, { 'service/node_modules/ignored.js': '', 'out/mine.txt': '' });
  const broken = await afterwards(() => edit(repository, 'service/server.js', (text) => text.replace('hello', 'bye')));
  expect(broken).toMatch(/^service\/server\.js changed$/m);
  expect(broken).toMatch(/^test ran again \(service\): service\/server\.js changed$/m);
  expect(broken).toMatch(/^test failed: service: exit 1$/m);

  const slow = "\ntest('slow', async () => await new Promise((end) => setTimeout(end, 600_000)));\n";
  const from = said.length;
  await edit(repository, 'service/server.test.js', (text) => text + slow);
  await until(
    () => descendants(started.pid ?? 0).some(({ args: words }) => words.includes('server.test.js')),
    'the slow test runs',
  );
  const fixed = await afterwards(async () => {
    await edit(repository, 'service/server.test.js', (text) => text.replace(slow, ''));
    await edit(repository, 'service/server.js', (text) => text.replace('bye', 'hello'));
  });
  expect(said.slice(from)).toMatch(/outdated: service\/server\.(test\.)?js/);
  expect(fixed).toMatch(/^passed in /m);

  const family = descendants(started.pid ?? 0);
  started.kill('SIGINT');
  const [code] = await once(started, 'close');
  expect(code).toBe(130);
  await until(() => alive(family).length === 0, 'all is gone');
});
