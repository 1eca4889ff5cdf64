// When each step of a run ran, and what the run's end waited for: by the clock, since no engine tells more.
import type { RunResult, StageName, StepResult } from '../model.ts';

/** A step that ran in this run; times in seconds from its start. */
export type Bar = { stage: StageName; step: StepResult; from: number; to: number; isCritical: boolean };

export type Timeline = { seconds: number; bars: Bar[]; cached: { stage: StageName; step: StepResult }[] };

/** How far apart two steps may be, where one waits for the other: an engine has work of its own between them. */
const HANDOVER_SECONDS = 3;

/** The steps in the order in which they began. Those that the cache answered ran in another run, and have no place in time. */
export function timelineOf(run: Pick<RunResult, 'startedAt' | 'seconds' | 'stages'>): Timeline {
  const steps = run.stages.flatMap((stage) => stage.steps.map((step) => ({ stage: stage.name, step })));
  const start = Date.parse(run.startedAt);
  const bars = steps
    .filter(({ step }) => !step.cached)
    .map(({ stage, step }): Bar => {
      const from = Math.max(0, (Date.parse(step.startedAt) - start) / 1000);
      return { stage, step, from, to: from + step.seconds, isCritical: false };
    })
    .sort((a, b) => a.from - b.from || a.to - b.to);
  for (const bar of criticalPath(bars)) bar.isCritical = true;
  return {
    seconds: Math.max(run.seconds, ...bars.map(({ to }) => to)),
    bars,
    cached: steps.filter(({ step }) => step.cached),
  };
}

/** From the step that ended last, back to the one that ended last before it began, and so on. */
export function criticalPath<T extends Pick<Bar, 'from' | 'to'>>(bars: readonly T[]): T[] {
  const path: T[] = [];
  const latest = (among: readonly T[]) =>
    among.reduce<T | undefined>((last, bar) => (last && last.to >= bar.to ? last : bar), undefined);
  for (let bar = latest(bars); bar !== undefined; ) {
    path.unshift(bar);
    const { from } = bar;
    bar = latest(
      bars.filter((other) => !path.includes(other) && other.to <= from && other.to >= from - HANDOVER_SECONDS),
    );
  }
  return path;
}
