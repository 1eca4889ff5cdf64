// The drydock.yaml of a repository that was looked at: only what differs from what drydock takes by itself.
import { stringify } from 'yaml';
import { USUAL } from '../subject-file.ts';
import type { Found } from './found.ts';
import { COMMENT } from './seen.ts';

/** Null where nothing has to be said. */
export function subjectFile({ choice, port, health, commands, backing: { env, needs } }: Found): string | null {
  const differing = {
    ...(port === null || port.value === USUAL.port ? {} : { port: port.value }),
    ...(health === null || health.value === USUAL.health ? {} : { health: health.value }),
    ...commands,
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(Object.keys(needs).length === 0 ? {} : { needs }),
  };
  if (choice.isUsual && Object.keys(differing).length === 0) return null;
  return `${COMMENT}\n${stringify({ services: [{ path: choice.folder || '.', ...differing }] })}`;
}
