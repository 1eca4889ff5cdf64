// A folder for what a capsule holds, and for the engine's store beside it: a replay knows nothing of this machine's caches.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../output.ts';

/** Gone when the work is done. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const parent = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drydock');
  makeFolder(parent);
  sweep(parent);
  const folder = mkdtempSync(join(parent, `replay-${process.pid}-`));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What replays that were killed have left. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = /^replay-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}
