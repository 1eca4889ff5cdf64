// `kill -9` of an engine, a step or a client, at a random moment of a program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { alive, descendants, type Process, until } from '../system/processes.ts';
import { ROOT } from '../system/repository.ts';
import type { Scene } from './scene.ts';

/** A whole program takes about this long; the moment of a kill is spread over it. */
const SPAN_MS = 4000;

const VICTIMS = {
  engine: ({ args }: Process) => args.includes('launch.mjs session'),
  step: ({ args }: Process) => /^(sh -c|sleep|wget|httpd|\/dev\/\.init)/.test(args) && !args.includes('mount -t'),
  client: ({ args }: Process) => args.includes('chaos/program.ts'),
};

export type Victim = keyof typeof VICTIMS;
export const VICTIM_NAMES = Object.keys(VICTIMS) as Victim[];

/** Whether there was still one to kill. Resolves when no process of the program is left. */
export async function kill(scene: Scene, victim: Victim): Promise<boolean> {
  const [program, args] = scene.command(String(Math.random()));
  const child = spawn(program, args, { cwd: ROOT, env: scene.env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const own = descendants(process.pid).filter(({ pid }) => pid === child.pid);
  const family = () => [...own, ...descendants(child.pid ?? 0)];
  const deadline = Date.now() + Math.random() * SPAN_MS;
  await until(() => Date.now() >= deadline, 'the moment');
  // Looked for from the moment on, until it is there or the program has ended by itself.
  let target: Process | undefined;
  while (target === undefined && child.exitCode === null && child.signalCode === null) {
    target = family().find(VICTIMS[victim]);
    if (target === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const all = family();
  const wasThere = target !== undefined && killed(target.pid);
  await ended;
  await until(() => alive(all).length === 0, 'all processes are gone');
  return wasThere;
}

/** False for a process that ended in this very moment. */
function killed(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
