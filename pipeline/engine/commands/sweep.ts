// `sweep`: removes what sessions that were killed left behind; every session's start does the same for itself.
import { existsSync, readFileSync } from 'node:fs';
import { removeAbandonedCgroups } from '../run/cgroups.ts';
import { claimFormat, formatOf } from '../store/format.ts';
import { sweepDead } from '../store/sweep.ts';

/** Lines for people. */
export async function sweep(root: string): Promise<string[]> {
  const lines: string[] = [];
  if (existsSync(root) && formatOf(root) !== 'empty') {
    claimFormat(root); // another version's is not ours to tidy
    const { leases, done } = sweepDead(root);
    const folders = await done;
    if (leases.length > 0) lines.push(`removed ${counted(leases.length, 'lease')} of sessions that were killed`);
    if (folders.length > 0) lines.push(`removed ${counted(folders.length, 'folder')} of unfinished work`);
  }
  const groups = removeAbandonedCgroups();
  if (groups > 0) lines.push(`removed ${counted(groups, 'control group')}`);
  for (const place of mountsBelow(root))
    lines.push(`something is mounted at ${place}, which no session does: umount ${place}`);
  return lines.length > 0 ? lines : ['nothing was left behind'];
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

function mountsBelow(root: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((place) => place.startsWith(`${root}/`));
}
