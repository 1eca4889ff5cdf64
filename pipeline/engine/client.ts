// Knows when the client of a session is gone, even where the engine itself is too busy to see it.
import { spawn } from 'node:child_process';

export interface Patience {
  /** How often the engine says that it is not stuck, in seconds. */
  readonly beatSeconds: number;
  /** How long it may be silent before it is asked whether its client is there, in seconds. */
  readonly silentSeconds: number;
}

const PATIENCE: Patience = { beatSeconds: 5, silentSeconds: 20 };

/**
 * Resolves when the client closes our input or a signal says to stop. A process that is stuck, or stopped, sees neither: another one
 * waits for a sign of life, and where there is none any more and our input has ended, it ends us. What is left then is what a kill leaves.
 */
export function endOfClient(patience: Patience = PATIENCE): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => done());
    process.stdin.on('end', done).on('error', () => done());
    process.stdin.resume();
    watched(patience);
  });
}

/** Its input ends with us, and so does it. Ours, which is read without waiting, gives nothing at its end, and a fault where there is more to come. */
const WATCH = `
while beat=$(timeout "$1" head -c 1) && [ -n "$beat" ] || [ $? -ge 124 ]; do
  if [ -z "$beat" ] && head -c 1 <&3 >/dev/null 2>&1; then kill -9 "$PPID"; fi
done
`;

function watched({ beatSeconds, silentSeconds }: Patience): void {
  const watcher = spawn('sh', ['-c', WATCH, 'sh', String(silentSeconds)], {
    stdio: ['pipe', 'ignore', 'ignore', process.stdin.fd],
  });
  const signs = watcher.stdin as NodeJS.WritableStream & { unref?: () => void };
  watcher.on('error', () => {}).unref(); // whoever has no shell is not watched
  signs.on('error', () => {});
  signs.unref?.();
  setInterval(() => signs.write('.'), beatSeconds * 1000).unref();
}
