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
} as const satisfies Record<string, readonly AskedStage[]>;

export type StageFunction = keyof typeof STAGE_FUNCTIONS;

export type Given = {
  /** There is an image already: none is built. */
  image?: boolean;
  /** There is a recorded verdict: it is decided again, and nothing else happens. */
  replay?: boolean;
};

export function stagesOf(name: StageFunction, given: Given = {}): AskedStage[] {
  if (given.replay) return ['gate'];
  const stages: readonly AskedStage[] = STAGE_FUNCTIONS[name];
  return stages.filter((stage) => !(given.image && stage === 'build'));
}
