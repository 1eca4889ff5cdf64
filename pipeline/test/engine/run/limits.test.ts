// What a step may use: by the control groups of the machine, and by what is asked for.
import { expect, test } from 'vitest';
import type { Controller, Limits } from '../../../engine/run/cgroups.ts';
import { controllersIn, limitsOf, unlimited } from '../../../engine/run/limits.ts';
import { timeLimitOf } from '../../../engine/run/time-limit.ts';

const GB = 1e9;
const both: Controller[] = ['pids', 'memory'];
const limits: [name: string, controllers: Controller[], env: Record<string, string>, limits: Limits, free: string[]][] =
  [
    ['by default', both, {}, { processes: 8192, memory: 9 * GB }, []],
    [
      'as asked',
      both,
      { DRYDOCK_STEP_PROCESSES: '100', DRYDOCK_STEP_MEMORY: '1GB' },
      { processes: 100, memory: GB },
      [],
    ],
    ['without memory', ['pids'], { DRYDOCK_STEP_MEMORY: '1GB' }, { processes: 8192 }, ['the memory']],
    ['without any', [], {}, {}, ['the number of processes', 'the memory']],
  ];
for (const [name, controllers, env, expected, free] of limits) {
  test(`limits ${name}`, () => {
    const found = limitsOf({ controllers: new Set(controllers), memory: 10 * GB }, env);
    expect(found).toEqual(expected);
    expect(unlimited(found)).toEqual(free);
  });
}

const wrong: [variable: string, value: string][] = [
  ['DRYDOCK_STEP_PROCESSES', '0'],
  ['DRYDOCK_STEP_PROCESSES', 'many'],
  ['DRYDOCK_STEP_MEMORY', 'much'],
  ['DRYDOCK_STEP_MEMORY', '1MB'],
];
for (const [variable, value] of wrong) {
  test(`${variable}=${value} is refused`, () => {
    const machine = { controllers: new Set(both), memory: GB };
    expect(() => limitsOf(machine, { [variable]: value })).toThrow(new RegExp(`^${variable} is not .*${value}`));
  });
}

const V1 = 'cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\ncgroup /x cgroup rw,cpu,pids 0 0\n';
const machines: [name: string, mounts: string, unified: string, controllers: Controller[]][] = [
  ['of the first version', V1, '', ['memory', 'pids']],
  [
    'of the second',
    'cgroup2 /sys/fs/cgroup cgroup2 rw,memory_recursiveprot 0 0',
    'cpu memory pids\n',
    ['memory', 'pids'],
  ],
  ['of the second, without memory', 'cgroup2 /sys/fs/cgroup cgroup2 rw 0 0', 'cpu pids\n', ['pids']],
  ['none', 'tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0\nx /memory ext4 rw,pids 0 0', '', []],
];
for (const [name, mounts, unified, controllers] of machines) {
  test(`control groups: ${name}`, () => expect([...controllersIn(mounts, unified)]).toEqual(controllers));
}

const times: [value: string | undefined, ms: number][] = [
  [undefined, 3_600_000],
  ['', 3_600_000],
  ['90s', 90_000],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['1h30m', 5_400_000],
];
for (const [value, ms] of times)
  test(`a step may run for ${value}`, () => expect(timeLimitOf({ DRYDOCK_STEP_TIMEOUT: value }).ms).toBe(ms));
for (const value of ['0', '10', '1d', '600h'])
  test(`DRYDOCK_STEP_TIMEOUT=${value} is refused`, () =>
    expect(() => timeLimitOf({ DRYDOCK_STEP_TIMEOUT: value })).toThrow(`is not a duration from 1s to 500h: ${value}`));
