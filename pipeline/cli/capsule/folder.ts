// A folder for what a capsule holds, and for the engine's store beside it: a replay knows nothing of this machine's caches.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isRunning, processName, showLife } from '../../src/process-name.ts';
import { makeFolder } from '../output.ts';

/** Gone when the work is done. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const parent = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drydock');
  makeFolder(parent);
  sweep(parent);
  const folder = mkdtempSync(join(parent, `replay-${processName()}-`));
  const pulse = showLife(folder);
  try {
    return await work(folder);
  } finally {
    clearInterval(pulse);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What replays that were killed have left. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
    if (name.startsWith('replay-') && !isRunning(name, statSync(path).mtimeMs))
      rmSync(path, { recursive: true, force: true });
  }
}
