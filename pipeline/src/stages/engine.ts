// Small questions to the engine, with the answers that stages need: absent files, and errors in our own words.
import type { File } from '@dagger.io/dagger';
import { readEngineError } from '../core/engine-errors.ts';
import { type ErrorCode, PipelineError, reasonOf } from '../core/errors.ts';

/** Names, not classes: the module's bundle does not export them all. */
const ENGINE_ERRORS = new Set([
  'ExecError',
  'GraphQLRequestError',
  'UnknownDaggerError',
  'NotAwaitedRequestError',
  'EngineSessionError',
  'TooManyNestedObjectsError',
]);

/** The text of a file; null where there is none. */
export async function contentsIfAny(file: File): Promise<string | null> {
  try {
    return await file.contents();
  } catch (error) {
    if (/no such file|not found|does not exist|not exist/i.test(reasonOf(error))) return null;
    throw error;
  }
}

/** An error of the engine as one of ours; one of ours as it is; undefined for anything else, which is a bug. */
export function asPipelineError(error: unknown): PipelineError | undefined {
  if (error instanceof PipelineError) return error;
  if (error instanceof Error && ENGINE_ERRORS.has(error.name))
    return readEngineError(reasonOf(error), hintOf(error), error);
  return undefined;
}

/** Images and data that this place does not have: the stage that needs them is not evaluated. All else is a fault. */
const NOT_TO_BE_HAD: readonly ErrorCode[] = ['MISSING_IMAGE', 'RATE_LIMITED', 'UNAUTHORIZED', 'OFFLINE'];

/** Why something cannot be had here; undefined where the error says something else. */
export function notToBeHad(error: unknown): string | undefined {
  const known = asPipelineError(error);
  return known !== undefined && NOT_TO_BE_HAD.includes(known.code) ? known.message : undefined;
}

/** What the embedded engine advises. */
function hintOf(error: Error): string | undefined {
  const { extensions } = error as { extensions?: { hint?: unknown } };
  return typeof extensions?.hint === 'string' ? extensions.hint : undefined;
}
