// How much a step may use: what is asked for, as far as the control groups of this machine can hold a step to it.
import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { parseSize } from '../store/sizes.ts';
import { type Controller, canLimit, type Limits } from './cgroups.ts';

const PROCESSES = 8192;
/** What is left for the engine and whoever else works on this machine, so that the kernel ends the hog and not them. */
const MEMORY_SHARE = 0.9;

export interface Machine {
  /** What control groups made here can limit. */
  readonly controllers: ReadonlySet<Controller>;
  readonly memory: number;
}

/** The limits of every step. DRYDOCK_STEP_PROCESSES and DRYDOCK_STEP_MEMORY name others than the default. */
export function limitsOf({ controllers, memory }: Machine, env: NodeJS.ProcessEnv): Limits {
  const asked: Required<Limits> = {
    processes: count(env.DRYDOCK_STEP_PROCESSES) ?? PROCESSES,
    memory: size(env.DRYDOCK_STEP_MEMORY) ?? Math.floor(memory * MEMORY_SHARE),
  };
  return {
    ...(controllers.has('pids') ? { processes: asked.processes } : {}),
    ...(controllers.has('memory') ? { memory: asked.memory } : {}),
  };
}

/** Names of what is not limited. */
export function unlimited({ processes, memory }: Limits): string[] {
  return [
    ...(processes === undefined ? ['the number of processes'] : []),
    ...(memory === undefined ? ['the memory'] : []),
  ];
}

/** The controllers that a root's control groups have, from the list of mounts and what the unified hierarchy names. */
export function controllersIn(mounts: string, unified: string): Set<Controller> {
  const words = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup')
    .flatMap(([, , , options = '']) => options.split(','));
  return new Set([...words, ...unified.trim().split(' ')].filter((word) => word === 'pids' || word === 'memory'));
}

/** Of this machine; without root no group may be made, unless one was delegated, which a runtime would have to be told. */
export function machineLimits(isRoot: boolean): Machine {
  const mounted = controllersIn(
    readFileSync('/proc/self/mounts', 'utf8'),
    readOrNothing('/sys/fs/cgroup/cgroup.controllers'),
  );
  const controllers = new Set([...mounted].filter((controller) => isRoot && canLimit(controller)));
  const kilobytes = /^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return { controllers, memory: Number(kilobytes) * 1024 };
}

/** When memory runs out all the same, the kernel takes a step before the engine. Whoever started us may have said more already. */
export function oomScore(): number {
  return Math.max(500, Number(readFileSync('/proc/self/oom_score_adj', 'utf8')));
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // no unified hierarchy is mounted there
  }
}

function count(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError(`DRYDOCK_STEP_PROCESSES is not a number of processes: ${text}`, 'write it as 8192');
  return Number(text);
}

function size(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const bytes = parseSize(text);
  // Below this not even the runtime's own first process fits.
  if (bytes === undefined || bytes < 16e6)
    throw new UsageError(
      `DRYDOCK_STEP_MEMORY is not a size of 16MB or more: ${text}`,
      'write it as 2GB, 500MB or a number of bytes',
    );
  return bytes;
}
