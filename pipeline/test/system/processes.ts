// What a run has of the machine: its processes, and what could stay when they are gone. Read from /proc.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { TEST_DISK } from './tools.ts';

export type Process = { pid: number; parent: number; started: string; args: string };
export type Traces = { mounts: string[]; interfaces: string[] };

/** What of a run could stay on this machine beside processes; namespaces end with the last process and mount in them. */
export function traces(): Traces {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return {
    mounts: mounts.filter((line) => /drydock|overlay|nsfs/.test(line) && !line.includes(TEST_DISK)),
    interfaces: readdirSync('/sys/class/net').sort(),
  };
}

export function descendants(root: number): Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? processAt(Number(name)) : []));
  const below = (parent: number): Process[] =>
    all.filter((process) => process.parent === parent).flatMap((process) => [process, ...below(process.pid)]);
  return below(root);
}

export const alive = (family: readonly Process[]) =>
  family.filter(({ pid, started }) => processAt(pid).some((process) => process.started === started));

/** The process with this id; none if it has ended, also in between. */
function processAt(pid: number): Process[] {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Counted from behind the name, which may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [{ pid, parent: Number(fields[1]), started: fields[19] ?? '', args }];
  } catch {
    return [];
  }
}

const LOOK_MS = 100;
/** What a run may take on a busy machine: less than a test may, so that it says what it waited for. */
const MINUTES = 4;

export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let left = (MINUTES * 60_000) / LOOK_MS; left > 0; left -= 1) {
    if (holds()) return;
    await wait(LOOK_MS);
  }
  throw new Error(`not within ${MINUTES} min: ${what}`);
}
