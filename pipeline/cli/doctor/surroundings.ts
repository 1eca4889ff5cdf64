// Asks for what is around the pipeline: the working copy, the folders that it writes, and the ids of the user.
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { refusalOf } from '../../src/core/errors.ts';
import { GIT } from '../git-files.ts';
import { checkRepository } from '../subject.ts';
import { ask, NOT_FOUND } from './ask.ts';
import { type Facts, type Features, type Folder, OTHERS, type Setting } from './facts.ts';

export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drydock');
}

/** Of a folder, or of where it would be made. */
export function lookAtFolder(folder: string): Folder {
  const path = existing(folder);
  const { bavail, blocks, bsize } = statfsSync(path);
  return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, isWritable: isWritable(path) };
}

const existing = (folder: string): string => (existsSync(folder) ? folder : existing(dirname(folder)));

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export async function countIds(user: string): Promise<NonNullable<Facts['ids']>> {
  const uid = String(process.getuid?.() ?? '');
  const [users, groups] = ['/etc/subuid', '/etc/subgid'].map((file) =>
    existsSync(file) ? readFileSync(file, 'utf8') : '',
  ) as [string, string];
  const count = (text: string) => idsOf([user, uid], text);
  const asked = await Promise.all(['newuidmap', 'newgidmap'].map((name) => ask(name, [])));
  const hasMapper = asked.every(({ exitCode }) => exitCode !== NOT_FOUND);
  const free = { users: freeRange(users), groups: freeRange(groups) };
  return { users: count(users), groups: count(groups), hasMapper, free };
}

/** How many subordinate ids a file gives: the longest range of one who is called by name or by number. */
export function idsOf(names: readonly string[], text: string): number {
  const ranges = text.split('\n').map((line) => line.split(':'));
  const counts = ranges.filter(([name = '']) => names.includes(name)).map(([, , count]) => Number(count) || 0);
  return Math.max(0, ...counts);
}

const FIRST_ID = 100_000;
const RANGE = 65_536;

/** The first range that nobody has, as `usermod` takes it: ids that two users share are no wall between them. */
export function freeRange(text: string): string {
  const ends = text.split('\n').map((line) => {
    const [, start = '', count = ''] = line.split(':');
    return /^\d+$/.test(start) && /^\d+$/.test(count) ? Number(start) + Number(count) : 0;
  });
  const first = Math.max(FIRST_ID, ...ends);
  return `${first}-${first + RANGE - 1}`;
}

/** Settings by the value with which users may make no namespace. */
const FORBIDDING: Readonly<Record<Setting, string>> = {
  'kernel.apparmor_restrict_unprivileged_userns': '1',
  'kernel.unprivileged_userns_clone': '0',
};

/** `proc` is /proc, or a folder like it. */
export function readFeatures(proc: string): Features | null {
  const read = (path: string) => {
    const file = join(proc, path);
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
  };
  const filesystems = read('filesystems');
  if (filesystems === null) return null;
  const forbids = ([name, value]: [string, string]) => read(`sys/${name.replaceAll('.', '/')}`) === value;
  return {
    hasOverlay: /\boverlay$/m.test(filesystems),
    hasSeccomp: /^Seccomp:/m.test(read('self/status') ?? ''),
    userNamespaces: Number(read('sys/user/max_user_namespaces') ?? 0),
    forbiddenBy: Object.entries(FORBIDDING)
      .filter(forbids)
      .map(([name]) => name as Setting),
  };
}

export async function askGit(root: string): Promise<Facts['git']> {
  const lack = refusalOf(() => checkRepository(root));
  if (lack !== undefined) return { message: lack.message, hint: lack.hint };
  const git = (...args: string[]) =>
    ask('git', [...GIT, '-C', root, ...args], {
      env: { ...process.env, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' },
    });
  const inside = await git('rev-parse', '--is-shallow-repository');
  if (inside.exitCode === NOT_FOUND) return null;
  if (/detected dubious ownership/.test(inside.stderr)) return OTHERS;
  if (inside.exitCode !== 0)
    return {
      message: `git cannot read the repository of ${root}: ${inside.stderr.split('\n')[0]}`,
      hint: 'ask it what is wrong: git status',
    };
  const [last, status] = await Promise.all([git('log', '-1', '--format=%H %ct'), git('status', '--porcelain')]);
  const [commit = '', seconds = ''] = last.stdout.trim().split(' ');
  return {
    commit: last.exitCode === 0 ? commit : null,
    committedMs: last.exitCode === 0 ? Number(seconds) * 1000 : null,
    changes: status.stdout.split('\n').filter(Boolean).length,
    isShallow: inside.stdout.trim() === 'true',
  };
}
