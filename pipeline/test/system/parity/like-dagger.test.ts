// The stages where steps and their keys are as a Dagger Engine has them: the same image, and what an edit concerns is all that runs again.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { makeBase } from '../conformance/base.ts';
import { openSession, sh } from '../engine-session.ts';
import { ci, copyOfRepository, edit, ROOT, resultOf, temporaryFolder } from '../support.ts';

const LIKE_DAGGER = { DRYDOCK_LIKE_DAGGER: '1' };
const RUN = ['ci', '--vuln-db', join(ROOT, 'pipeline/test/fixtures/vuln-db')];

let repository: string;
beforeAll(async () => {
  repository = await copyOfRepository('like-dagger');
});

/** By stage and step, whether it was found to have run before. */
const cached = (run: { output: string }) =>
  Object.fromEntries(
    resultOf(run).stages.flatMap(({ name, steps }) => steps.map((step) => [`${name}: ${step.name}`, step.cached])),
  );

test('all stages hold, and make the image that they make elsewhere', async () => {
  const run = await ci(repository, RUN, LIKE_DAGGER);
  expect(run.exitCode, run.stdout).toBe(0);
  const { image } = resultOf(run);
  const elsewhere = await ci(repository, ['build']);
  expect(image?.digest).toBe(resultOf(elsewhere).image?.digest);
});

test('what did not change is not done again', async () => {
  const run = await ci(repository, RUN, LIKE_DAGGER);
  expect(Object.entries(cached(run)).filter(([, isCached]) => !isCached)).toEqual([]);
});

test('an edit of the service runs its suite, and not the pipeline’s', async () => {
  // One that no run before this can have had.
  await edit(repository, 'service/src/about.ts', (text) => `${text}// ${randomUUID()}\n`);
  const again = cached(await ci(repository, RUN, LIKE_DAGGER));
  expect(again).toMatchObject({ 'test: pipeline': true, 'test: service': false });
});

test('a step sees what a Dagger Engine gives it, and is known by how its container was made', async () => {
  const session = await openSession({ ...LIKE_DAGGER, XDG_CACHE_HOME: await temporaryFolder('like-dagger-cache') });
  try {
    const ask = await session.from(await makeBase(await temporaryFolder('like-dagger-base')));
    const seen = await ask(sh('env | cut -d = -f 1 | sort | tr "\\n" " "'));
    expect(seen).toMatch(/\bBAGGAGE\b.*\bOTEL_EXPORTER_OTLP_ENDPOINT\b.*\bTRACEPARENT\b/);
    expect(seen).not.toContain('NODE_EXTRA_CA_CERTS');

    const random = 'cat /proc/sys/kernel/random/uuid';
    const onFolder = (fields: string) => `withNewFile(path: "/d/kept", contents: "") { ${fields} }`;
    // The same content, come about in two ways, one of which a Dagger Engine knows by its content.
    const gone = `withNewFile(path: "/d/gone", contents: "") { withoutFile(path: "/d/gone") { ${sh(random)} } }`;
    expect(await ask(onFolder(gone))).not.toBe(await ask(onFolder(sh(random))));
    expect(await ask(onFolder(sh(random)))).toBe(await ask(onFolder(sh(random))));
  } finally {
    await session.close();
  }
});
