// The README's first command where nothing else is: whatever a machine lacks, the engine brings, and nobody is asked for anything.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { copyOfRepository, resultOf, temporaryFolder } from '../support.ts';
import { leftovers, makeBareRoot, USERS } from './root.ts';
import { SUITES } from './wants.ts';

const isRoot = process.getuid?.() === 0;
/** `npm test` has one machine do all of the README's first command; `npm run test:all` has others build the image as well. */
const isAll = process.env.TEST_ALL !== undefined;
const hasTun = existsSync('/dev/net/tun');

let checkout: string;
beforeAll(async () => {
  if (!isRoot) return;
  checkout = join(await temporaryFolder('clone'), 'drydock');
  await $`git clone --quiet ${await copyOfRepository('bare')} ${checkout}`;
});

describe.skipIf(!isRoot || !hasTun)('on a bare machine (needs root, to make one)', () => {
  for (const suite of SUITES) {
    for (const user of USERS) {
      const isReadmes = suite === 'bookworm' && user === 'someone';
      test.runIf(isReadmes || isAll)(
        `${suite}, ${user}: npm ci, and the pipeline${isReadmes ? '' : ' (in test:all)'}`,
        { timeout: 900_000 },
        async () => {
          const { run, checkout: there } = await makeBareRoot(suite, user, checkout);
          // The others need less time to show that another machine is as good.
          const asked = isReadmes ? 'ci' : 'build';
          const { exitCode, output } = await run(`npm ci && npx tsx pipeline/ci.ts ${asked}`);
          expect(exitCode, output).toBe(0);
          expect(output).toContain('engine: embedded');
          const result = resultOf({ output: join(there, 'out') });
          expect(result.stages.filter(({ status }) => status === 'failed')).toEqual([]);
          digests.add(result.image?.digest ?? `none on ${suite} by ${user}`);
          expect(leftovers()).toEqual([]);
        },
      );
    }
  }

  const digests = new Set<string>();
  test.runIf(isAll)('all made the same image (in test:all)', () =>
    expect([...digests]).toEqual([expect.stringMatching(/^sha256:/)]),
  );
});
