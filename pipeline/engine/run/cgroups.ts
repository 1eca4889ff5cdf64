// The control groups of steps. The runtime removes each with its step, but can't when it is killed with the whole session.
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

const PARENT = 'drydock';
const STEP = /^drydock-(\d+)-\d+$/;

export const stepId = (counter: number) => `drydock-${process.pid}-${counter}`;
export const cgroupOf = (step: string) => `/${PARENT}/${step}`;

/** Removes the groups of this engine's steps and of engines that are gone, and counts them. One that still holds a process stays. */
export function removeAbandonedCgroups(): number {
  let removed = 0;
  for (const hierarchy of hierarchies()) {
    for (const name of list(join(hierarchy, PARENT))) {
      const pid = Number(STEP.exec(name)?.[1] ?? Number.NaN);
      if ((pid === process.pid || !isAlive(pid)) && remove(join(hierarchy, PARENT, name))) removed += 1;
    }
  }
  return removed;
}

function hierarchies(): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, folder]) => folder as string);
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
