// The real Docker Compose, from Debian 13's package: pinned, checked and kept as the packages of stand-ins are, never installed.
import { join } from 'node:path';
import { $, type ProcessOutput } from 'zx';
import type { DebianPin } from '../../../engine/images/assembled/lock-file.ts';
import { debianProgram, ofThisProcessor } from '../packages.ts';
import { ROOT, temporaryFolder } from '../support.ts';

const PIN = { name: 'docker-compose', version: '2.26.1-4', archive: 'debian' } as const;
const PINS: Readonly<Record<string, DebianPin>> = {
  x64: {
    ...PIN,
    architecture: 'amd64',
    path: 'pool/main/d/docker-compose/docker-compose_2.26.1-4_amd64.deb',
    size: 12_965_524,
    sha256: '47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea',
  },
  arm64: {
    ...PIN,
    architecture: 'arm64',
    path: 'pool/main/d/docker-compose/docker-compose_2.26.1-4_arm64.deb',
    size: 11_079_884,
    sha256: 'bbafaa666f3e7fa00ad36f2a8bab889f1c791ca8743d674e7267a3d07203869c',
  },
};

/** Runs `docker compose ARGS` on the shipped file, which needs no Docker Engine for `config`. Never reads `.env`. */
export async function compose(): Promise<(args: string[], env?: Record<string, string>) => Promise<ProcessOutput>> {
  const program = await composeProgram(await temporaryFolder('compose'));
  const fixed = ['--env-file', '/dev/null', '--file', join(ROOT, 'docker-compose.yml')];
  const { PATH = '', HOME = '' } = process.env;
  return async (args, env = {}) =>
    await $({ env: { PATH, HOME, ...env }, nothrow: true, quiet: true })`${program} ${[...fixed, ...args]}`;
}

/** The program by itself, which is the Docker CLI's plugin as well. */
export const composeProgram = async (folder: string) =>
  await debianProgram(ofThisProcessor(PINS), '/cli-plugins/docker-compose', folder);
