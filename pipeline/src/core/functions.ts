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
} as const satisfies Record<string, readonly AskedStage[]>;

export type StageFunction = keyof typeof STAGE_FUNCTIONS;

export type Given = {
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
  const stages: readonly AskedStage[] = STAGE_FUNCTIONS[name];
  if (given.run) return stages.filter((stage) => !BEFORE_GATE.includes(stage));
  return stages.filter((stage) => !(given.image && stage === 'build'));
}
