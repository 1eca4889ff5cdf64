// Kills engines, steps and clients at random moments, on one store. After each, nothing may be left, and the next run must be right.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { makeBase } from '../system/conformance/base.ts';
import { alive, descendants, type Process, traces, until } from '../system/processes.ts';
import { environment, ROOT } from '../system/repository.ts';

const KILLS = Number(process.env.CHAOS_KILLS || 100);
const RIGHT = '1 2 3 4 mounted served';
/** A whole program takes about this long; the moment of a kill is spread over it. */
const SPAN_MS = 4000;
const VICTIMS: Readonly<Record<string, (process: Process) => boolean>> = {
  engine: ({ args }) => args.includes('launch.mjs session'),
  step: ({ args }) => /^(sh -c|sleep|wget|httpd|\/dev\/\.init)/.test(args) && !args.includes('mount -t'),
  client: ({ args }) => args.includes('chaos/program.ts'),
};

const folder = await mkdtemp(join(tmpdir(), 'drydock-chaos-'));
const cache = join(folder, 'cache');
const env = environment({
  XDG_CACHE_HOME: cache,
  _EXPERIMENTAL_DAGGER_CLI_BIN: join(ROOT, 'pipeline/engine/bin/embedded-engine'),
});
const program = fileURLToPath(new URL('program.ts', import.meta.url));
const wrong: string[] = [];
const killed = new Map<string, number>();
let right = 0;

const args = (archive: string, round: string) => ['--import', 'tsx', program, archive, round];

async function kill(archive: string, victim: string): Promise<void> {
  const child = spawn(process.execPath, args(archive, String(Math.random())), { cwd: ROOT, env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const own: Process[] = descendants(process.pid).filter(({ pid }) => pid === child.pid);
  const deadline = Date.now() + Math.random() * SPAN_MS;
  // Looked for from the moment on, until it is there or the program has ended by itself.
  await until(() => Date.now() >= deadline, 'the moment');
  const isMine = VICTIMS[victim] ?? (() => false);
  let target: Process | undefined;
  while (target === undefined && child.exitCode === null && child.signalCode === null) {
    target = [...own, ...descendants(child.pid ?? 0)].find(isMine);
    if (target === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const family = [...own, ...descendants(child.pid ?? 0)];
  if (target !== undefined) {
    process.kill(target.pid, 'SIGKILL');
    killed.set(victim, (killed.get(victim) ?? 0) + 1);
  }
  await ended;
  await until(() => alive(family).length === 0, 'all processes are gone');
}

/** A whole program, with another round each time, so that its steps run. */
async function check(archive: string, round: string): Promise<void> {
  const ran = await $({ cwd: ROOT, env, nothrow: true, quiet: true })`${process.execPath} ${args(archive, round)}`;
  if (ran.exitCode === 0 && ran.stdout.trim() === RIGHT) right += 1;
  else wrong.push(`round ${round}: exit ${ran.exitCode}, ${JSON.stringify(ran.stdout)}, ${ran.stderr.slice(-500)}`);
}

try {
  mkdirSync(cache, { recursive: true });
  const archive = await makeBase(folder);
  const before = JSON.stringify(traces());
  await check(archive, 'before');
  const victims = Object.keys(VICTIMS);
  let marks = 0;
  for (let round = 0; round < KILLS; round += 1) {
    await kill(archive, victims[round % victims.length] ?? 'engine');
    if (JSON.stringify(traces()) !== before) marks += 1;
    if (round % 10 === 9) await check(archive, `after ${round + 1}`);
  }
  await check(archive, 'last');
  const store = join(
    cache,
    'drydock',
    readdirSync(join(cache, 'drydock')).find((name) => name.startsWith('store-')) ?? '',
  );
  const left = ['tmp', 'leases'].flatMap((name) =>
    existsSync(join(store, name)) ? readdirSync(join(store, name)) : [],
  );
  const kinds = [...killed].map(([victim, count]) => `${victim} ${count}`).join(', ');
  const total = [...killed.values()].reduce((sum, count) => sum + count, 0);
  console.log(`${total} kills at random moments (${kinds}) in ${KILLS} rounds`);
  console.log(`${right} of ${right + wrong.length} runs in between and after were right`);
  console.log(
    `mounts or interfaces left after a round: ${marks}; temporary folders or leases left at the end: ${left.length}`,
  );
  for (const line of wrong) console.log(line);
  process.exitCode = wrong.length + marks + left.length === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
