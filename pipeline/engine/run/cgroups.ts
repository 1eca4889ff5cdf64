// The control groups of steps: made before a step starts, removed after its end, or by a later session when the engine was killed.
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, PROCESS_NAME, processName } from '../../src/process-name.ts';

export interface Limits {
  readonly processes?: number;
  /** In bytes. */
  readonly memory?: number;
}

export type Controller = 'pids' | 'memory';

const PARENT = 'drydock';
/** Of a step, or of a try (`canLimit`) that the engine was killed in. */
const OURS = new RegExp(`^(probe|step-\\d+)-${PROCESS_NAME.source}$`);

/** A machine has one tree of groups for all its containers, so a group is named after the engine as well. */
const nameOf = (step: string) => `${step}-${processName()}`;
export const cgroupOf = (step: string) => `/${PARENT}/${nameOf(step)}`;

/** A control group that limits what its processes use together; on older machines one for each thing that is limited. */
export interface StepCgroup {
  /** A process that writes its id into these files is in the group, and so is all that it starts. */
  readonly processes: readonly string[];
  readonly remove: () => void;
}

/** The limits of a step by what enforces them; those that can't be enforced here are not in them (see `canLimit`). */
export function makeCgroup(step: string, limits: Limits): StepCgroup {
  const folders = new Set<string>();
  if (limits.processes !== undefined) folders.add(limitIn(step, 'pids', limits.processes));
  if (limits.memory !== undefined) folders.add(limitIn(step, 'memory', limits.memory));
  return {
    processes: [...folders].map((folder) => join(folder, 'cgroup.procs')),
    remove: () => {
      for (const folder of folders) remove(folder);
    },
  };
}

/** Whether a group of ours can have this limit. Tried: what is mounted says nothing of rights, or of who else is in there. */
export function canLimit(controller: Controller): boolean {
  try {
    // A number that either takes: more processes than the kernel can count would be refused.
    remove(limitIn('probe', controller, 1 << 20));
    return true;
  } catch {
    return false;
  }
}

const LIMIT_FILES = {
  pids: { 1: 'pids.max', 2: 'pids.max' },
  memory: { 1: 'memory.limit_in_bytes', 2: 'memory.max' },
} as const;

function limitIn(step: string, controller: Controller, value: number): string {
  const { folder: root, version } = hierarchyOf(controller);
  const parent = join(root, PARENT);
  mkdirSync(parent, { recursive: true });
  if (version === 2) for (const folder of [root, parent]) delegate(folder, controller);
  const folder = join(parent, nameOf(step));
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, LIMIT_FILES[controller][version]), String(value));
  } catch (error) {
    remove(folder); // nobody else would: who asked for it never learns of it
    throw error;
  }
  return folder;
}

/** In the second version a controller works in a group where the group above says so. */
function delegate(folder: string, controller: Controller): void {
  const file = join(folder, 'cgroup.subtree_control');
  if (!readFileSync(file, 'utf8').split(/\s+/).includes(controller)) writeFileSync(file, `+${controller}`);
}

function hierarchyOf(controller: Controller): { folder: string; version: 1 | 2 } {
  for (const { folder, type, options } of hierarchies()) {
    if (type === 'cgroup' && options.includes(controller)) return { folder, version: 1 };
    if (type === 'cgroup2' && words(join(folder, 'cgroup.controllers')).includes(controller))
      return { folder, version: 2 };
  }
  throw new Error(`no control group with ${controller} is mounted`);
}

const words = (path: string) => readFileSync(path, 'utf8').trim().split(/\s+/);

/** Removes the groups of this engine's steps and of engines that are gone, and counts them. One that still holds a process stays. */
export function removeAbandonedCgroups(): number {
  let removed = 0;
  const own = processName();
  for (const { folder: hierarchy } of hierarchies()) {
    for (const name of list(join(hierarchy, PARENT))) {
      const path = join(hierarchy, PARENT, name);
      if (OURS.test(name) && (name.endsWith(own) || !isRunning(name, madeAt(path))) && remove(path)) removed += 1;
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

const madeAt = (folder: string) => statSync(folder, { throwIfNoEntry: false })?.ctimeMs ?? 0;
