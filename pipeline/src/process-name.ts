// The name of a process for whoever looks later whether it still runs: in another boot of the machine, or from another container that
// shares a folder with it. A process id alone means nothing there, and is used again.
import { readFileSync, readlinkSync, utimes } from 'node:fs';

/** Another after every start of the machine. Nothing where it is hidden: the engine does not start there (bin/embedded-engine). */
export const BOOT_ID = readBootId();

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

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

const namespaceNow = () => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';

/** Boot, namespace of process ids, id and start, as in `2f8e01ab-4026531836-4711-998877`. */
export const processName = (pid = process.pid): string =>
  [BOOT_ID.slice(0, 8), namespaceNow(), pid, startOf(pid) ?? '0'].join('-');

export const PROCESS_NAME = /([\da-f]{8})-(\d+)-(\d+)-(\d+)/;

/** How long somebody whom we cannot see is taken for alive after a last sign of life; all give them far more often. */
const SILENT_MS = 5 * 60_000;
const SIGN_MS = 30_000;

/** Gives signs of life at a file or folder, until the timer is cleared. */
export const showLife = (path: string): NodeJS.Timeout =>
  setInterval(() => utimes(path, new Date(), new Date(), () => {}), SIGN_MS).unref();

/** Whether a process is named that cannot be seen from here, as in another container. */
export const isOutOfSight = (text: string): boolean => {
  const [, boot, namespace] = PROCESS_NAME.exec(text) ?? [];
  return boot === BOOT_ID.slice(0, 8) && namespace !== namespaceNow();
};

/**
 * Whether the process that is named anywhere in `text` runs. One out of sight does for five minutes after `lastSign`, in milliseconds since
 * 1970.
 */
export function isRunning(text: string, lastSign: number): boolean {
  const [, boot, , pid, start] = PROCESS_NAME.exec(text) ?? [];
  if (boot === undefined || boot !== BOOT_ID.slice(0, 8)) return false;
  if (isOutOfSight(text)) return Date.now() - lastSign < SILENT_MS;
  return startOf(Number(pid)) === start;
}
