// Whether the embedded engine can isolate steps from each other here. Its own start tries the same.
import { spawnSync } from 'node:child_process';

/** What the kernel says when it refuses root a namespace, as in a container without privileges; null where it does not. */
export function refusedNamespaces(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const { status, stderr } = spawnSync('unshare', ['--mount', '--propagation', 'private', 'true'], {
    encoding: 'utf8',
  });
  return status === 0 || status === null ? null : stderr.trim();
}
