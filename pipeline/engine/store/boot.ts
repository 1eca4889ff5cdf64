// Which run of the kernel this is, and which process: what a clock that jumps and a process id that is used again cannot fake.
import { readFileSync } from 'node:fs';

/** Another after every start of the machine. */
export const BOOT_ID = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Nanoseconds of a clock that all processes of this boot share and that nobody can set. */
export const monotonic = (): number => Number(process.hrtime.bigint());

/** When a process started, in ticks since the boot; undefined when there is no such process. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Counted from behind the name, which may hold blanks and parentheses.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : fields[18];
  } catch {
    return undefined;
  }
}
