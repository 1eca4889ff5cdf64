// However a run ends, nothing of it stays: no process, no mount, no interface, no namespace.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
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

test('kill -9 of the engine: the run says so, and nothing stays', async () => {
  const run = await running();
  process.kill(run.engine.pid, 'SIGKILL');
  const [code] = await once(run.child, 'close');
  expect(run.said()).toMatch(/^error: the embedded engine ended \(SIGKILL\)/m);
  expect(code).toBe(3);
  await until(() => alive(run.family).length === 0, 'all is gone');
  expect(traces()).toEqual(before);
});

type Process = { pid: number; parent: number; started: string; args: string };
type Traces = { mounts: string[]; interfaces: string[] };

/** What of a run could stay on this machine beside processes; namespaces end with the last process and mount in them. */
function traces(): Traces {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return {
    mounts: mounts.filter((line) => /drydock|overlay|nsfs/.test(line)),
    interfaces: readdirSync('/sys/class/net').sort(),
  };
}

function descendants(root: number): Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? processAt(Number(name)) : []));
  const below = (parent: number): Process[] =>
    all.filter((process) => process.parent === parent).flatMap((process) => [process, ...below(process.pid)]);
  return below(root);
}

const alive = (family: readonly Process[]) =>
  family.filter(({ pid, started }) => processAt(pid).some((process) => process.started === started));

/** The process with this id; none if it has ended, also in between. */
function processAt(pid: number): Process[] {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Counted from behind the name, which may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [{ pid, parent: Number(fields[1]), started: fields[19] ?? '', args }];
  } catch {
    return [];
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (holds()) return;
    await wait(100);
  }
  throw new Error(`not within a minute: ${what}`);
}
