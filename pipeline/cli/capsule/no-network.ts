// Runs this program once more where there is no network: in a namespace that has a loopback interface and nothing else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { PipelineError } from '../../src/core/errors.ts';
import { RIGHTS } from '../../src/core/isolation.ts';
import { refusedNamespaces } from '../isolation.ts';
import { ensureRequirements } from '../requirements.ts';
import type { Terminal } from '../terminal.ts';

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

/** The same command line, in there. Returns its exit code; it is told of signals, and ends before we do. */
export async function runWithoutNetwork(terminal: Terminal, { yes }: { yes: boolean }): Promise<number> {
  if (process.platform !== 'linux')
    throw new PipelineError('NO_ENGINE', 'a capsule is replayed on Linux only', 'use a Linux machine, or WSL2');
  const refusal = refusedNamespaces();
  if (refusal !== null)
    throw new PipelineError(
      'NO_ENGINE',
      `a capsule is replayed without a network, and this container cannot be left without: ${refusal}`,
      `replay it on another machine, or start this container with: docker run ${RIGHTS} …`,
    );
  const say = (line: string) => void terminal.err.write(`${line}\n`);
  // Afterwards nothing can be fetched any more.
  await ensureRequirements({ yes, env: process.env, canAsk: terminal.canAsk, say });
  const isRoot = process.getuid?.() === 0;
  const namespaces = isRoot ? ['--net'] : ['--user', '--map-root-user', '--map-auto', '--net'];
  const [script = '', ...args] = process.argv.slice(1);
  const program = [process.execPath, ...process.execArgv, script, ...args];
  const child = spawn('unshare', [...namespaces, '--', 'sh', '-ec', 'ip link set lo up; exec "$@"', 'sh', ...program], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: {
      ...process.env,
      PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
      [INSIDE]: '1',
      // Root of a namespace of the user's own is not root.
      ...(isRoot ? {} : { DRYDOCK_ROOTLESS: '1' }),
    },
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
