// Waits for programs that say by writing their pid file that they are ready.
import { statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Resolves when a file that is about to be made has content; never, when `signal` comes first. */
export function contentOf(path: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const watcher = watch(dirname(path), { persistent: false, ...(signal ? { signal } : {}) }, (_, name) => {
      if (name !== basename(path) || !statSync(path, { throwIfNoEntry: false })?.size) return;
      watcher.close();
      resolve();
    });
    watcher.on('error', (error) => error.name !== 'AbortError' && reject(error));
  });
}
