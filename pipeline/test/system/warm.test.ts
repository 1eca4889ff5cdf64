import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { putGreeter } from './greeter.ts';
import { ci, coldCache, command, copyOfRepository, environment } from './support.ts';

let repository: string;
beforeAll(async () => {
  repository = await copyOfRepository('warmed');
  await putGreeter(repository);
});

/** In a namespace that has no way out. */
async function withoutNetwork(args: readonly string[], env: Readonly<Record<string, string>>) {
  const [program, words] = command([...args, '--offline']);
  const options = { cwd: repository, env: environment(env), nothrow: true, quiet: true };
  return await $(options)`pipeline/engine/bin/without-network ${program} ${words}`;
}

test('after warm, stages run with the network off', { timeout: 900_000 }, async () => {
  const env = await coldCache();
  const cold = await withoutNetwork(['lint'], { XDG_CACHE_HOME: join(env.XDG_CACHE_HOME, 'empty') });
  expect(cold.exitCode).toBe(3);
  expect(cold.stderr + cold.stdout).toMatch(/^hint: fetch it where there is a network: npx tsx pipeline\/ci\.ts warm/m);

  const warmed = await ci(repository, ['warm'], env);
  const rows = warmed.stdout.split('\n').filter((line) => line !== '');
  for (const needed of ['image node', 'image runtime', 'packages: root', 'packages: service', 'packages: production'])
    expect(rows, warmed.stderr).toContainEqual(expect.stringMatching(`^ok +${needed}`));
  expect(warmed.exitCode).toBe(rows.some((row) => row.startsWith('MISSING')) ? 3 : 0);

  for (const name of ['test', 'sbom']) {
    const run = await withoutNetwork([name], env);
    expect(run.exitCode, run.stdout + run.stderr).toBe(0);
  }
});
