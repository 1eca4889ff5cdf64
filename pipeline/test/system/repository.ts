// Copies of this repository to change, and the command line as a process: for tests and benchmarks of whole runs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import type { RunResult } from '../../src/core/model.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** This repository as git would track it now, what is kept of it, committed, in a folder of its own. `node_modules` is shared. */
export async function copyInto(
  folder: string,
  keeps: (path: string) => boolean = () => true,
  added: Readonly<Record<string, string>> = {},
): Promise<void> {
  const listed = await $({ cwd: ROOT })`git ls-files -z --cached --others --exclude-standard`;
  for (const path of listed.stdout.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    if (keeps(path)) await cp(join(ROOT, path), join(folder, path));
  }
  await add(folder, added);
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await commitAll(folder, 'Everything');
}

/** A repository of somebody else's. The tool is beside it, and no part of it. */
export async function foreignIn(
  folder: string,
  files: Readonly<Record<string, string>>,
  prepare: (folder: string) => Promise<unknown> = async () => {},
): Promise<void> {
  await add(folder, { '.gitignore': 'node_modules\nout\ndist\npipeline\n', ...files });
  await symlink(join(ROOT, 'pipeline'), join(folder, 'pipeline'));
  await prepare(folder);
  await commitAll(folder, 'Everything');
}

export async function commitAll(repository: string, subject: string): Promise<void> {
  const git = $({ cwd: repository });
  if (!existsSync(join(repository, '.git'))) await git`git init --quiet --initial-branch main`;
  await git`git add --all`;
  await git`git -c user.name=Test -c user.email=test@example.com commit --quiet --allow-empty --message ${subject}`;
}

/** Change a text file of a copy. The change must change something. */
export async function edit(repository: string, path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(join(repository, path), 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`the edit of ${path} changes nothing`);
  await writeFile(join(repository, path), after);
}

/** Some work while text files of a copy are others. Not by git: within a second, it may take a file of the same length for the one before. */
export async function whileEdited<T>(
  repository: string,
  changes: Readonly<Record<string, (text: string) => string>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(changes).map(
    (path) => [join(repository, path), readFileSync(join(repository, path))] as const,
  );
  for (const [path, change] of Object.entries(changes)) await edit(repository, path, change);
  try {
    return await work();
  } finally {
    for (const [path, bytes] of before) await writeFile(path, bytes);
  }
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
  return [process.execPath, ['pipeline/bin/drydock.mjs', ...args]];
}

/** The environment of a run: nothing of a session, an engine or GitHub's that this process may be in. */
export function environment(more: Environment = {}): NodeJS.ProcessEnv {
  const { DAGGER_SESSION_PORT: _port, DAGGER_SESSION_TOKEN: _token, GITHUB_ACTIONS: _github, ...env } = process.env;
  return { ...env, CI: 'true', NO_COLOR: '1', ...more };
}

/** `drydock …` on the embedded engine, to its end; `within` is a command that runs it. */
export async function ci(
  repository: string,
  args: readonly string[],
  env: Environment = {},
  within: readonly string[] = [],
): Promise<Ran> {
  const [node, rest] = command([...args, '--engine', 'embedded']);
  const [program, ...words] = [...within, node, ...rest];
  const ran = await $({ cwd: repository, env: environment(env), nothrow: true, quiet: true })`${program} ${words}`;
  return { exitCode: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr, output: join(repository, 'out') };
}

export function resultOf({ output }: Pick<Ran, 'output'>): RunResult {
  return JSON.parse(readFileSync(join(output, 'result.json'), 'utf8')) as RunResult;
}

/** Downloaded packages, put into an empty cache folder: every step runs again, and nothing is fetched twice. */
export async function copyPackages(cache: string): Promise<void> {
  const { XDG_CACHE_HOME, HOME = '' } = process.env;
  const packages = join(XDG_CACHE_HOME || join(HOME, '.cache'), 'drydock', 'packages');
  if (existsSync(packages)) await cp(packages, join(cache, 'drydock', 'packages'), { recursive: true });
}

/** Every file below a folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
