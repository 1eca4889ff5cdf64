// The functions that run stages, by the stages they run. Both doors read this table.
import type { AskedStage } from './model.ts';

export const STAGE_FUNCTIONS = {
  ci: ['lint', 'test', 'build', 'sbom', 'scan', 'gate'],
  lint: ['lint'],
  test: ['test'],
  build: ['build'],
  sbom: ['build', 'sbom'],
  /** The SBOM says which ecosystems bait is put out for. */
  scan: ['build', 'sbom', 'scan'],
  gate: ['build', 'sbom', 'scan', 'gate'],
  smoke: ['build', 'smoke'],
  publish: ['lint', 'test', 'build', 'sbom', 'scan', 'gate', 'publish'],
  cd: ['lint', 'test', 'build', 'sbom', 'scan', 'gate', 'publish', 'sign', 'smoke', 'promote'],
  verify: ['verify'],
  rollback: ['rollback', 'smoke', 'promote'],
  capsule: ['lint', 'test', 'build', 'sbom', 'scan', 'gate'],
} as const satisfies Record<string, readonly AskedStage[]>;

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
};

const BEFORE_GATE: readonly AskedStage[] = ['lint', 'test', 'build', 'sbom', 'scan'];

export function stagesOf(name: StageFunction, given: Given = {}): AskedStage[] {
  if (given.replay) return ['gate'];
  const stages: readonly AskedStage[] =
    STAGE_FUNCTIONS[name === 'capsule' && isCapsuleStage(given.stage) ? given.stage : name];
  if (given.run) return stages.filter((stage) => !BEFORE_GATE.includes(stage));
  return stages.filter((stage) => !(given.image && stage === 'build'));
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
