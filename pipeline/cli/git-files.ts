// The files of a working copy, as git lists them. Of one that belongs to someone else git would obey nothing, and so is shown its index alone.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeName, encodeName } from '../src/oci/names.ts';
import { plainStats } from './plain-files.ts';

const LIST_BYTES = 1 << 28;

/** No program that a repository names for its own upkeep, and no repository but one in a `.git`: any folder that was cloned may look like one. */
export const GIT = ['-c', 'core.fsmonitor=false', '-c', 'safe.bareRepository=explicit'];

/** Paths below the root, by the options of `git ls-files`. Throws where git does not answer. */
export function listFiles(root: string, ...options: string[]): string[] {
  return answered(root, ['ls-files', '-z', ...options]);
}

/** Of these paths those that git ignores. Throws where git does not answer. */
export function ignoredAmong(root: string, paths: readonly string[]): string[] {
  const input = Buffer.concat(paths.map((path) => encodeName(`${path}\0`)));
  return paths.length === 0 ? [] : answered(root, ['check-ignore', '-z', '--stdin'], input, [0, NONE]);
}

/** How `check-ignore` says that none is. */
const NONE = 1;

function answered(root: string, args: readonly string[], input?: Buffer, well = [0]): string[] {
  const own = git(root, args, input);
  const ran = /detected dubious ownership/.test(String(own.stderr)) ? ofSomebodyElse(root, args, input) : own;
  if (ran.error !== undefined) throw ran.error;
  if (!well.includes(ran.status ?? -1)) throw new Error(`git: ${String(ran.stderr).split('\n')[0]}`);
  return decodeName(ran.stdout).split('\0').filter(Boolean);
}

function git(root: string, args: readonly string[], input?: Buffer, env = {}): SpawnSyncReturns<Buffer> {
  return spawnSync('git', [...GIT, ...args], {
    cwd: root,
    maxBuffer: LIST_BYTES,
    input: input ?? '',
    env: { ...process.env, LC_ALL: 'C', ...env },
  });
}

/** By a repository of our own with a copy of its index: no setting of theirs is read. */
function ofSomebodyElse(root: string, args: readonly string[], input?: Buffer): SpawnSyncReturns<Buffer> {
  const top = topOf(root);
  const folder = mkdtempSync(join(tmpdir(), 'drydock-git-'));
  try {
    for (const name of ['objects', 'refs', 'info']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'HEAD'), 'ref: refs/heads/none\n');
    const parts = readdirSync(join(top, '.git')).filter((name) => /^(index|sharedindex\.[0-9a-f]+)$/.test(name));
    for (const name of [...parts, 'info/exclude'])
      if (plainStats(top, `.git/${name}`)?.isFile()) copyFileSync(join(top, '.git', name), join(folder, name));
    return git(root, args, input, { GIT_DIR: folder, GIT_WORK_TREE: top });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the repository lies. Throws where its `.git` is no plain folder, as in a submodule of somebody else. */
function topOf(root: string): string {
  for (let folder = root; ; folder = dirname(folder)) {
    if (plainStats(folder, '.git')?.isDirectory()) return folder;
    if (existsSync(join(folder, '.git')) || folder === dirname(folder))
      throw new Error(`${root} is in no repository whose files can be listed`);
  }
}
