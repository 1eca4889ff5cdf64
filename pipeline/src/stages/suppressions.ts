// The source as the scanner sees it: what may be overlooked is decided in policy/, with a reason, an owner and an end, not by a comment beside the fault.
import type { Directory } from '@dagger.io/dagger';
import type { StepResult } from '../core/model.ts';
import type { RunContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { runStep, stepFolder } from './step.ts';

export type Unsuppressed = {
  step: StepResult;
  folder: Directory;
  /** Where a comment tells the scanner to look away: `infra/main.tf:3`. */
  places: string[];
};

export async function withoutSuppressions(context: RunContext): Promise<Unsuppressed> {
  const out = `${stepFolder('suppressions')}/out`;
  const { result, container } = await runStep(context, {
    stage: 'scan',
    step: 'suppressions',
    container: nodeContainer(context)
      .withMountedDirectory('/programs/oci', context.source.directory('pipeline/src/oci'))
      .withMountedDirectory('/source', context.source),
    args: ['node', '/programs/oci/suppressions.ts', '--in', '/source', '--out', out],
    shown: 'node pipeline/src/oci/suppressions.ts',
  });
  if (result.exitCode !== 0) return { step: result, folder: context.source, places: [] };
  const places = JSON.parse(await container.file(`${out}/places.json`).contents()) as string[];
  const folder =
    places.length === 0 ? context.source : context.source.withDirectory('.', container.directory(`${out}/files`));
  return { step: result, folder, places };
}

/** One line of the report, for whoever wrote such comments; none where there are none. */
export function phraseSuppressions(places: readonly string[]): string[] {
  if (places.length === 0) return [];
  const [shown, more] = [places.slice(0, 3).join(', '), places.length - 3];
  const where = more > 0 ? `${shown} and ${more} more` : shown;
  const [subject, them] = places.length === 1 ? ['1 comment tells', 'it'] : [`${places.length} comments tell`, 'them'];
  return [
    `${subject} the scanner to look away, and nobody heeded ${them} (write an exception in policy/gate.yaml): ${where}`,
  ];
}
