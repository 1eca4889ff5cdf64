// Watching: a saved file runs the function again, what is outdated is not waited for, and Ctrl-C leaves nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
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
  expect(broken).toMatch(/^── \d\d:\d\d:\d\d · service\/server\.js changed ─+$/m);
  expect(broken).toMatch(/^test ran again \(service\): service\/server\.js changed$/m);
  expect(broken).toMatch(/^test failed: service: exit 1$/m);
  expect(broken).not.toContain('capsule');

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

/** Watching on a terminal, whose settings are printed before and after. */
function onTerminal(repository: string): { started: ChildProcess & { stdin: Writable }; said: () => string } {
  const [program, args] = command(['watch', 'test', '--engine', 'embedded']);
  const line = `stty rows 30 cols 100; stty -g; ${[program, ...args].join(' ')}; echo "ended $?"; stty -g`;
  const started = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd: repository,
    env: environment(),
  });
  child = started;
  let said = '';
  started.stdout.on('data', (chunk: Buffer) => (said += chunk));
  return { started, said: () => said };
}

function expectSettingsKept(said: string): void {
  const settings = [...said.matchAll(/^[\da-f]+(?::[\da-f]+)+\r$/gm)].map(([line]) => line);
  expect(settings).toHaveLength(2);
  expect(settings[1]).toBe(settings[0]);
}

test('on a terminal, keys: r runs again, f what failed, Enter all, q quits and leaves the terminal as it was', {
  timeout: 900_000,
}, async () => {
  const repository = await copyOfRepository('keys');
  await putGreeter(repository);
  const { started, said } = onTerminal(repository);
  const waits = async (from: number) => {
    await until(() => said().slice(from).includes('q quit'), `it waits again after ${said().slice(from)}`);
    return said().slice(from);
  };
  const press = async (key: string) => {
    const from = said().length;
    started.stdin.write(key);
    return await waits(from);
  };
  expect(await waits(0)).toContain('r run again · f failed only · Enter run all · q quit');
  expect(await press('r')).toMatch(/· run again ─+[\s\S]*passed in /);
  expect(await press('f')).toMatch(/· failed only ─+[\s\S]*nothing failed/);
  const from = said().length;
  await edit(repository, 'service/server.js', (text) => text.replace('hello', 'bye'));
  expect(await waits(from)).toMatch(/failed in .*: test/);
  expect(await press('f')).toMatch(/· failed only ─+[\s\S]*failed in .*: test/);
  expect(await press('\r')).toMatch(/· run all ─+[\s\S]*failed in .*: test/);

  const family = descendants(started.pid ?? 0);
  started.stdin.write('q');
  await once(started, 'close');
  expect(said()).toMatch(/^ended 0\r$/m);
  expectSettingsKept(said());
  await until(() => alive(family).length === 0, 'all is gone');
});

test('on a terminal, Ctrl-C ends a run that goes on, and leaves the terminal as it was', {
  timeout: 600_000,
}, async () => {
  const repository = await copyOfRepository('ctrl-c');
  await putGreeter(repository);
  const slow = "\ntest('slow', async () => await new Promise((end) => setTimeout(end, 600_000)));\n";
  await edit(repository, 'service/server.test.js', (text) => text + slow);
  const { started, said } = onTerminal(repository);
  const family = () => descendants(started.pid ?? 0);
  await until(() => family().some(({ args: words }) => words.includes('server.test.js')), 'the slow test runs');
  const all = family();
  started.stdin.write('\u0003');
  await once(started, 'close');
  expect(said()).toMatch(/^ended 130\r$/m);
  expect(said()).toContain('nothing is left running');
  expectSettingsKept(said());
  await until(() => alive(all).length === 0, 'all is gone');
});
