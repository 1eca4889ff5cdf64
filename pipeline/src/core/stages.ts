// Which stage needs which. What a function runs, what a selection leaves of it and what the documentation says all come from this one table.
import { nearest } from '../suggest.ts';
import { PipelineError } from './errors.ts';
import { type AskedStage, STAGES } from './model.ts';

/** What has to have passed before a stage begins. The packages that it runs with are no stage that is asked for (subject.ts). */
export const NEEDS: Readonly<Record<AskedStage, readonly AskedStage[]>> = {
  lint: [],
  test: [],
  build: [],
  sbom: ['build'],
  /** The SBOM says which ecosystems bait is put out for. */
  scan: ['build', 'sbom'],
  gate: ['sbom', 'scan'],
  smoke: ['build'],
  publish: ['lint', 'test', 'gate'],
  sign: ['publish'],
  promote: ['sign', 'smoke'],
  /** Runs of their own. */
  verify: [],
  rollback: [],
};

/** What a stage waits for only where that is asked for as well: what is deployed then is what was pushed. */
const AFTER: Partial<Record<AskedStage, readonly AskedStage[]>> = { smoke: ['sign'] };

const inOrder = (stages: Iterable<AskedStage>): AskedStage[] => {
  const wanted = new Set<string>(stages);
  return STAGES.filter((stage): stage is AskedStage => wanted.has(stage));
};

/** These stages and all that they need, in the order in which they are shown. */
export function withNeeds(stages: readonly AskedStage[]): AskedStage[] {
  const all = new Set(stages);
  for (const stage of all) for (const need of NEEDS[stage]) all.add(need);
  return inOrder(all);
}

/** Whether a stage begins when another has ended. */
export function waitsFor(stage: AskedStage, other: AskedStage): boolean {
  return withNeeds([stage, ...(AFTER[stage] ?? [])]).includes(other);
}

/** These stages and all of `among` that need one of them. */
function withDependents(stages: readonly AskedStage[], among: readonly AskedStage[]): AskedStage[] {
  return inOrder(among.filter((stage) => withNeeds([stage]).some((need) => stages.includes(need))));
}

/** Part of what a function runs; empty for no restriction. */
export type Selection = {
  /** Nothing but these and what they need. */
  only: readonly string[];
  /** Not these, nor what needs them. */
  skip: readonly string[];
  /** From these on: they, what needs them, and what those need. */
  from: readonly string[];
};

/** Throws `BAD_OPTION` for a stage that is not one of these, and where none is left. */
export function select(stages: readonly AskedStage[], { only, skip, from }: Selection): AskedStage[] {
  const named = (option: string, names: readonly string[]) => names.map((name) => toStage(option, name, stages));
  const [kept, left, first] = [named('only', only), named('skip', skip), named('from', from)];
  const among = (wanted: readonly AskedStage[]) => stages.filter((stage) => wanted.includes(stage));
  let chosen: readonly AskedStage[] = stages;
  if (kept.length > 0) chosen = among(withNeeds(kept));
  if (first.length > 0) chosen = among(withNeeds(withDependents(first, chosen)));
  const dropped = withDependents(left, chosen);
  const remaining = chosen.filter((stage) => !dropped.includes(stage));
  const lost = [...kept, ...first].find((stage) => dropped.includes(stage));
  if (lost !== undefined)
    throw new PipelineError(
      'BAD_OPTION',
      `${lost} is asked for, and --skip ${skip.join(',')} leaves it out`,
      `leave out what ${lost} does not need, which is ${withNeeds([lost]).join(', ')}`,
    );
  if (remaining.length > 0) return remaining;
  throw new PipelineError('BAD_OPTION', 'no stage is left to run', `skip fewer of ${stages.join(', ')}`);
}

function toStage(option: string, name: string, stages: readonly AskedStage[]): AskedStage {
  const found = stages.find((stage) => stage === name);
  if (found !== undefined) return found;
  const near = nearest(name, stages);
  throw new PipelineError(
    'BAD_OPTION',
    `--${option} ${name} is no stage of this function`,
    near === undefined ? `its stages are ${stages.join(', ')}` : `did you mean ${near}?`,
  );
}
