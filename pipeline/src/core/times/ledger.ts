// How long the stages of past runs took: what is kept of a run, and what many of them say. Reads no file.
import { type EngineFacts, type RunResult, STAGES, type StageName } from '../model.ts';
import { count, flag, objectOf, oneOf, orNull, readJson, recordOf, type Shape, text } from '../shape.ts';

/** What is kept of one run, a line of JSON. */
export type TimedRun = {
  version: 1;
  startedAt: string;
  function: string;
  engine: EngineFacts['kind'] | null;
  commit: string | null;
  /** Those that ran or were answered from the cache, by name. */
  stages: Record<string, StageTime>;
};
type StageTime = { ms: number; cached: boolean; passed: boolean };

/** One stage in one run that did its work: neither cached nor failed. */
export type Sample = { startedAt: string; commit: string | null; seconds: number };

const shape: Shape<TimedRun> = objectOf<TimedRun>({
  version: oneOf([1] as const),
  startedAt: text,
  function: text,
  engine: orNull(oneOf(['dagger', 'embedded', 'session'] as const)),
  commit: orNull(text),
  stages: recordOf(objectOf<StageTime>({ ms: count, cached: flag, passed: flag })),
});

/** Null for a run in which no stage came to anything. */
export function timedRun(run: RunResult): TimedRun | null {
  const ran = run.stages.filter(({ status }) => status !== 'skipped');
  if (ran.length === 0) return null;
  return {
    version: 1,
    startedAt: run.startedAt,
    function: run.function,
    engine: run.engine?.kind ?? null,
    commit: run.source.commit,
    stages: Object.fromEntries(
      ran.map(({ name, seconds, cached, status }) => [
        name,
        { ms: Math.round(seconds * 1000), cached, passed: status === 'passed' },
      ]),
    ),
  };
}

/** Null for what is cut off, altered, or from a version that is not known here. */
export function parseTimedRun(line: string): TimedRun | null {
  try {
    return readJson(line, shape);
  } catch {
    return null;
  }
}

/** The runs in which a stage did its work on this kind of engine, oldest first. */
export function samplesOf(runs: readonly TimedRun[], name: StageName, engine: TimedRun['engine']): Sample[] {
  return runs
    .filter((run) => run.engine === engine)
    .flatMap(({ startedAt, commit, stages: { [name]: time } }) =>
      time?.passed && !time.cached ? [{ startedAt, commit, seconds: time.ms / 1000 }] : [],
    )
    .sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

/** The value that this share of all does not exceed (nearest rank); 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export type StageTimes = { stage: StageName; runs: number; cached: number; median: number; p95: number };

/** What there is to say of each stage that was ever part of a run on this kind of engine. */
export function stageTimes(runs: readonly TimedRun[], engine: TimedRun['engine']): StageTimes[] {
  return STAGES.flatMap((stage) => {
    const times = runs.flatMap((run) => (run.engine === engine ? (run.stages[stage] ?? []) : []));
    if (times.length === 0) return [];
    const took = samplesOf(runs, stage, engine).map(({ seconds }) => seconds);
    const cached = times.filter((time) => time.cached).length;
    return [{ stage, runs: took.length, cached, median: median(took), p95: quantile(took, 0.95) }];
  });
}
