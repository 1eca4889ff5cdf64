// A process's name says whether it runs, also to whoever cannot see it: with the same id in another namespace of processes, as in two
// containers that share a folder.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { isOutOfSight, isRunning, processName, showLife } from '../src/process-name.ts';
import { TYPESCRIPT } from './typescript.ts';

const MODULE = fileURLToPath(new URL('../src/process-name.ts', import.meta.url));
const MINUTE_MS = 60_000;

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

const APART = ['--pid', '--fork', '--mount-proc', '--kill-child'];
const canUnshare = spawnSync('unshare', [...APART, 'true']).status === 0;
const inNamespace = (script: string) => [
  ...APART,
  ...[process.execPath, ...TYPESCRIPT, '--input-type=module', '-e'],
  `import { isRunning, processName } from ${JSON.stringify(MODULE)}; ${script}`,
];

describe.runIf(canUnshare)('two namespaces of process ids (needs root)', () => {
  test('processes with one id have two names, and neither takes the other for dead before minutes without a sign have passed', () => {
    const names = [1, 2].map(() =>
      execFileSync('unshare', inNamespace('console.log(processName())'), { encoding: 'utf8' }),
    );
    const [first = '', second = ''] = names;
    expect(first.split('-')[2]).toBe('1');
    expect(second.split('-')[2]).toBe('1');
    const script = `console.log(isRunning(${JSON.stringify(processName())}, Date.now() - ${4 * MINUTE_MS}))`;
    expect(execFileSync('unshare', inNamespace(script), { encoding: 'utf8' })).toBe('true\n');
    expect([isOutOfSight(first), isOutOfSight(processName())]).toEqual([true, false]);
    expect(isRunning(first, Date.now() - 4 * MINUTE_MS)).toBe(true);
    expect(isRunning(first, Date.now() - 6 * MINUTE_MS)).toBe(false);
  });
});
