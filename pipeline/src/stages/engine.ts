// Small questions to the engine, with the answers that stages need: absent files, and errors in our own words.
import type { Client, Directory } from '@dagger.io/dagger';
import { type EngineSays, readEngineError } from '../core/engine-errors.ts';
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

type Place = Pick<Directory, 'exists' | 'file'>;
const texts = new WeakMap<Place, Map<string, Promise<string | null>>>();

/** The text of a file in a folder or container, asked for once; null where there is none. */
export async function contentsIfAny(place: Place, path: string): Promise<string | null> {
  const known = texts.get(place) ?? new Map<string, Promise<string | null>>();
  texts.set(place, known);
  const text = known.get(path) ?? read(place, path);
  known.set(path, text);
  return await text;
}

async function read(place: Place, path: string): Promise<string | null> {
  return (await place.exists(path)) ? await place.file(path).contents() : null;
}

type Requests = { request: (document: string) => Promise<unknown> };
const ENDS_IN_ID = /\bid[\s}]*$/;

/** The SDK asks for the id of an object at each use of it as an argument. In a session it stays, so that once is enough. */
export function askIdsOnce(client: Client): void {
  const { _ctx: context } = client as unknown as { _ctx: { getGQLClient(): Requests } };
  const requests = context.getGQLClient();
  if (Object.hasOwn(requests, 'request')) return;
  const request = requests.request.bind(requests);
  const ids = new Map<string, Promise<unknown>>();
  requests.request = (document) => {
    if (!ENDS_IN_ID.test(document)) return request(document);
    const id = ids.get(document) ?? request(document);
    ids.set(document, id);
    return id;
  };
}

/** The SDK says of many a fault only that it does not know it, or guesses; what happened stands in its cause. */
const GUESSES = new Set(['UnknownDaggerError', 'NotAwaitedRequestError']);
export const causeOf = (error: unknown): unknown =>
  error instanceof Error && GUESSES.has(error.name) && error.cause !== undefined ? causeOf(error.cause) : error;

/** An error of the engine as one of ours; one of ours as it is; undefined for anything else, which is a bug. */
export function asPipelineError(error: unknown): PipelineError | undefined {
  if (error instanceof PipelineError) return error;
  if (error instanceof Error && ENGINE_ERRORS.has(error.name))
    return readEngineError(reasonOf(causeOf(error)), saidBy(error), error);
  return undefined;
}

/** Images and data that this place does not have: the stage that needs them is not evaluated. All else is a fault. */
const NOT_TO_BE_HAD: readonly ErrorCode[] = ['MISSING_IMAGE', 'RATE_LIMITED', 'UNAUTHORIZED', 'OFFLINE'];

/** Why something cannot be had here; undefined where the error says something else. */
export function notToBeHad(error: unknown): string | undefined {
  const known = asPipelineError(error);
  return known !== undefined && NOT_TO_BE_HAD.includes(known.code) ? known.message : undefined;
}

/** What the embedded engine says of its errors; a Dagger Engine has nothing but a message. */
function saidBy(error: Error): EngineSays | undefined {
  const { code, hint } = (error as { extensions?: { code?: unknown; hint?: unknown } }).extensions ?? {};
  return typeof code === 'string' ? { code, ...(typeof hint === 'string' ? { hint } : {}) } : undefined;
}
