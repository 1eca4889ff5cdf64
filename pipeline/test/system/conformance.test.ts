// The embedded engine answers the public SDK as a real Dagger Engine v0.21.8 does: every recorded case, one by one.
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as sdk from '@dagger.io/dagger';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeBase } from './conformance/base.ts';
import { cases, type Tools } from './conformance/cases.ts';
import { ROOT, temporaryFolder } from './support.ts';

const recorded = new URL('conformance/expected.json', import.meta.url);
const expected = JSON.parse(await readFile(recorded, 'utf8')) as Record<string, unknown>;

let tools: Tools;
let endSession: () => void;
let session: Promise<void>;
beforeAll(async () => {
  delete process.env.DAGGER_SESSION_PORT;
  process.env._EXPERIMENTAL_DAGGER_CLI_BIN = join(ROOT, 'pipeline/engine/bin/embedded-engine');
  process.env.CONFORMANCE_SECRET = 'hunter77'; // read by the session when it starts
  const tmp = await temporaryFolder('conformance');
  const base = await makeBase(tmp);
  const { dag } = sdk;
  tools = { dag, sdk, tmp, base: () => dag.container().import_(dag.host().file(base)), host, failure };
  // The SDK's session lasts as long as a function runs, so one runs from here to the end.
  const ended = new Promise<void>((resolve) => {
    endSession = resolve;
  });
  await new Promise<void>((resolve, reject) => {
    session = sdk.connection(async () => {
      resolve();
      await ended;
    });
    session.catch(reject);
  });
});
afterAll(async () => {
  endSession();
  await session;
});

for (const [name, run] of Object.entries(cases)) {
  test(name, async () => {
    const answer = JSON.parse(JSON.stringify((await run(tools)) ?? null));
    expect(answer).toEqual(expected[name]);
  });
}

test('every recorded answer belongs to a case', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(expected).sort());
});

async function host(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tools.tmp, 'h-'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** The error that a promise ends with, reduced to what a caller may rely on. */
async function failure(promise: Promise<unknown>): ReturnType<Tools['failure']> {
  try {
    await promise;
    return { name: 'no error', message: '' };
  } catch (error) {
    const { name, message, exitCode, stdout, stderr } = error as Error & Partial<sdk.ExecError>;
    const output = exitCode === undefined ? {} : { exitCode, stdout: String(stdout), stderr: String(stderr) };
    return { name, ...output, message: message.replace(/ \[traceparent:.*/s, '') };
  }
}
