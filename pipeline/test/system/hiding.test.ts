// Secrets that a step of a stage has, its proxy's password among them, and writes wherever its results are read from: none is in what is kept.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { RunContext } from '../../src/stages/context.ts';
import { type Ran, runStep, stepFolder } from '../../src/stages/step.ts';
import { sdkSession } from './sdk-session.ts';
import { placesThatHold } from './search.ts';

/** A well-known password, and all characters that RFC 3986 lets stand in one as they are, but the colon. */
const PASSWORD = ['Tr0ub4dor', "-._~!$&'()*+,;="].join('3');
/** What a shell, `sed` and `grep` would read as something else. */
const SECRET = ['corr$ct', 'h*rse', 'b.t/ery', '[st^ple]', '\\1&'].join(' ');
const PROXY = `http://ci:${PASSWORD}@proxy.example:3128`;
const t = sdkSession({ HTTPS_PROXY: PROXY, http_proxy: PROXY });

let ran: Ran;
let exported: string;
const told: unknown[] = [];
const logs: RunContext['logs'] = new Map();

beforeAll(async () => {
  const context = { emit: (event: unknown) => told.push(event), logs, startedMs: 0 } as unknown as RunContext;
  const folder = stepFolder('leaks');
  const script = `env; env >&2; mkdir ${folder}/reports; env >"${folder}/reports/junit xml"; echo "$COSIGN_PASSWORD" >${folder}/own; ln -s own ${folder}/link`;
  ran = await runStep(context, {
    stage: 'sign',
    step: 'leaks',
    container: t.base().withSecretVariable('COSIGN_PASSWORD', t.dag.setSecret('password', SECRET)),
    secretVariables: ['COSIGN_PASSWORD', 'NOT_SET'],
    args: ['sh', '-c', script],
  });
  exported = join(t.tmp, 'exported');
  await mkdir(exported);
  await ran.container.directory(folder).export(exported);
  told.push(ran.log, await ran.container.stdout());
});

test('the step had them, and the rest of what it said is there', async () => {
  expect(ran.result.exitCode).toBe(0);
  expect(ran.log).toContain('HTTPS_PROXY=http://ci:***@proxy.example:3128\n');
  expect(ran.log).toContain('COSIGN_PASSWORD=***\n');
  expect(await ran.container.file(`${stepFolder('leaks')}/own`).contents()).toBe('***\n');
});

for (const [name, secret] of Object.entries({ 'the password of the proxy': PASSWORD, 'the secret': SECRET })) {
  test(`${name} is in no log, event or result`, () =>
    expect(JSON.stringify([told, [...logs]])).not.toContain(JSON.stringify(secret).slice(1, -1)));

  test(`${name} is in no file that is exported`, async () =>
    expect(await placesThatHold(secret, [exported])).toEqual([]));

  test(`${name} is in no key, record or layer of the store`, async () =>
    expect(await placesThatHold(secret, [join(t.tmp, 'cache')])).toEqual([]));
}
