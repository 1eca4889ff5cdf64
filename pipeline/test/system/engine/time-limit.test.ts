// A step that runs longer than it may is ended with all that it started, however steps are run and whatever it does against it.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeBase } from '../conformance/base.ts';
import { CONTAINER, canRestrict } from '../container.ts';
import { type EngineSession, openSession, sh } from '../engine-session.ts';
import { descendants } from '../processes.ts';
import { temporaryFolder } from '../support.ts';
import { toolsFolder } from '../tools.ts';

/** ptrace(PTRACE_ATTACH, 1): what waits for the step is stopped, and sees no end of it. */
const ATTACH = `perl -e 'syscall(${process.arch === 'arm64' ? 117 : 101}, 16, 1, 0, 0); sleep 1'`;
const steps: [what: string, script: string][] = [
  ['sleeps', 'sleep 987654'],
  ['is deaf to signals', 'trap "" TERM INT HUP; while :; do sleep 987654; done'],
  ['leaves processes behind', 'setsid sh -c "trap : TERM; sleep 987654; sleep 987654" & setsid sleep 987654 & wait'],
  ['stops itself', 'sleep 987654 & kill -STOP $$'],
  ['traces the first process', `/tools/lib/ld.so --library-path /tools/lib /tools/bin/${ATTACH}; sleep 987654`],
];

const ways: [way: string, within: readonly string[], canRun: boolean][] = [
  ['isolated', [], true],
  ['in a container without privileges', CONTAINER, canRestrict],
];
for (const [way, within, canRun] of ways) {
  describe.skipIf(!canRun)(`steps ${way}`, () => {
    let session: EngineSession;
    let ask: (fields: string) => Promise<string>;
    beforeAll(async () => {
      const folder = await temporaryFolder('time-limit');
      const environment = { XDG_CACHE_HOME: join(folder, 'cache'), DRYDOCK_STEP_TIMEOUT: '2s' };
      session = await openSession(environment, within);
      ask = await session.from(await makeBase(folder));
    });
    afterAll(() => session.close());

    for (const [what, script] of steps) {
      test(`one that ${what} is ended`, async () => {
        const tools = await session.ask(`{ host { directory(path: ${JSON.stringify(await toolsFolder())}) { id } } }`);
        const step = `withMountedDirectory(path: "/tools", source: "${tools}") { ${sh(script)} }`;
        await expect(ask(step)).rejects.toThrow(
          /^a step ran longer than 2s and was ended: sh -c .*; give steps more time: --step-timeout 2h, or DRYDOCK_/,
        );
        expect(descendants(process.pid).filter(({ args }) => args.includes('987654'))).toEqual([]);
      });
    }

    test('others that run at the same time, and after it, have their time', async () => {
      const [slow, quick] = await Promise.allSettled([ask(sh('sleep 987654')), ask(sh('echo quick'))]);
      expect([slow.status, quick]).toEqual(['rejected', { status: 'fulfilled', value: 'quick\n' }]);
      expect(await ask(sh('echo after'))).toBe('after\n');
    });
  });
}
