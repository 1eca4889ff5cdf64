// However a run ends, nothing of it stays: no process, no mount, no interface, no namespace.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/** A run that has come to the step that sleeps. */
async function running(): Promise<{ child: ChildProcess; said: () => string }> {
  const [program, args] = command(['lint', '--engine', 'embedded']);
  const started = spawn(program, args, { cwd: repository, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  let said = '';
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk));
  await until(() => processes().some(({ args: words }) => words.endsWith('sleep 600')), 'the step runs');
  return { child: started, said: () => said };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal}: exit 130, a sentence, and nothing stays`, async () => {
    const run = await running();
    run.child.kill(signal);
    const [code] = await once(run.child, 'close');
    expect(code).toBe(130);
    expect(run.said()).toMatch(/^error: interrupted$/m);
    expect(run.said()).not.toMatch(/^ {4}at /m);
    expect(traces()).toEqual(before);
  });
}

test('kill -9 of the command line: the engine notices, and nothing stays', async () => {
  const run = await running();
  run.child.kill('SIGKILL');
  await once(run.child, 'close');
  await until(() => JSON.stringify(traces()) === JSON.stringify(before), 'all is gone');
});

test('kill -9 of the engine: the run says so, and nothing stays', async () => {
  const run = await running();
  const engine = processes().find(({ args }) => /launch\.mjs session/.test(args) && args.includes(repository));
  process.kill(engine?.pid ?? 0, 'SIGKILL');
  const [code] = await once(run.child, 'close');
  expect(run.said()).toMatch(/^error: the embedded engine ended \(SIGKILL\)/m);
  expect(code).toBe(3);
  await until(() => JSON.stringify(traces()) === JSON.stringify(before), 'all is gone');
});

type Process = { pid: number; args: string };
type Traces = { processes: string[]; mounts: string[]; interfaces: string[]; namespaces: string[] };

/** What a run could leave on this machine: what the engine starts, mounts and makes. */
function traces(): Traces {
  const ours = /launch\.mjs session|pasta --|runc |sleep (600|infinity)|\/dev\/\.init/;
  return {
    processes: processes()
      .map(({ args }) => args)
      .filter((args) => ours.test(args)),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => /drydock|overlay/.test(line)),
    interfaces: readdirSync('/sys/class/net').sort(),
    namespaces: [...new Set(processes().flatMap(({ pid }) => networkOf(pid)))].sort(),
  };
}

function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return args === '' ? [] : [{ pid: Number(pid), args }];
      } catch {
        return []; // ended in between
      }
    });
}

function networkOf(pid: number): string[] {
  try {
    return [readlinkSync(`/proc/${pid}/ns/net`)];
  } catch {
    return []; // ended in between, or another user's
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (holds()) return;
    await wait(100);
  }
  throw new Error(`not within a minute: ${what}`);
}
