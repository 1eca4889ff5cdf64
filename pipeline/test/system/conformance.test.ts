// The embedded engine answers the public SDK as a real Dagger Engine v0.21.8 does: every recorded case, one by one.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { cases } from './conformance/cases.ts';
import { sdkSession } from './sdk-session.ts';

const recorded = new URL('conformance/expected.json', import.meta.url);
const expected = JSON.parse(await readFile(recorded, 'utf8')) as Record<string, unknown>;
const t = sdkSession({ CONFORMANCE_SECRET: 'hunter77' });

for (const [name, run] of Object.entries(cases)) {
  test(name, async () => {
    const answer = JSON.parse(JSON.stringify((await run(t)) ?? null));
    expect(answer).toEqual(expected[name]);
  });
}

test('every recorded answer belongs to a case', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(expected).sort());
});
