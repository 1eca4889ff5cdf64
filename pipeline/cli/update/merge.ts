// Merges a file three ways, by git: what a person has made of what one version wrote, and what another version writes.
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GIT } from '../git-files.ts';

type Texts = { ours: string; base: string; theirs: string };

/** The merged text; null for one with conflicts. `folder` is one of its own. */
export function merged(folder: string, texts: Texts): string | null {
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  const { status, stdout } = git(folder, ['merge-file', '--stdout', 'ours', 'base', 'theirs']);
  // Otherwise the number of conflicts.
  if (status !== null && status > MOST_CONFLICTS) throw new Error(`git merge-file ended with ${status}`);
  return status === 0 ? stdout : null;
}

const MOST_CONFLICTS = 127;

/** What a person would see of a change, as git shows it. */
export function difference(folder: string, path: string, before: string, after: string): string {
  for (const [side, text] of [
    ['before', before],
    ['after', after],
  ] as const) {
    mkdirSync(dirname(join(folder, side, path)), { recursive: true });
    writeFileSync(join(folder, side, path), text);
  }
  const words = ['--no-index', '--no-color', '--no-ext-diff', '--no-prefix', join('before', path), join('after', path)];
  return git(folder, ['diff', ...words]).stdout;
}

function git(cwd: string, words: readonly string[]): { status: number | null; stdout: string } {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    };
    return { status: 0, stdout: execFileSync('git', [...GIT, ...words], options) };
  } catch (error) {
    const { status = null, stdout = '' } = error as { status?: number | null; stdout?: string };
    if (status === null) throw error;
    return { status, stdout };
  }
}
