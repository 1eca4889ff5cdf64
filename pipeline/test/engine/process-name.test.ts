// A process's name says whether it runs, also to whoever cannot see it: with the same id in another namespace of processes, as in two
// containers that share a folder.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { isRunning, processName } from '../../engine/process-name.ts';

const MODULE = fileURLToPath(new URL('../../engine/process-name.ts', import.meta.url));
const HOUR_MS = 3_600_000;

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

test('nothing of an earlier boot runs, and nothing that is no name', () => {
  expect(isRunning(processName().replace(/^\w{8}/, '00000000'), Date.now())).toBe(false);
  for (const text of ['', '4711', 'somebody-else', '{"pid":1}']) expect(isRunning(text, Date.now())).toBe(false);
});

const APART = ['--pid', '--fork', '--mount-proc', '--kill-child'];
const canUnshare = spawnSync('unshare', [...APART, 'true']).status === 0;
const inNamespace = (script: string) => [
  ...APART,
  ...[process.execPath, '--import', 'tsx', '--input-type=module', '-e'],
  `import { isRunning, processName } from ${JSON.stringify(MODULE)}; ${script}`,
];

describe.runIf(canUnshare)('two namespaces of process ids (needs root)', () => {
  test('processes with one id have two names, and neither takes the other for dead before a day has passed', () => {
    const names = [1, 2].map(() =>
      execFileSync('unshare', inNamespace('console.log(processName())'), { encoding: 'utf8' }),
    );
    const [first = '', second = ''] = names;
    expect(first.split('-')[2]).toBe('1');
    expect(second.split('-')[2]).toBe('1');
    const script = `console.log(isRunning(${JSON.stringify(processName())}, Date.now() - ${HOUR_MS}))`;
    expect(execFileSync('unshare', inNamespace(script), { encoding: 'utf8' })).toBe('true\n');
    expect(isRunning(first, Date.now() - 23 * HOUR_MS)).toBe(true);
    expect(isRunning(first, Date.now() - 25 * HOUR_MS)).toBe(false);
  });
});
