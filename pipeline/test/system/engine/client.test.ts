// Whoever serves a client that is gone ends, busy or not; whoever has one may be as busy as it wants.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const STUCK = fileURLToPath(new URL('programs/stuck.ts', import.meta.url));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function stuckFor(seconds: number) {
  const child = spawn(process.execPath, ['--import', 'tsx', STUCK, String(seconds)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const said = async () => (await lines.next()).value;
  expect(await said()).toBe('stuck');
  return { child, said, ended: once(child, 'exit') };
}

test('a process that is stuck is ended when its client has gone', async () => {
  const { child, ended } = await stuckFor(600);
  child.stdin.end();
  expect(await ended).toEqual([null, 'SIGKILL']);
});

test('so is one that is stopped', async () => {
  const { child, ended, said } = await stuckFor(0);
  expect(await said()).toBe('free');
  child.kill('SIGSTOP');
  child.stdin.end();
  expect(await ended).toEqual([null, 'SIGKILL']);
});

test('one that is stuck goes on where its client is there, and ends by itself afterwards', async () => {
  const { child, ended, said } = await stuckFor(4);
  expect(await said()).toBe('free');
  child.stdin.end();
  expect(await ended).toEqual([7, null]);
});

test('nothing stays of who watches', async () => {
  const { child, ended, said } = await stuckFor(0);
  expect(await said()).toBe('free');
  const [watcher = 0, ...others] = childrenOf(child.pid);
  expect([isRunning(watcher), others]).toEqual([true, []]);
  child.kill('SIGKILL');
  await ended;
  await expect.poll(() => isRunning(watcher), { timeout: 10_000 }).toBe(false);
});

/** The fourth field of a process's `stat`, after a name in brackets, is its parent (proc_pid_stat(5)). */
const childrenOf = (parent?: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statOf(name).split(') ').at(-1)?.split(' ')[1] === String(parent))
    .map(Number);

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
