// What a person waits for at the command line where nothing changed, in wall and CPU time, and how that grows with files, steps and the store.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Store } from '../engine/store/store.ts';
import { makeBase } from '../test/system/conformance/base.ts';
import { openSession } from '../test/system/engine-session.ts';
import { commitAll, copyInto, copyPackages, environment } from '../test/system/repository.ts';
import { costOfProcess, median } from './cost.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS || 5);
const sizes = (name: string, usual: string) => (process.env[name] ?? usual).split(',').filter(Boolean).map(Number);
const FILES = sizes('BENCH_FILES', '1000,10000,50000');
const STEPS = sizes('BENCH_STEPS', '10,100,1000');
const STORE_GB = sizes('BENCH_STORE_GB', '0.1,1,20');

const folder = await mkdtemp(join(tmpdir(), 'drydock-bench-cli-'));
const repository = join(folder, 'repository');
const cache = join(folder, 'cache');
const STORE = join(cache, 'drydock/store-v2');
// More than any size that is tried: nothing is evicted.
const env = environment({ XDG_CACHE_HOME: cache, DRYDOCK_STORE_BUDGET: '100GB' });

/** `cpu` where a process of its own can be counted. */
type Cost = { wall: number; cpu?: number };
const costOf = (words: readonly string[]) => costOfProcess(words, { cwd: repository, env });

/** Once unmeasured, so that bundles, compiled code and results are there; then the medians. */
async function costInRounds(words: readonly string[]): Promise<Required<Cost>> {
  const costs: Required<Cost>[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) costs.push(await costOf(words));
  const measured = costs.slice(1);
  return { wall: median(measured.map(({ wall }) => wall)), cpu: median(measured.map(({ cpu }) => cpu)) };
}

const seconds = (value: number) => `${value.toFixed(2)} s`.padStart(9);

const NODE = [process.execPath, '-e', '0'];
const SDK = [process.execPath, '--input-type', 'module', '--eval', "await import('@dagger.io/dagger')"];
const direct = (...args: string[]) => [process.execPath, 'pipeline/bin/drydock.mjs', ...args];
const throughNpx = (...args: string[]) => ['npx', 'tsx', 'pipeline/ci.ts', ...args];
const EMBEDDED = ['--engine', 'embedded'];
const figures: [name: string, words: string[], aim?: string][] = [
  ['--help', direct('--help'), '0.15 s of CPU'],
  ['--version', direct('--version'), '0.15 s of CPU'],
  ['--help, npx tsx', throughNpx('--help')],
  ['doctor', direct('doctor', ...EMBEDDED), '0.5 s of CPU'],
  ['lint', direct('lint', ...EMBEDDED), '1 s'],
  ['lint, npx tsx', throughNpx('lint', ...EMBEDDED)],
  ['ci', direct('ci', ...EMBEDDED), '1.2 s, 1.5 s of CPU'],
  ['ci, npx tsx', throughNpx('ci', ...EMBEDDED)],
];

async function printFigures(): Promise<void> {
  const [node, sdk] = [await costInRounds(NODE), await costInRounds(SDK)];
  console.log(`nothing changed, medians of ${ROUNDS}; ratios of CPU to \`node -e 0\` and to importing the SDK\n`);
  console.log(
    `${'figure'.padEnd(18)}${'wall'.padStart(9)}${'CPU'.padStart(9)}${'/ node'.padStart(9)}${'/ SDK'.padStart(8)}  aim`,
  );
  const row = (name: string, { wall, cpu }: Required<Cost>, aim = '') => {
    const ratios = `${(cpu / node.cpu).toFixed(1).padStart(9)}${(cpu / sdk.cpu).toFixed(2).padStart(8)}`;
    console.log(`${name.padEnd(18)}${seconds(wall)}${seconds(cpu)}${ratios}  ${aim}`.trimEnd());
  };
  row('node -e 0', node);
  row('import of the SDK', sdk);
  for (const [name, words, aim] of figures) row(name, await costInRounds(words), aim);
}

