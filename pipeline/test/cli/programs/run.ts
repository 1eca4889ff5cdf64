// Runs a TypeScript program of this repository as a person does, and gives back all that it did.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

const CACHE = mkdtempSync(join(tmpdir(), 'drydock-programs-'));
process.on('exit', () => rmSync(CACHE, { recursive: true, force: true }));

export type Outcome = { exitCode: number | null; stdout: string; stderr: string };

/** The environment is PATH, a home that holds nothing, a cache for this process of tests, and what is given: no engine or CI is inherited. */
export function runProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const options = { cwd: ROOT, env: { PATH: process.env.PATH, HOME: '/nowhere', XDG_CACHE_HOME: CACHE, ...env } };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--import', 'tsx', program, ...args], options, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}
