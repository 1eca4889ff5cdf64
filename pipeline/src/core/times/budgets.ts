// policy/budgets.yaml: how long a stage may take. A stage that has become slower is told of, and never fails a run.
import { type RunResult, STAGES, type StageName } from '../model.ts';
import { phraseSeconds } from '../phrases.ts';
import { FaultyFile, type Fields, YamlFile } from '../yaml.ts';
import { median, type Sample, samplesOf, type TimedRun, timedRun } from './ledger.ts';

export const BUDGETS_FILE = 'policy/budgets.yaml';

export type Budgets = {
  /** The median of so many runs counts, so that one slow run says nothing. */
  runs: number;
  /** Seconds. */
  stages: Partial<Record<StageName, number>>;
};

export const NO_BUDGETS: Budgets = { runs: 5, stages: {} };

/** Throws one `BAD_POLICY` that names every fault with its line. */
export function parseBudgets(text: string, file = BUDGETS_FILE): Budgets {
  const yaml = new YamlFile(file, text);
  const fields = yaml.fields();
  const budgets = fields === undefined ? NO_BUDGETS : readBudgets(fields);
  if (yaml.faults.length === 0) return budgets;
  throw new FaultyFile(
    'BAD_POLICY',
    yaml.faults,
    'fix it; drydock’s policy/README.md describes every field, and nothing was run meanwhile',
  );
}

function readBudgets(fields: Fields): Budgets {
  fields.exactly('version', 1, 'the one version there is');
  const stages = fields.mapping('stages');
  const budgets = {
    runs: atLeastOne(fields, 'runs', NO_BUDGETS.runs),
    stages: Object.fromEntries(
      STAGES.flatMap((name) => (stages?.has(name) ? [[name, atLeastOne(stages, name, 1)]] : [])),
    ),
  };
  stages?.end();
  fields.end();
  return budgets;
}

function atLeastOne(fields: Fields, key: string, fallback: number): number {
  const value = fields.count(key, fallback);
  if (value === 0) fields.fault(key, 'must be 1 or more');
  return value;
}

export type Overrun = { median: number; budget: number; runs: number; since: Sample };

/** Whether the median of the last runs is over the budget; then since which run it has been, without a break. */
export function overrun(samples: readonly Sample[], budget: number, runs: number): Overrun | null {
  const medianUpTo = (end: number) => median(samples.slice(end - runs, end).map(({ seconds }) => seconds));
  let first: Sample | undefined;
  for (let end = samples.length; end >= runs && medianUpTo(end) > budget; end -= 1) first = samples[end - 1];
  return first === undefined ? null : { median: medianUpTo(samples.length), budget, runs, since: first };
}

export function phraseOverrun({ median: took, budget, runs, since }: Overrun): string {
  const commit = since.commit === null ? '' : `, commit ${since.commit.slice(0, 12)}`;
  return (
    `slower than ${BUDGETS_FILE} allows: the median of the last ${runs} runs is ${phraseSeconds(took)}, ` +
    `the budget ${phraseSeconds(budget)}; since the run of ${since.startedAt.slice(0, 16).replace('T', ' ')}${commit}`
  );
}

/** What is known of time before a run begins. */
export type Timing = { past: readonly TimedRun[]; budgets: Budgets };

/** The run, its stages that are over their budget saying so. One that did no work has nothing to say of its time. */
export function withOverruns(run: RunResult, { past, budgets }: Timing): RunResult {
  const now = timedRun(run);
  if (now === null) return run;
  const stages = run.stages.map((stage) => {
    const budget = budgets.stages[stage.name];
    const time = now.stages[stage.name];
    if (budget === undefined || !time?.passed || time.cached) return stage;
    const found = overrun(samplesOf([...past, now], stage.name, now.engine), budget, budgets.runs);
    return found === null ? stage : { ...stage, details: [...stage.details, phraseOverrun(found)] };
  });
  return { ...run, stages };
}
