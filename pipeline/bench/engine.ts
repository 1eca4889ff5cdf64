// Measures the embedded engine against what a real Dagger Engine v0.21.8 takes on a like machine (2 cores). Prints medians.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, type Container, connection, dag } from '@dagger.io/dagger';
import { contentOf, stateOf } from '../engine/store/contents.ts';
import { makeBase } from '../test/system/conformance/base.ts';
import { ROOT } from '../test/system/repository.ts';
import { withInstantAnswers } from './round-trip.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS || 7);
/**
 * How often what takes a few milliseconds is asked, the first half unmeasured: most of it is the SDK's own work, which costs a multiple
 * until Node has compiled it.
 */
const CALLS = 200;
const ENGINE = join(ROOT, 'pipeline/engine/bin/embedded-engine');
const MOST_MIB = 250;

/** What a real engine takes, in milliseconds; measured once, elsewhere, with these same programs. */
const REAL = {
  'session to first answer': 393,
  'exec of true, new': 82,
  'exec of true, cached': 4.5,
  'chain of 60 execs': 4300,
  '8 execs of sleep 0.5 side by side': 791,
  'digest of 5,000 files, new': 723,
  'digest of 5,000 files, again': 118,
  'digest of 5,000 files, one changed': 470,
  '5,000 files into an exec': 389,
  '5,000 files exported': 329,
  '200 MB file made, its size read': 367,
  'archive of a small change exported': 56,
  'service: start, health, one request': 281,
  'exec with a cache volume': 78,
} as const;
type Figure = keyof typeof REAL;

const folder = await mkdtemp(join(tmpdir(), 'drydock-bench-engine-'));
process.env.XDG_CACHE_HOME = join(folder, 'cache');
const times = new Map<Figure, number[]>();
let roundTrip = Number.NaN;

async function measure(
  figure: Figure,
  work: (round: number) => Promise<unknown>,
  prepare?: () => Promise<unknown>,
): Promise<void> {
  for (let round = 0; round <= ROUNDS; round += 1) {
    await prepare?.();
    const from = performance.now();
    await work(round);
    // The first is a warm-up.
    if (round > 0) times.set(figure, [...(times.get(figure) ?? []), performance.now() - from]);
  }
}

