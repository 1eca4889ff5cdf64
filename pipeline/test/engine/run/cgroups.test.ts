// Control groups: none is left by a limit that the kernel refuses, nor by an engine that was killed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canLimit, makeCgroup, removeAbandonedCgroups } from '../../../engine/run/cgroups.ts';
import { processName } from '../../../src/process-name.ts';

/** Where groups with the controller `pids` are, in the older layout or the newer. */
const parents = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
  .map(([, folder = '']) => join(folder, 'drydock'));
const left = (name: string) => parents.filter((parent) => existsSync(join(parent, name)));

describe.runIf(process.getuid?.() === 0 && canLimit('pids'))('control groups (need root)', () => {
  test('one that the kernel refuses a limit for is not left', () => {
    expect(() => makeCgroup('refused', { processes: Number.MAX_SAFE_INTEGER })).toThrow(/EINVAL/);
    expect(left('refused')).toEqual([]);
  });

  test('one that was made to find out whether it can be is not left', () => {
    expect(left(`probe-${processName()}`)).toEqual([]);
  });

  const ended = processName().replace(`-${process.pid}-`, `-${spawnSync('true').pid}-`);
  const elsewhere = ended.replace(/^(\w+)-\d+/, '$1-1');
  const groups: [whose: string, name: string, isRemoved: boolean][] = [
    ['an engine that was killed', `step-7-${ended}`, true],
    ['its try of a limit', `probe-${ended}`, true],
    ['an engine that runs', `step-7-${processName(process.ppid)}`, false],
    ['an engine in another container, with an id that nobody has here', `step-7-${elsewhere}`, false],
    ['somebody else', 'somebody-else', false],
  ];
  for (const [whose, name, isRemoved] of groups) {
    test(`one of ${whose} is ${isRemoved ? 'removed' : 'kept'}`, () => {
      const [parent = ''] = parents.filter(existsSync);
      mkdirSync(join(parent, name));
      removeAbandonedCgroups();
      const isLeft = existsSync(join(parent, name));
      if (isLeft) rmdirSync(join(parent, name));
      expect(isLeft).toBe(!isRemoved);
    });
  }
});
