// However a run ends, nothing of it stays: no process, no mount, no interface, no namespace.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alive, descendants, type Process, type Traces, traces, until } from './processes.ts';
import { command, copyOfRepository, edit, environment } from './support.ts';

let repository: string;
let before: Traces;
beforeEach(async () => {
  repository = await copyOfRepository('interrupted');
  // A step that is sure to be running when it is interrupted, and never cached: its text is new each time.
  await edit(repository, 'service/package.json', (text) =>
    text.replace(/"types": "[^"]*"/, `"types": "echo ${Date.now()}; sleep 600"`),
  );
  before = traces();
});

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

type Running = { child: ChildProcess; said: () => string; engine: Process; family: Process[] };

/** A run that has come to the step that sleeps, with every process that it has by then. */
async function running(): Promise<Running> {
  const [program, args] = command(['lint', '--engine', 'embedded']);
  const started = spawn(program, args, { cwd: repository, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  let said = '';
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk));
  const family = () => descendants(started.pid ?? 0);
  await until(() => family().some(({ args: words }) => words === 'sleep 600'), 'the step runs');
  const engine = family().find(({ args: words }) => words.includes('launch.mjs session'));
  if (engine === undefined) throw new Error('there is no engine');
  return { child: started, said: () => said, engine, family: family() };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal}: exit 130, a sentence, and nothing stays`, async () => {
    const run = await running();
    run.child.kill(signal);
    const [code] = await once(run.child, 'close');
    expect(code).toBe(130);
    expect(run.said()).toMatch(/^error: interrupted$/m);
    expect(run.said()).not.toMatch(/^ {4}at /m);
    await until(() => alive(run.family).length === 0, 'all is gone');
    expect(traces()).toEqual(before);
  });
}

test('kill -9 of the command line: the engine notices, and nothing stays', async () => {
  const run = await running();
  run.child.kill('SIGKILL');
  await once(run.child, 'close');
  await until(() => alive(run.family).length === 0, 'all is gone');
  expect(traces()).toEqual(before);
});

test('kill -9 of the command line while the engine is stuck: it is ended, and nothing stays', async () => {
  const run = await running();
  process.kill(run.engine.pid, 'SIGSTOP');
  run.child.kill('SIGKILL');
  await once(run.child, 'close');
  await until(() => alive(run.family).length === 0, 'all is gone');
  expect(traces()).toEqual(before);
});

test('kill -9 of the engine: the run says so, and nothing stays', async () => {
  const run = await running();
  process.kill(run.engine.pid, 'SIGKILL');
  const [code] = await once(run.child, 'close');
  expect(run.said()).toMatch(
    /^error: the embedded engine was killed, as the kernel does when memory runs out\nhint: docker run --memory /m,
  );
  expect(code).toBe(3);
  await until(() => alive(run.family).length === 0, 'all is gone');
  expect(traces()).toEqual(before);
});
