// A process's name says whether it runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { isRunning, processName, showLife } from '../src/process-name.ts';

const started: ReturnType<typeof spawn>[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

test('this process runs; one that has ended, and one that has its id now, do not', async () => {
  const child = spawn('sleep', ['600']);
  started.push(child);
  const name = processName(child.pid);
  expect(isRunning(processName(), 0)).toBe(true);
  expect(isRunning(`replay-${name}-x1y2`, 0)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isRunning(name, Date.now())).toBe(false);
  const reused = name.replace(`-${child.pid}-`, `-${process.pid}-`);
  expect(isRunning(reused, Date.now())).toBe(false);
});

test('who runs shows it every half minute, and no longer than until it is told to stop', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: 1_800_000_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  const folder = mkdtempSync(join(tmpdir(), 'drydock-life-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const signOf = () => Math.round(statSync(folder).mtimeMs);
  const pulse = showLife(folder);
  vi.advanceTimersByTime(30_000);
  await vi.waitFor(() => expect(signOf()).toBe(1_800_000_030_000));
  clearInterval(pulse);
  vi.advanceTimersByTime(60_000);
  expect(signOf()).toBe(1_800_000_030_000);
});

test('nothing of an earlier boot runs, and nothing that is no name', () => {
  expect(isRunning(processName().replace(/^\w{8}/, '00000000'), Date.now())).toBe(false);
  for (const text of ['', '4711', 'somebody-else', '{"pid":1}']) expect(isRunning(text, Date.now())).toBe(false);
});
