// The times of past runs in the output folder: a file for each run, so that runs at once don't meet and a torn one costs only itself.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUDGETS_FILE, type Budgets, NO_BUDGETS, parseBudgets } from '../src/core/times/budgets.ts';
import { parseTimedRun, type TimedRun } from '../src/core/times/ledger.ts';
import { textIn } from './plain-files.ts';

const FOLDER = 'times';
const MOST_RUNS = 500;

/** Oldest first. What is no whole record is passed over. */
export function readTimes(output: string): TimedRun[] {
  return namesIn(join(output, FOLDER)).flatMap((name) => parseTimedRun(textOf(join(output, FOLDER, name))) ?? []);
}

/** Written aside and renamed; the oldest of too many go. */
export function keepTimes(output: string, run: TimedRun, most = MOST_RUNS): void {
  const folder = join(output, FOLDER);
  mkdirSync(folder, { recursive: true });
  const name = `${run.startedAt.replaceAll(':', '')}-${randomBytes(4).toString('hex')}.json`;
  const aside = join(folder, `.${name}`);
  writeFileSync(aside, `${JSON.stringify(run)}\n`);
  renameSync(aside, join(folder, name));
  for (const old of namesIn(folder).slice(0, -most)) rmSync(join(folder, old), { force: true });
}

/** None where nobody has set any. */
export function readBudgets(root: string): Budgets {
  const text = textIn(root, BUDGETS_FILE);
  return text === null ? NO_BUDGETS : parseBudgets(text);
}

/** A name begins with the time of the run, so names are in its order. */
function namesIn(folder: string): string[] {
  // With the slash it is there only as a folder, also where what it is to be in is a file.
  if (!existsSync(`${folder}/`)) return [];
  return readdirSync(folder)
    .filter((name) => /^\d[^/]*\.json$/.test(name))
    .sort();
}

/** Empty where another run has removed it meanwhile. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
