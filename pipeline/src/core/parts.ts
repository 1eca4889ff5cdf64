// The services of a run of several, as people and files name them.
import type { PartResult, RunResult } from './model.ts';

/** What has an image of its own: each service of a run of several, else the run itself. */
export function partsOf<T extends Pick<RunResult, 'parts'>>(run: T): (Omit<T, 'parts'> | PartResult)[] {
  return run.parts ?? [run];
}

/** `of api`, where there are others. */
export const phrasePart = (part: object): string => ('name' in part ? ` of ${part.name}` : '');

/** A service's own suite or step has its name already. */
export const inPart = (part: string, name: string): string => (name === part ? name : `${part}/${name}`);
