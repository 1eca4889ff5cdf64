// One lock for the whole store, held by a small program that the kernel frees it from, however its holder ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { EnvironmentError } from '../errors.ts';

/** Runs some work while nobody else, in this process or another, does so on the same store. */
export async function withLock<T>(root: string, work: () => Promise<T>): Promise<T> {
  // It lives as long as its input is open: when we die, the kernel closes that. Whoever waits sleeps in flock(2).
  const holder = spawn('flock', ['--exclusive', join(root, 'lock'), 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const gone = once(holder, 'exit');
  const [said] = await Promise.race([once(holder.stdout, 'data'), gone.then(() => [''])]).catch((error: Error) => {
    throw new EnvironmentError(`the program flock cannot be run: ${error.message}`, 'install util-linux', {
      cause: error,
    });
  });
  if (!String(said).includes('held'))
    throw new EnvironmentError(`the store at ${root} cannot be locked`, 'is it writable?');
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await gone;
  }
}
