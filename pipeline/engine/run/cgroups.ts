// The control groups of steps: made before a step starts, removed after its end, or by a later session when the engine was killed.
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../errors.ts';

const PARENT = 'drydock';
const STEP = /^drydock-(\d+)-\d+$/;

export const stepId = (counter: number) => `drydock-${process.pid}-${counter}`;
export const cgroupOf = (step: string) => `/${PARENT}/${step}`;

/** More processes at once than any sane step has; a fork bomb ends here. */
export const MOST_PROCESSES = 8192;

/** A control group that limits its processes' number. */
export interface StepCgroup {
  /** A process that writes its id into this file is in the group, and so is all that it starts. */
  readonly processes: string;
  readonly remove: () => void;
}

export function makeCgroup(step: string): StepCgroup {
  try {
    const { folder: root, version } = pidsHierarchy();
    const parent = join(root, PARENT);
    mkdirSync(parent, { recursive: true });
    if (version === 2) for (const folder of [root, parent]) delegatePids(folder);
    const folder = join(parent, step);
    mkdirSync(folder);
    writeFileSync(join(folder, 'pids.max'), String(MOST_PROCESSES));
    return { processes: join(folder, 'cgroup.procs'), remove: () => void remove(folder) };
  } catch (cause) {
    const why = (cause as Error).message;
    throw new EnvironmentError(
      `the number of a step's processes cannot be limited: ${why}`,
      'mount the control groups writable at /sys/fs/cgroup',
      { cause },
    );
  }
}

/** In the second version a controller works in a group where the group above says so. */
function delegatePids(folder: string): void {
  const file = join(folder, 'cgroup.subtree_control');
  if (!readFileSync(file, 'utf8').split(/\s+/).includes('pids')) writeFileSync(file, '+pids');
}

function pidsHierarchy(): { folder: string; version: 1 | 2 } {
  for (const { folder, type, options } of hierarchies()) {
    if (type === 'cgroup' && options.includes('pids')) return { folder, version: 1 };
    if (type === 'cgroup2' && readFileSync(join(folder, 'cgroup.controllers'), 'utf8').split(/\s+/).includes('pids'))
      return { folder, version: 2 };
  }
  throw new Error('no control group with `pids` is mounted');
}

/** Removes the groups of this engine's steps and of engines that are gone, and counts them. One that still holds a process stays. */
export function removeAbandonedCgroups(): number {
  let removed = 0;
  for (const { folder: hierarchy } of hierarchies()) {
    for (const name of list(join(hierarchy, PARENT))) {
      const pid = Number(STEP.exec(name)?.[1] ?? Number.NaN);
      if ((pid === process.pid || !isAlive(pid)) && remove(join(hierarchy, PARENT, name))) removed += 1;
    }
  }
  return removed;
}

interface Hierarchy {
  readonly folder: string;
  readonly type: string;
  readonly options: readonly string[];
}

function hierarchies(): Hierarchy[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .map(([, folder = '', type = '', options = '']) => ({ folder, type, options: options.split(',') }))
    .filter(({ type }) => type === 'cgroup' || type === 'cgroup2');
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no step ever had a group here
  }
}

function remove(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false; // in use, or not ours to remove
  }
}

function isAlive(pid: number): boolean {
  if (Number.isNaN(pid)) return true; // not one of ours
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
