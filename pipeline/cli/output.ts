// The output folder: one run at a time holds it, and what an earlier run left is replaced when there is something to put in its place. What a run
// does not make stays as it was. The last file is `exit-code`: where it is, the account in `result.json` is of that run, and complete.
import { createHash, randomUUID } from 'node:crypto';
import {
  close,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { quoted } from '../src/command.ts';
import { PipelineError } from '../src/core/errors.ts';
import type { StageName } from '../src/core/model.ts';
import { makeFolders } from '../src/oci/folders.ts';
import { isOutOfSight, isRunning, PROCESS_NAME, processName, showLife } from '../src/process-name.ts';
import { RUNS } from './kept-runs.ts';
import { plainStats } from './plain-files.ts';

/** The account of a run: each run has its own. */
const ACCOUNT = ['result.json', 'junit.xml', 'summary.md', 'report.html', 'annotations.txt'];
/** What stages make. Where a run has no such stage, that of an earlier one stays. */
const MADE: readonly [name: RegExp, by: StageName][] = [
  [/^image\.tar$/, 'build'],
  [/^sbom(-[\w-]+)?\.(spdx|cdx)\.json$/, 'sbom'],
  [/^scan\.json$/, 'scan'],
  [/^(scan\.sarif|verdict\.json)$/, 'gate'],
  [/^release\.json$/, 'promote'],
];

const SEAL = 'exit-code';
const LOCK = '.running';
const ASIDE = '.new';

export type Output = {
  /** Where a report is written before it takes its place. */
  aside: string;
  /** Puts in place what is aside, and says with which exit code the run ended. Gives the paths of what it has put there. */
  settle: (exitCode: number) => string[];
  /** As it was found, for a run that was not one. */
  restore: () => void;
  /** Lets another run have it. */
  release: () => void;
};

/** Take the folder for a run of these stages that reads `inputs`, by their real paths, which stay. */
export function takeOutput(folder: string, stages: readonly StageName[], inputs: readonly string[] = []): Output {
  makeFolder(folder);
  const link = FOLDERS.find((name) => plainStats(folder, name)?.isSymbolicLink());
  if (link !== undefined) throw linkThere(join(folder, link));
  ensureFolder(join(folder, 'logs'));
  const [seal, aside] = [join(folder, SEAL), join(folder, ASIDE)];
  const own = lock(folder);
  const pulse = showLife(join(folder, LOCK));
  const release = () => {
    clearInterval(pulse);
    rmSync(aside, { recursive: true, force: true });
    if (readLock(join(folder, LOCK))?.holder === own) rmSync(join(folder, LOCK), { force: true });
  };
  let before: Buffer | undefined;
  try {
    // A pipe in its place would be waited for, and a link leads elsewhere.
    before = lstatSync(seal, { throwIfNoEntry: false })?.isFile() ? readFileSync(seal) : undefined;
    rmSync(aside, { recursive: true, force: true }); // of a run that was killed
    rmSync(seal, { force: true });
  } catch (cause) {
    release();
    throw cause;
  }
  const settle = (exitCode: number) => {
    before = undefined; // what it was of goes, even if what comes cannot be written
    removeStale(folder, stages, inputs);
    // The report has one, too, which is to be the last.
    rmSync(join(aside, SEAL), { force: true });
    const moved = existsSync(aside) ? moveInto(aside, folder) : [];
    writeFileSync(seal, `${exitCode}\n`, { flush: true });
    return [...moved, SEAL];
  };
  const restore = () => before !== undefined && writeFileSync(seal, before);
  return { aside, settle, restore, release };
}

/**
 * A lock is a file that appears with its content, by a link. One whose holder was killed is not removed, which another might do at the same
 * moment, but gets a successor: a file named for its content, which can be linked once. Who holds the folder is the last of that chain.
 */
function lock(folder: string): string {
  const own = `${processName()} ${randomUUID()}`;
  const mine = join(folder, `${LOCK}.${own.slice(-36)}`);
  try {
    for (;;) {
      const last = holderOf(folder);
      if (last !== null && isRunning(last.holder, last.sign)) throw inUse(folder, last.holder);
      writeFileSync(mine, own);
      const name = last === null ? join(folder, LOCK) : successorOf(folder, last.holder);
      if (!linked(mine, name)) continue;
      // The chain may have got another beginning since it was read.
      if (holderOf(folder)?.holder !== own) rmSync(name, { force: true });
      else {
        if (last !== null) renameSync(name, join(folder, LOCK));
        break;
      }
    }
  } finally {
    rmSync(mine, { force: true });
  }
  removeDead(folder);
  return own;
}

const successorOf = (folder: string, holder: string) => join(folder, `${LOCK}.${hashOf(holder)}`);
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

type Holder = { holder: string; sign: number };

/** The last of the chain; null where there is no lock. */
function holderOf(folder: string): Holder | null {
  let last = readLock(join(folder, LOCK));
  for (let next = last; next !== null; next = readLock(successorOf(folder, next.holder))) last = next;
  return last;
}

function readLock(file: string): Holder | null {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats?.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR', path: file });
  if (stats === undefined) return null;
  try {
    return { holder: stats.isFile() ? readFileSync(file, 'utf8') : '', sign: stats.mtimeMs };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** False where there is one already, or where what was to be linked was cleared away. */
function linked(file: string, name: string): boolean {
  try {
    linkSync(file, name);
    return true;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw cause;
    return copied(file, name);
  }
}

/** Where the file system has no such links, as on many a USB stick. */
function copied(file: string, name: string): boolean {
  try {
    copyFileSync(file, name, constants.COPYFILE_EXCL);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/** What is left of runs that were killed while they took the folder. */
function removeDead(folder: string): void {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(`${LOCK}.`))) {
    const found = readLock(join(folder, name));
    if (found !== null && !isRunning(found.holder, found.sign)) rmSync(join(folder, name), { force: true });
  }
}

function inUse(folder: string, holder: string): PipelineError {
  const [where, more] = isOutOfSight(holder)
    ? [' in another container', '; one that was killed with its container holds it for five minutes']
    : ['', ''];
  return new PipelineError(
    'OUTPUT_IN_USE',
    `${folder} is being written by another run, process ${PROCESS_NAME.exec(holder)?.[3]}${where}`,
    `wait until it ends, or name another folder with --output${more}`,
  );
}

/** Of whose failures a capsule is named after. */
const capsuleStages = (name: string): string[] | undefined => /^capsule-([a-z-]+)\.tar$/.exec(name)?.[1]?.split('-');

/** What an earlier run left and this one replaces. Whatever else is in there stays. */
function removeStale(folder: string, stages: readonly StageName[], inputs: readonly string[]): void {
  const isStale = (name: string) =>
    ACCOUNT.includes(name) ||
    MADE.some(([pattern, by]) => pattern.test(name) && stages.includes(by)) ||
    capsuleStages(name)?.every((stage) => stages.some((other) => other === stage));
  const stale = readdirSync(folder).filter(isStale);
  const real = realpathSync(folder);
  for (const path of stale.map((name) => join(real, name))) if (!inputs.includes(path)) remove(path);
  const logs = join(folder, 'logs');
  const ran: readonly StageName[] = ['install', ...stages];
  const ours = (existsSync(logs) ? readdirSync(logs) : []).filter((name) =>
    ran.some((stage) => name.startsWith(`${stage}-`)),
  );
  for (const name of ours) rmSync(join(logs, name), { force: true });
}

/** Folders of results, by way of which files are written: where one is a link, they would be somebody else's. */
const FOLDERS = ['logs', 'times', RUNS];

const linkThere = (path: string) =>
  new PipelineError(
    'BAD_OPTION',
    `${path} is a link, and results are written into plain folders`,
    `rm ${quoted(path)}`,
  );

/** Gives the paths of what was moved. */
function moveInto(from: string, to: string): string[] {
  const moved: string[] = [];
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const place = relative(from, path);
    const target = join(to, place);
    mkdirSync(dirname(target), { recursive: true });
    if (!plainStats(to, dirname(place))?.isDirectory()) throw linkThere(dirname(target));
    renameSync(path, target);
    moved.push(place);
  }
  return moved;
}

/** The room of a large file is given back while the run goes on: that takes as long as the engine's start. */
function remove(path: string): void {
  const held = isLarge(path) ? openSync(path, 'r') : undefined;
  rmSync(path, { force: true });
  if (held !== undefined) close(held);
}

function isLarge(path: string): boolean {
  const stats = process.platform === 'linux' ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  return stats?.uid === process.getuid?.() && stats?.isFile() === true && stats.size > 1 << 20;
}

/** Make a folder for results, unless it is there. A new one is nothing that git should see: results are no source of the next run. */
export function makeFolder(folder: string): void {
  const isNew = !existsSync(folder);
  ensureFolder(folder);
  if (isNew) writeFileSync(join(folder, '.gitignore'), '*\n');
}

function ensureFolder(folder: string): void {
  try {
    makeFolders(folder);
    if (statSync(folder).isDirectory()) return;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw cause;
    const fault = code === 'ENOENT' ? 'cannot be made there' : 'is below a file';
    throw new PipelineError('BAD_OPTION', `--output ${folder} ${fault}`, 'name a folder', { cause });
  }
  throw new PipelineError('BAD_OPTION', `--output ${folder} is a file`, 'name a folder');
}
