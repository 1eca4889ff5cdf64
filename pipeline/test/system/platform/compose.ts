// The real Docker Compose, from Debian 13's package: pinned, checked and kept as the packages of substitutes are, never installed.
import { join } from 'node:path';
import { $, type ProcessOutput } from 'zx';
import { debianProgram, PROGRAMS } from '../packages.ts';
import { ROOT } from '../support.ts';

/** Runs `docker compose ARGS` on the shipped file, which needs no Docker Engine for `config`. Never reads `.env`. */
export async function compose(): Promise<(args: string[], env?: Record<string, string>) => Promise<ProcessOutput>> {
  const program = await composeProgram();
  const fixed = ['--env-file', '/dev/null', '--file', join(ROOT, 'docker-compose.yml')];
  const { PATH = '', HOME = '' } = process.env;
  return async (args, env = {}) =>
    await $({ env: { PATH, HOME, ...env }, nothrow: true, quiet: true })`${program} ${[...fixed, ...args]}`;
}

/** The program by itself, which is the Docker CLI's plugin as well. */
export const composeProgram = () => debianProgram(PROGRAMS, 'docker-compose');
