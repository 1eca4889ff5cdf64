// A test of the engine is a row: a name, calls of the public SDK, and what Dagger's documentation says that they answer.
import { expect, test } from 'vitest';
import { failure } from '../sdk-session.ts';

export type Row = readonly [name: string, run: () => Promise<unknown>, expected: unknown];

export function testRows(rows: readonly Row[]): void {
  for (const [name, run, expected] of rows) test(name, async () => expect(await run()).toEqual(expected));
}

/** The name and the message of the error that a promise ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<string> {
  const { name, message } = await failure(promise);
  return `${name}: ${message}`;
}

/** A refused request whose message says `part`. */
export const refusal = (part: string) => expect.stringMatching(`^GraphQLRequestError: .*${part}`);

/** What `/proc/sys/kernel/random/uuid` says differs whenever a step runs, so equal answers mean that it ran once. */
export const UUID = ['cat', '/proc/sys/kernel/random/uuid'];
