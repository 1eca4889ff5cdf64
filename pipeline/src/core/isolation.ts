// What may not be done where steps are not isolated from each other, as in a container without privileges.
import { PipelineError } from './errors.ts';
import type { AskedStage, EngineFacts } from './model.ts';

export const isShared = (engine: EngineFacts | null): boolean => engine?.notIsolated !== undefined;

/** What deploys needs networks for services, and what publishes ships to others what one step could have put into another's image. */
const REFUSED: readonly AskedStage[] = ['publish', 'sign', 'smoke', 'promote', 'rollback'];

/** Why a run cannot be; undefined where it can. */
export function isolationFault(engine: EngineFacts | null, asked: readonly AskedStage[]): PipelineError | undefined {
  const refused = asked.filter((stage) => REFUSED.includes(stage));
  if (engine?.notIsolated === undefined || refused.length === 0) return undefined;
  const { reason, hint } = engine.notIsolated;
  return new PipelineError(
    'NO_ENGINE',
    `nothing is deployed or published from here (${refused.join(', ')}), because steps are not isolated from each other: ${reason}`,
    `run it on another machine, or in a container that is started with: ${hint}`,
  );
}
