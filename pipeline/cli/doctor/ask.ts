// Asks a program, and gives up on it after a while.
import { execFile } from 'node:child_process';

export type Answer = { exitCode: number; stdout: string; stderr: string };

export type AskOptions = { env?: NodeJS.ProcessEnv; timeoutMs?: number; cwd?: string };

const TIMEOUT_MS = 5000;
/** What a shell says of a program that is not there. */
export const NOT_FOUND = 127;

export function ask(program: string, args: readonly string[], options: AskOptions = {}): Promise<Answer> {
  const { env = process.env, timeoutMs = TIMEOUT_MS, cwd } = options;
  return new Promise((resolve) => {
    const limits = { env, cwd, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 1 << 26 } as const;
    const child = execFile(program, args, limits, (error, stdout, stderr) => {
      const isMissing = error?.code === 'ENOENT';
      resolve({ exitCode: isMissing ? NOT_FOUND : (child.exitCode ?? 1), stdout, stderr });
    });
  });
}
