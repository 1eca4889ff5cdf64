// What may not be done where steps are not isolated from each other, as in a container without privileges.
import { PipelineError } from './errors.ts';
import type { AskedStage, EngineFacts } from './model.ts';

export const isShared = (engine: EngineFacts | null): boolean => engine?.notIsolated !== undefined;

/** What deploys needs networks for services, and what publishes ships to others what one step could have put into another's image. */
const REFUSED: readonly AskedStage[] = ['publish', 'sign', 'smoke', 'promote', 'rollback'];

/** Options of `docker run` with which a container lets the engine isolate steps. */
export const RIGHTS = [
  '--cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun',
  ...['seccomp', 'apparmor', 'systempaths'].map((name) => `--security-opt ${name}=unconfined`),
  '-v drydock:/root/.cache', // the container's own file system holds no overlays
].join(' ');

/** Why a run cannot be; undefined where it can. */
export function isolationFault(engine: EngineFacts | null, asked: readonly AskedStage[]): PipelineError | undefined {
  const refused = asked.filter((stage) => REFUSED.includes(stage));
  if (!isShared(engine) || refused.length === 0) return undefined;
  return new PipelineError(
    'NO_ENGINE',
    `nothing is deployed or published from here (${refused.join(', ')}), since steps are not isolated from each other: ${engine?.notIsolated}`,
    `run it on another machine, or start this container with: docker run ${RIGHTS} …`,
  );
}
