// Runs npm in an empty folder: an .npmrc of a repository could name a registry of its own, and have the environment's secrets sent there.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const TIMEOUT_MS = 60_000;
const MOST_BYTES = 64 * 1024 * 1024;

/** Gives what it writes to its standard output. Registry and credentials are those of the person's own configuration. */
export async function npm(words: readonly string[]): Promise<string> {
  return await inEmptyFolder((folder) => run(folder, words));
}

/** What this repository's own .npmrc says of lock files. */
const LOCKING = ['--ignore-scripts', '--no-audit', '--no-fund', '--omit-lockfile-registry-resolved'];

/** Makes the lock file beside a manifest what the manifest says. */
export async function renewLock(folder: string): Promise<void> {
  await inEmptyFolder(async (copy) => {
    for (const name of ['package.json', 'package-lock.json'])
      await cp(join(folder, name), join(copy, name)).catch(unlessAbsent);
    await run(copy, ['install', '--package-lock-only', ...LOCKING]);
    await cp(join(copy, 'package-lock.json'), join(folder, 'package-lock.json'));
  });
}

function unlessAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

async function inEmptyFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-npm-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Told its prefix, npm does not look for one above, where there may be another .npmrc. */
async function run(folder: string, words: readonly string[]): Promise<string> {
  const options = { cwd: folder, timeout: TIMEOUT_MS, maxBuffer: MOST_BYTES };
  return (await promisify(execFile)('npm', ['--prefix', folder, ...words], options)).stdout;
}
