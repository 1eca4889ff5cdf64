// A step that takes more than it may: stopped by its control group, while others go on. Where there is none, that is said once.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeBase } from '../conformance/base.ts';
import { openSession, sh as shell } from '../engine-session.ts';
import { descendants } from '../processes.ts';
import { failure, sdkSession, sh } from '../sdk-session.ts';
import { temporaryFolder } from '../support.ts';

const isRoot = process.getuid?.() === 0;
const PROCESSES = 60;
const { base } = sdkSession({ DRYDOCK_STEP_PROCESSES: String(PROCESSES), DRYDOCK_STEP_MEMORY: '100MB' });

test.runIf(isRoot)('a step has as many processes as it may, and not one more (control groups need root)', async () => {
  const { stderr, stdout } = await failure(
    base().withExec(sh('i=0; while :; do sleep 60 & i=$((i + 1)); echo $i; done')).sync(),
  );
  const started = Number(stdout?.trim().split('\n').at(-1));
  expect(stderr).toContain("can't fork");
  // What reaps, the shell itself and whatever the runtime has in the group count, too.
  expect(started).toBeLessThan(PROCESSES);
  expect(started).toBeGreaterThan(PROCESSES - 20);
});

test.runIf(isRoot)(
  'a fork bomb ends with its step, and another step runs beside it (control groups need root)',
  async () => {
    const bomb = base().withExec(sh('bomb() { bomb | bomb & }; bomb; sleep 2; echo over'));
    const beside = base().withExec(sh('for i in 1 2 3 4 5; do (sleep 0.2; echo $i) & done; wait'));
    const [bombed, answer] = await Promise.all([bomb.stdout().catch((error: Error) => error.name), beside.stdout()]);
    expect(answer.split('\n').sort().join('')).toBe('12345');
    expect(['over\n', 'ExecError']).toContain(bombed);
    expect(descendants(process.pid).filter(({ args }) => args.includes('bomb()'))).toEqual([]);
  },
);

test.runIf(isRoot)('a step that wants more memory than it may have is killed (control groups need root)', async () => {
  // Each doubling is of a variable of the shell's own.
  const hog = 'x=0123456789abcdef; size=16; while :; do x=$x$x; size=$((size * 2)); echo $size; done';
  const { name, exitCode, stdout } = await failure(base().withExec(sh(hog)).sync());
  expect([name, exitCode]).toEqual(['ExecError', 137]);
  expect(Number(stdout?.trim().split('\n').at(-1))).toBeLessThan(100e6);
  expect(await base().withExec(sh('echo alive')).stdout()).toBe('alive\n');
});

test('when memory runs out, the kernel takes a step before the engine', async () => {
  const score = await base().withExec(['cat', '/proc/self/oom_score_adj']).stdout();
  expect(Number(score)).toBeGreaterThanOrEqual(500);
});

test(`what cannot be limited here is said ${isRoot ? 'nowhere, since all can be' : 'once, not with every step'}`, async () => {
  const folder = await temporaryFolder('limits');
  const session = await openSession({ XDG_CACHE_HOME: folder });
  const ask = await session.from(await makeBase(folder));
  for (const text of ['1', '2', '3']) await ask(shell(`echo ${text}`));
  await session.close();
  expect(session.said().match(/cannot be limited/g)?.length ?? 0).toBe(isRoot ? 0 : 1);
});

test('what a step leaves on disk goes, however deep and however full of holes it is', async () => {
  const folder = await temporaryFolder('deep');
  const session = await openSession({ XDG_CACHE_HOME: folder, DRYDOCK_STORE_BUDGET: '100MB' });
  const ask = await session.from(await makeBase(folder));
  const deep = 'n=$(printf %0200d 0); i=0; while [ $((i += 1)) -lt 60 ]; do mkdir $n; cd $n || break; done; true';
  await expect(ask(shell(deep))).rejects.toThrow(/left folders so deep in each other/);
  await expect(ask(shell('dd if=/dev/null of=/large bs=1 seek=1000000000000'))).rejects.toThrow(
    /^what a step left is larger than 400(\.0)? MB, its holes counted; if that is meant, set DRYDOCK_STORE_BUDGET to more$/,
  );
  expect(await ask(shell('echo after'))).toBe('after\n');
  await session.close();
  const [store = ''] = readdirSync(join(folder, 'drydock')).filter((name) => name.startsWith('store-'));
  expect(readdirSync(join(folder, 'drydock', store, 'tmp'))).toEqual([]);
});
