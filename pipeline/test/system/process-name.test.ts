// Processes of two namespaces of process ids, as in two containers that share a folder, tell each other apart.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isOutOfSight, isRunning, processName } from '../../src/process-name.ts';
import { TYPESCRIPT } from '../typescript.ts';
import { ROOT } from './repository.ts';

const MODULE = join(ROOT, 'pipeline/src/process-name.ts');
const MINUTE_MS = 60_000;

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
