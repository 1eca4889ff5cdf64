// The functions that run stages, by the stages they run. Both doors read this table.
import type { AskedStage } from './model.ts';
import { type Selection, select, withNeeds } from './stages.ts';

const CI = withNeeds(['lint', 'test', 'gate']);

export const STAGE_FUNCTIONS = {
  ci: CI,
  lint: withNeeds(['lint']),
  test: withNeeds(['test']),
  build: withNeeds(['build']),
  sbom: withNeeds(['sbom']),
  scan: withNeeds(['scan']),
  gate: withNeeds(['gate']),
  smoke: withNeeds(['smoke']),
  publish: withNeeds(['publish']),
  cd: withNeeds(['promote']),
  verify: withNeeds(['verify']),
  /** The image is there: what is proved and moved again needs nothing else. */
  rollback: ['rollback', 'smoke', 'promote'],
  capsule: CI,
} satisfies Record<string, readonly AskedStage[]>;

export type StageFunction = keyof typeof STAGE_FUNCTIONS;

export type Given = {
  /** What a capsule is to be made of, if not of all of `ci`. */
  stage?: string;
  /** There is an image already: none is built. */
  image?: boolean;
  /** There is a recorded verdict: it is decided again, and nothing else happens. */
  replay?: boolean;
  /** There are the results of a whole run: only its verdict is decided again. */
  run?: boolean;
  /** Part of it is wanted. */
  selection?: Selection;
};

export function stagesOf(name: StageFunction, given: Given = {}): AskedStage[] {
  if (given.replay) return ['gate'];
  const stages: readonly AskedStage[] =
    STAGE_FUNCTIONS[name === 'capsule' && isCapsuleStage(given.stage) ? given.stage : name];
  if (given.run) return stages.filter((stage) => stage === 'gate' || !CI.includes(stage));
  const wanted = stages.filter((stage) => !(given.image && stage === 'build'));
  return given.selection === undefined ? wanted : select(wanted, given.selection);
}

/** What `capsule --stage` takes; `ci` is all of its stages. */
export const CAPSULE_STAGES = ['ci', 'lint', 'test', 'build', 'sbom', 'scan', 'gate', 'smoke'] as const;
export type CapsuleStage = (typeof CAPSULE_STAGES)[number];

export function isCapsuleStage(name: string | undefined): name is CapsuleStage {
  return CAPSULE_STAGES.some((stage) => stage === name);
}

/** The stages that a capsule of it holds; what they need to run first is not one of them. */
export function stagesInCapsule(name: CapsuleStage): AskedStage[] {
  return name === 'ci' ? [...STAGE_FUNCTIONS.ci] : [name];
}
