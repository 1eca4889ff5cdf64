// Times whole runs of the pipeline on this repository: the first, a second with nothing changed, and one with a line changed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import type { StageResult } from '../src/core/model.ts';
import { ci, copyInto, copyPackages, edit, environment, resultOf } from '../test/system/repository.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS || 5);

const folder = await mkdtemp(join(tmpdir(), 'drydock-bench-'));
const repository = join(folder, 'repository');
const env = { XDG_CACHE_HOME: join(folder, 'cache') };

/** Wall time of a whole process in seconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}

/** The small database of the tests: what takes time is to read packages, not to look them up. */
const DATABASE = ['--vuln-db', 'pipeline/test/fixtures/vuln-db'];

async function run(): Promise<void> {
  const { exitCode, stdout, stderr, output } = await ci(repository, ['ci', ...DATABASE], env);
  if (exitCode !== 0) throw new Error(`the run failed:\n${stdout}${stderr}`);
  stages = resultOf({ output }).stages;
}
let stages: StageResult[] = [];
const steps = () => stages.flatMap((stage) => stage.steps);

/** The stages of the last run, in one line: they run side by side. */
function byStage(): string {
  return stages.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)} s`).join(', ');
}

/** What every run pays before any of our work: Node, tsx, and loading the SDK. */
async function start(): Promise<void> {
  const load = "await import('@dagger.io/dagger')";
  await $({ cwd: repository, env: environment() })`${process.execPath} --import tsx --input-type module --eval ${load}`;
}

async function median(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await timed(work));
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

async function changeOneLine(): Promise<void> {
  await edit(repository, 'service/src/about.ts', (text) => `${text}// ${Math.random()}\n`);
}

const line = (what: string, seconds: number, note = '') =>
  console.log(`${what.padEnd(34)} ${seconds.toFixed(2).padStart(7)} s  ${note}`.trimEnd());

try {
  await $`mkdir -p ${repository} ${env.XDG_CACHE_HOME}`;
  await copyInto(repository);
  if (process.env.BENCH_PACKAGES === 'kept') await copyPackages(env.XDG_CACHE_HOME);
  const first = await timed(run);
  line('first run, empty cache', first, byStage());
  const alone = await median(start);
  line('Node and the SDK alone', alone, `median of ${ROUNDS}`);
  const second = await median(run);
  line('nothing changed', second, `median of ${ROUNDS}; ${(second - alone).toFixed(2)} s beyond the line above`);
  console.log(`  of these: ${byStage()}`);
  if (steps().some(({ cached }) => !cached)) throw new Error('a step ran again though nothing had changed');
  await changeOneLine();
  const changed = await timed(run);
  const ran = steps().filter(({ cached }) => !cached).length;
  line('one line of the service changed', changed, `${ran} of ${steps().length} steps ran`);
  console.log(
    `ratios to the first run: nothing changed ${(second / first).toFixed(3)}, one line ${(changed / first).toFixed(3)}`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
