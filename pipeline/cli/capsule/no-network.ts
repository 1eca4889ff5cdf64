// Runs this program once more where there is no network: in a namespace that has a loopback interface and nothing else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { PipelineError } from '../../src/core/errors.ts';
import { EMBEDDED_ENGINE, withOurNode } from '../engine.ts';
import { inFolder } from './folder.ts';
import { givenTools } from './tools.ts';

const WITHOUT_NETWORK = join(dirname(EMBEDDED_ENGINE), 'without-network');

/** Set for the program in there. */
const INSIDE = 'DRYDOCK_WITHOUT_NETWORK';

/** A pipe from the program outside, which ends when that does, however it does. */
const LIFELINE = 3;

/** Whether this is the program in there. It then ends with the one outside. */
export function isWithoutNetwork(): boolean {
  if (process.env[INSIDE] !== '1') return false;
  const lifeline = new Socket({ fd: LIFELINE, readable: true, writable: false });
  lifeline.on('end', () => process.kill(process.pid, 'SIGTERM')).on('error', () => {});
  lifeline.resume();
  lifeline.unref();
  return true;
}

/** The same command line, in there, with what the engine needs of a capsule. Returns its exit code; it is told of signals, and ends before we do. */
export async function runWithoutNetwork(capsule: string): Promise<number> {
  if (process.platform !== 'linux')
    throw new PipelineError('NO_ENGINE', 'a capsule is replayed on Linux only', 'use a Linux machine, or WSL2');
  return await inFolder(async (folder) => await spawnInside(await givenTools(capsule, folder)));
}

async function spawnInside(env: Readonly<Record<string, string>>): Promise<number> {
  const [script = '', ...args] = process.argv.slice(1);
  const child = spawn(WITHOUT_NETWORK, [process.execPath, ...process.execArgv, script, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...withOurNode(process.env), ...env, [INSIDE]: '1' },
  });
  // From a terminal it gets them, too; a signal that comes twice is taken once.
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
  const [code] = (await Promise.race([
    once(child, 'close'),
    once(child, 'error').then(([error]) => Promise.reject(error)),
  ])) as [number | null];
  return code ?? 1;
}
