// The results of the last runs, in a folder of the output folder: a run's own files, but for images and capsules. They are links, and take no room as long as
// the output folder has the same.
import { copyFileSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RunResult } from '../src/core/model.ts';
import { phraseVerdict } from '../src/core/phrases.ts';
import { namesIn, textIn } from './plain-files.ts';

export const RUNS = 'runs';
const MOST = 10;
const ASIDE = '.new';

export type KeptRun = { folder: string; startedAt: string; function: string; exitCode: number; verdict: string };

/** Keep these files of an output folder as a run's; the oldest of too many go. */
export function keepRun(output: string, startedAt: string, paths: readonly string[], most = MOST): void {
  const runs = join(output, RUNS);
  const aside = join(runs, ASIDE);
  rmSync(aside, { recursive: true, force: true }); // of a run that was killed
  for (const path of paths.filter((name) => !name.endsWith('.tar'))) {
    mkdirSync(dirname(join(aside, path)), { recursive: true });
    link(join(output, path), join(aside, path));
  }
  const place = join(runs, startedAt.replaceAll(':', ''));
  rmSync(place, { recursive: true, force: true });
  renameSync(aside, place);
  for (const old of foldersIn(output).slice(most)) rmSync(join(runs, old), { recursive: true, force: true });
}

/** Some file systems have no links. */
function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** The latest first. What is not a result is passed over. */
export function keptRuns(output: string): KeptRun[] {
  return foldersIn(output).flatMap((name) => readRun(join(output, RUNS, name)) ?? []);
}

/** Names begin with the time of the run. */
function foldersIn(output: string): string[] {
  return namesIn(output, RUNS)
    .filter((name) => /^\d{4}-\d\d-\d\dT[\d.]+Z$/.test(name))
    .sort()
    .reverse();
}

function readRun(folder: string): KeptRun | undefined {
  try {
    const run = JSON.parse(textIn(folder, 'result.json') ?? '') as RunResult;
    const { startedAt, exitCode } = run;
    return { folder, startedAt, function: run.function, exitCode, verdict: phraseVerdict(run) };
  } catch {
    return undefined;
  }
}