/** The same for calls that take a few milliseconds; `alike`, asked in turn with them, tells what of that is the SDK's. */
async function measureCalls(
  figure: Figure,
  call: () => Promise<unknown>,
  alike: () => Promise<unknown>,
): Promise<void> {
  const timed = async (work: () => Promise<unknown>) => {
    const from = performance.now();
    await work();
    return performance.now() - from;
  };
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let count = 0; count < CALLS; count += 1) {
    ours.push(await timed(call));
    theirs.push(await timed(alike));
  }
  times.set(figure, ours.slice(CALLS / 2));
  roundTrip = median(theirs.slice(CALLS / 2));
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** A session of its own, as the SDK would start one; asked one question over plain HTTP, so that only the engine is timed. */
async function firstAnswer(): Promise<void> {
  const child = spawn(ENGINE, ['session'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port, session_token: token } = JSON.parse(line) as { port: number; session_token: string };
  const authorization = `Basic ${Buffer.from(`${token}:`).toString('base64')}`;
  const body = JSON.stringify({ query: '{ defaultPlatform }' });
  const headers = { authorization, 'content-type': 'application/json' };
  await (await fetch(`http://127.0.0.1:${port}/query`, { method: 'POST', headers, body })).json();
  ended.push(endOf(child));
}
const ended: Promise<unknown>[] = [];

function endOf(child: ChildProcess): Promise<unknown> {
  const exit = once(child, 'exit');
  child.stdin?.end();
  return exit;
}

async function makeFiles(path: string): Promise<void> {
  for (let group = 0; group < 50; group += 1) {
    await mkdir(join(path, `g${group}`), { recursive: true });
    for (let index = 0; index < 100; index += 1)
      await writeFile(join(path, `g${group}`, `f${index}.txt`), randomBytes(400).toString('hex'));
  }
}

const sh = (script: string) => ['sh', '-c', script];
/** Makes what follows new. */
const fresh = (container: Container) => container.withEnvVariable('ROUND', randomUUID());

async function measureAll(client: Client, archive: string): Promise<void> {
  const base = client.container().import_(client.host().file(archive));
  await base.withExec(['true']).sync();
  await measure('exec of true, new', () => fresh(base).withExec(['true']).sync());
  await withInstantAnswers(async (instant) => {
    const there = instant.container();
    const cached = (container: Container) => () => container.withExec(['true']).sync();
    await measureCalls('exec of true, cached', cached(base), cached(there));
  });
  await measure('chain of 60 execs', () => {
    let chain = fresh(base);
    for (let step = 0; step < 60; step += 1) chain = chain.withExec(sh(`echo ${step} > /step`));
    return chain.sync();
  });
  await measure('8 execs of sleep 0.5 side by side', () =>
    Promise.all(Array.from({ length: 8 }, () => fresh(base).withExec(['sleep', '0.5']).sync())),
  );

  const files = join(folder, 'files');
  await makeFiles(files);
  // `noCache` is another question each time; what the engine knows of the files stays.
  const hostFolder = () => client.host().directory(files, { noCache: true });
  await measure(
    'digest of 5,000 files, new',
    async () => hostFolder().digest(),
    async () => {
      await rm(files, { recursive: true });
      await makeFiles(files);
    },
  );
  await measure('digest of 5,000 files, again', () => hostFolder().digest());
  await measure(
    'digest of 5,000 files, one changed',
    () => hostFolder().digest(),
    () => appendFile(join(files, 'g7/f7.txt'), 'x'),
  );
  await measure('5,000 files into an exec', () =>
    fresh(base).withMountedDirectory('/files', hostFolder()).withExec(sh('ls /files | wc -l')).stdout(),
  );
  // Each time to a new place: to delete what is there costs a disk more than to write.
  await measure('5,000 files exported', (round) => hostFolder().export(join(folder, `exported-${round}`)));

  await measure('200 MB file made, its size read', () =>
    fresh(base).withExec(sh('dd if=/dev/zero of=/big bs=1M count=200 2>/dev/null')).file('/big').size(),
  );
  await measure('archive of a small change exported', () =>
    base.withNewFile('/small', randomUUID()).asTarball().export(join(folder, 'image.tar')),
  );
  await measure('service: start, health, one request', () => {
    const server = fresh(base)
      .withNewFile('/www/index.html', 'hello')
      .withExposedPort(8080)
      .asService({ args: ['httpd', '-f', '-p', '8080', '-h', '/www'] });
    return base.withServiceBinding('web', server).withExec(['wget', '-qO-', 'http://web:8080/index.html']).stdout();
  });
  await measure('exec with a cache volume', () =>
    fresh(base).withMountedCache('/cache', client.cacheVolume('bench')).withExec(sh('echo x >> /cache/f')).sync(),
  );
}

function printTable(peakMiB: number): void {
  console.log(
    `node ${process.version}; medians of ${ROUNDS} rounds, in ms; ratio: to a real engine on a like machine, 0.50 is the aim\n`,
  );
  console.log(`${'figure'.padEnd(38)}${'real'.padStart(8)}${'here'.padStart(9)}${'ratio'.padStart(8)}`);
  for (const [figure, real] of Object.entries(REAL)) {
    const here = median(times.get(figure as Figure) ?? []);
    console.log(
      `${figure.padEnd(38)}${String(real).padStart(8)}${here.toFixed(1).padStart(9)}${(here / real).toFixed(2).padStart(8)}`,
    );
  }
  console.log(
    `\nof an exec that is cached, ${roundTrip.toFixed(1)} ms are the SDK's own: what it takes where a server answers at once`,
  );
  console.log(`peak memory of the engine: ${peakMiB.toFixed(0)} MiB resident (less than ${MOST_MIB} is the aim)`);
}

/** What it costs that nothing altered leaves the store: each use looks at a layer's entries, and the first in a boot reads them all. */
async function printLooks(files: string): Promise<void> {
  const timed = async (work: () => Promise<unknown>) => {
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const from = performance.now();
      await work();
      costs.push(performance.now() - from);
    }
    return median(costs);
  };
  const [seen, read] = [await timed(() => stateOf(files)), await timed(() => contentOf(files))];
  const step = median(times.get('exec of true, new') ?? []);
  console.log(
    `a layer of 5,000 files is looked at in ${seen.toFixed(0)} ms (${(seen / step).toFixed(2)} of a step), and read the first time in a boot in ${read.toFixed(0)} ms (${(read / seen).toFixed(1)} times that)`,
  );
}

/** The kernel keeps what a process had at its most. The shell that starts the engine becomes it, so the id is the same. */
function peakOf(pid: number): number {
  const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

try {
  await mkdir(process.env.XDG_CACHE_HOME, { recursive: true });
  await measure('session to first answer', firstAnswer);
  await Promise.all(ended);
  const archive = await makeBase(folder);
  // Started here, so that its memory can be asked for; the SDK takes a session that is there.
  const child = spawn(ENGINE, ['session'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port, session_token } = JSON.parse(line) as { port: number; session_token: string };
  Object.assign(process.env, { DAGGER_SESSION_PORT: String(port), DAGGER_SESSION_TOKEN: session_token });
  await connection(() => measureAll(dag, archive));
  printTable(peakOf(child.pid ?? 0));
  await printLooks(join(folder, 'files'));
  await endOf(child);
} finally {
  await rm(folder, { recursive: true, force: true });
}
