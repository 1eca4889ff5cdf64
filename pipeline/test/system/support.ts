// Whole runs for tests: copies of this repository to change, the laptop's door as a process, and what it left.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { $ } from 'zx';
import type { RunResult } from '../../src/core/model.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A folder that is gone when the test file is done. */
export async function temporaryFolder(label: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `drydock-${label}-`));
  folders.push(folder);
  return folder;
}

/** This repository as git would track it now, committed, in a folder of its own. `node_modules` is shared. */
export async function copyOfRepository(label: string): Promise<string> {
  const copy = await temporaryFolder(label);
  const listed = await $({ cwd: ROOT })`git ls-files -z --cached --others --exclude-standard`;
  for (const path of listed.stdout.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    await cp(join(ROOT, path), join(copy, path));
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  await commitAll(copy, 'Everything');
  return copy;
}

export async function commitAll(repository: string, subject: string): Promise<void> {
  const git = $({ cwd: repository });
  if (!existsSync(join(repository, '.git'))) await git`git init --quiet --initial-branch main`;
  await git`git add --all`;
  await git`git -c user.name=Test -c user.email=test@example.com commit --quiet --message ${subject}`;
}

/** Change a text file of a copy. The change must change something. */
export async function edit(repository: string, path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(join(repository, path), 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`the edit of ${path} changes nothing`);
  await writeFile(join(repository, path), after);
}

export async function add(repository: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(repository, path)), { recursive: true });
    await writeFile(join(repository, path), text);
  }
}

export type Environment = Readonly<Record<string, string>>;

export type Ran = {
  exitCode: number | null;
  stdout: string;
  stderr: string;
  /** The folder that the run wrote. */
  output: string;
};

/** The program and its arguments, for tests that must hold the process themselves. */
export function command(args: readonly string[]): [program: string, args: string[]] {
  return [process.execPath, ['--import', 'tsx', 'pipeline/ci.ts', ...args]];
}

/** The environment of a run: nothing of a session or engine that this process may be in. */
export function environment(more: Environment = {}): NodeJS.ProcessEnv {
  const { DAGGER_SESSION_PORT: _port, DAGGER_SESSION_TOKEN: _token, ...env } = process.env;
  return { ...env, CI: 'true', NO_COLOR: '1', ...more };
}

/** `npx tsx pipeline/ci.ts …` on the embedded engine, to its end. */
export async function ci(repository: string, args: readonly string[], env: Environment = {}): Promise<Ran> {
  const [program, words] = command([...args, '--engine', 'embedded']);
  const ran = await $({ cwd: repository, env: environment(env), nothrow: true, quiet: true })`${program} ${words}`;
  return { exitCode: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr, output: join(repository, 'out') };
}

export function resultOf({ output }: Pick<Ran, 'output'>): RunResult {
  return JSON.parse(readFileSync(join(output, 'result.json'), 'utf8')) as RunResult;
}

/** A cache folder that holds nothing but downloaded packages: every step runs again, nothing is fetched twice. */
export async function coldCache(): Promise<Environment> {
  const { XDG_CACHE_HOME, HOME = '' } = process.env;
  const folder = await temporaryFolder('cache');
  const packages = join(XDG_CACHE_HOME || join(HOME, '.cache'), 'drydock', 'packages');
  if (existsSync(packages)) await cp(packages, join(folder, 'drydock', 'packages'), { recursive: true });
  return { XDG_CACHE_HOME: folder };
}

/** Every file below a folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
