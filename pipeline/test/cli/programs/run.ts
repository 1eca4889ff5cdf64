// Runs a TypeScript program of this repository as a person does, and gives back all that it did.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

export type Outcome = { exitCode: number | null; stdout: string; stderr: string };

/** The environment is PATH, a home and a cache that hold nothing, and what is given: no engine or CI is inherited. */
export function runProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const cache = mkdtempSync(join(tmpdir(), 'drydock-programs-'));
  const options = { cwd: ROOT, env: { PATH: process.env.PATH, HOME: '/nowhere', XDG_CACHE_HOME: cache, ...env } };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--import', 'tsx', program, ...args], options, (_, stdout, stderr) => {
      rmSync(cache, { recursive: true, force: true });
      resolve({ exitCode: child.exitCode, stdout, stderr });
    });
  });
}
