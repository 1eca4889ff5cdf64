// A run of several services: the runs of each, joined to one account. What is of one service alone stays with it.
import { compareText } from './gate/finding.ts';
import {
  type PartResult,
  type RunResult,
  STAGES,
  type StageName,
  type StageResult,
  type Status,
  type StepResult,
} from './model.ts';
import { inPart } from './parts.ts';
import { seconds, skippedStage } from './verdict.ts';

/** The run of one service, by the service's name: it names the folder of its report as well. */
export type Part = { name: string; result: RunResult };

/** The whole is as good as its worst part. At least one part. */
export function joinRuns(parts: readonly Part[]): RunResult {
  const results = parts.map(({ result }) => result);
  const [first] = results as [RunResult];
  const worst = results.find(({ verdict }) => verdict === 'error') ?? results.find(({ exitCode }) => exitCode !== 0);
  const finishedAt =
    results
      .map((result) => result.finishedAt)
      .sort()
      .at(-1) ?? first.finishedAt;
  return {
    ...first,
    finishedAt,
    seconds: seconds(Date.parse(finishedAt) - Date.parse(first.startedAt)),
    verdict: worst?.verdict ?? 'passed',
    exitCode: worst?.exitCode ?? 0,
    error: worst?.error ?? null,
    stages: STAGES.map((name) => joinStages(name, parts)),
    image: null,
    gate: null,
    smoke: null,
    delivery: null,
    capsule: null,
    scanners: once(
      results.flatMap(({ scanners }) => scanners),
      ({ name }) => name,
    ),
    standIns: once(
      results.flatMap(({ standIns }) => standIns),
      ({ image }) => image,
    ),
    parts: parts.map(toPart),
  };
}

function toPart({ name, result }: Part): PartResult {
  const { verdict, exitCode, image, gate, smoke, delivery, capsule } = result;
  const within = <T extends { file: string }>(of: T | null) =>
    of === null ? null : { ...of, file: `${name}/${of.file}` };
  return { name, verdict, exitCode, image: within(image), gate, smoke, delivery, capsule: within(capsule) };
}

const BY_WEIGHT: readonly Status[] = ['failed', 'not evaluated', 'passed', 'skipped'];

function joinStages(name: StageName, parts: readonly Part[]): StageResult {
  const found = parts.flatMap(({ name: part, result }) => {
    const stage = result.stages.find((candidate) => candidate.name === name);
    return stage === undefined ? [] : [{ part, stage }];
  });
  const status = BY_WEIGHT.find((one) => found.some(({ stage }) => stage.status === one)) ?? 'skipped';
  const ran = found.filter(({ stage }) => stage.startedAt !== null);
  if (ran.length === 0) return skippedStage(name, found[0]?.stage.reason ?? 'not reached');
  const starts = ran.map(({ stage }) => Date.parse(stage.startedAt ?? ''));
  const startedMs = Math.min(...starts);
  const endedMs = Math.max(...ran.map(({ stage }, index) => (starts[index] ?? 0) + stage.seconds * 1000));
  const reasons = found.filter(({ stage }) => stage.status === status && stage.reason !== null);
  return {
    name,
    status,
    startedAt: new Date(startedMs).toISOString(),
    seconds: seconds(endedMs - startedMs),
    cached: ran.every(({ stage }) => stage.cached),
    steps: ran.flatMap(({ part, stage }) => stage.steps.map((step) => ofPart(part, step))),
    suites: ran.flatMap(({ part, stage }) =>
      stage.suites.map((suite) => ({ ...suite, name: inPart(part, suite.name) })),
    ),
    reason: reasons.length === 0 ? null : reasons.map(({ part, stage }) => `${part}: ${stage.reason}`).join('; '),
    details: found.flatMap(({ part, stage }) => stage.details.map((line) => `${part}: ${line}`)),
  };
}

const ofPart = (part: string, step: StepResult): StepResult => ({
  ...step,
  name: inPart(part, step.name),
  log: `${part}/${step.log}`,
});

function once<T>(all: readonly T[], of: (one: T) => string): T[] {
  return [...new Map(all.map((one) => [of(one), one])).values()].sort((a, b) => compareText(of(a), of(b)));
}
