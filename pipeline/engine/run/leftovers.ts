// Ends what a step without namespaces has left running, in case it ended its keeper, which would have done so: while one of its processes runs,
// any folder of its tree may become a link at any time, and nobody may clear up, compare or remove there.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { startOf } from '../../src/process-name.ts';
import { EngineError } from '../errors.ts';

/** One that starts others and ends may be missed by a look, but not by each. */
const LOOKS_WITHOUT = 2;
const PAUSE_MS = 2;
const MOST_LOOKS = 2000;

export class LeftRunning extends EngineError {
  constructor() {
    super('the step ended what watches it, and goes on: its processes cannot be ended');
  }
}

/** Resolves when no process of the step is left; `since` is when its keeper started, `tree` its root. No step of this engine runs beside it. */
export async function endLeftovers(tree: string, since: string | undefined): Promise<void> {
  const own = filtersOf('self');
  for (let looks = 0, without = 0; without < LOOKS_WITHOUT; looks++) {
    if (looks === MOST_LOOKS) throw new LeftRunning();
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const answers = pids.map((pid) => ({ pid, kind: kindOf(pid, tree, Number(since), own) }));
    const found = answers.filter(({ kind }) => kind === 'left');
    for (const { pid } of found) kill(Number(pid));
    const isSure = found.length === 0 && answers.every(({ kind }) => kind !== 'gone');
    without = isSure ? without + 1 : 0;
    if (!isSure) await wait(PAUSE_MS);
  }
}

type Kind = 'left' | 'other' | 'gone';

function kindOf(pid: string, tree: string, since: number, own: number): Kind {
  try {
    const root = readlinkSync(`/proc/${pid}/root`);
    return root === tree || root.startsWith(`${tree}/`) ? 'left' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return existsSync(`/proc/${pid}`) ? 'other' : 'gone';
  }
  // It says nobody where it is, as a process of another user or one that may not be looked into. What it cannot get rid of is the step's
  // filter, and to be the engine's descendant (bin/embedded-engine). The engine's own programs have no more filters than the engine.
  const start = Number(startOf(Number(pid)) ?? 0);
  return start >= since && filtersOf(pid) > own && isDescendant(pid) ? 'left' : 'other';
}

function isDescendant(pid: string): boolean {
  for (let at = pid; Number(at) > 1; at = fieldOf(at, 'PPid')) if (at === String(process.pid)) return true;
  return false;
}

/** How many filters of system calls it is below: none can be taken off. Kernels before 5.9 do not say. */
const filtersOf = (pid: string): number => Number(fieldOf(pid, 'Seccomp_filters'));

const fieldOf = (pid: string, name: string): string =>
  new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(contentOf(pid, 'status'))?.[1] ?? '0';

function contentOf(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}