// ---------------------------------------------------------------------------------------------------------- curves

const LINT = direct('lint', ...EMBEDDED);

async function printCurve(
  title: string,
  values: readonly number[],
  measure: (value: number) => Promise<Cost | string>,
) {
  console.log(`\n${title}`);
  for (const value of values) {
    const cost = await measure(value);
    console.log(`${String(value).padStart(8)}  ${typeof cost === 'string' ? `skipped: ${cost}` : phrase(cost)}`);
  }
}

const phrase = ({ wall, cpu }: Cost) => seconds(wall) + (cpu === undefined ? '' : `${seconds(cpu)} of CPU`);

/** So many more files in the repository, of 4 kB each. */
async function withFiles(count: number): Promise<Cost> {
  const more = join(repository, 'files');
  rmSync(more, { recursive: true, force: true });
  for (let index = 0; index < count; index += 1) {
    if (index % 100 === 0) mkdirSync(join(more, String(index / 100)), { recursive: true });
    writeFileSync(join(more, String(Math.floor(index / 100)), `${index}.txt`), `${index}\n`.padEnd(4096, 'x'));
  }
  await commitAll(repository, `${count} files`);
  return await costInRounds(LINT);
}

/** So many steps that are cached, in chains of at most 50, in a session of their own. */
async function withSteps(count: number, base: string): Promise<Cost> {
  const lengths = Array.from({ length: Math.ceil(count / 50) }, (_, index) => Math.min(50, count - index * 50));
  const chains = lengths.map((length, chain) => {
    const steps = Array.from({ length }, (_, step) => `withExec(args: ["sh", "-c", "echo ${chain} ${step} > /step"])`);
    return [...steps, 'sync'].reduceRight((inner, step) => `${step} { ${inner} }`);
  });
  const run = async (): Promise<Cost> => {
    const from = performance.now();
    const session = await openSession(env as Record<string, string>);
    const ask = await session.from(base);
    await Promise.all(chains.map(ask));
    await session.close();
    return { wall: (performance.now() - from) / 1000 };
  };
  await run();
  const costs = [await run(), await run(), await run()];
  return { wall: median(costs.map(({ wall }) => wall)) };
}

const LAYER_BYTES = 10_000_000;
let filled = 0;

/** The store with as much as that in it, in layers that nothing uses; looked through at the end of each run, as once an hour. */
async function withStore(gigabytes: number): Promise<Cost | string> {
  const { bavail, bsize } = statfsSync(cache);
  if (bavail * bsize < gigabytes * 1e9 * 1.1) return 'the disk has no room';
  const store = new Store(STORE, { budget: '100GB' });
  for (; filled < (gigabytes * 1e9) / LAYER_BYTES; filled += 1) {
    const layer = store.scratchFolder('layer');
    mkdirSync(join(layer, 'fs'));
    execFileSync('fallocate', ['--length', String(LAYER_BYTES), join(layer, 'fs/filler')]);
    await store.commitLayer(`filler-${filled}`, layer);
  }
  await store.close();
  const seldom = await costInRounds(LINT);
  console.log(`${String(gigabytes).padStart(8)}  ${phrase(seldom)}; and where it is looked through:`);
  rmSync(join(STORE, 'collected'));
  return await costOf(LINT);
}

try {
  mkdirSync(repository);
  mkdirSync(cache);
  await copyInto(repository);
  await copyPackages(cache);
  await printFigures();
  const base = await makeBase(folder);
  await printCurve('cached steps: a session from its start to its end', STEPS, (count) => withSteps(count, base));
  await printCurve('store, in GB: lint, nothing changed', STORE_GB, withStore);
  await printCurve('files in the repository: lint, nothing changed', FILES, withFiles);
} finally {
  // git may still be looking after its repository.
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
}
