// Capsules where nothing is: an environment whose caches are empty, and that a replay leaves as empty as it was.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { $ } from 'zx';
import type { Ending } from '../../src/core/capsule/compare.ts';
import { command, type Environment, environment, type Ran, temporaryFolder } from './support.ts';

type Place = {
  env?: Environment;
  /** A command that runs it. */
  within?: readonly string[];
  /** What it may leave in the caches. */
  leaves?: RegExp;
};

/** A function that takes no engine, in an environment whose caches are empty. */
export async function offline(repository: string, args: readonly string[], place: Place = {}): Promise<Ran> {
  const { env: more = {}, within = [], leaves } = place;
  const cache = await temporaryFolder('replayed');
  const [node, rest] = command(args);
  const [program, ...words] = [...within, node, ...rest];
  const env = environment({ ...more, XDG_CACHE_HOME: cache });
  const ran = await $({ cwd: repository, env, nothrow: true, quiet: true })`${program} ${words}`;
  // The command line itself, bundled, is there for the next one.
  const isExpected = (path: string) => path.startsWith('drydock/bundles') || leaves?.test(path);
  const left = (await readdir(cache, { recursive: true })).filter((path) => !isExpected(path));
  expect(left, 'nothing is left').toEqual(['drydock', 'drydock/.gitignore']);
  return { exitCode: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr, output: join(repository, 'out/replay') };
}

export async function endingsOf(
  repository: string,
  args: readonly string[],
): Promise<{ exitCode: number | null; endings: Ending[] }> {
  const from = performance.now();
  const ran = await offline(repository, ['replay', ...args, '--json']);
  process.stdout.write(`replayed in ${((performance.now() - from) / 1000).toFixed(1)} s\n`);
  expect(ran.stdout, ran.stderr).toMatch(/^\{/);
  return { exitCode: ran.exitCode, ...(JSON.parse(ran.stdout) as { endings: Ending[] }) };
}
