// Compares the service with a bare Express app: throughput and p99 on `/`, and the memory of an idle service.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Load, load } from './load.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS || 7);
const CONNECTIONS = 16;
const WARM_UP_MS = 1000;
const MEASURE_MS = Number(process.env.BENCH_MS || 3000);
const SETTLE_MS = 1000;

const LEAST_THROUGHPUT = 0.9;
const MOST_IDLE_MIB = 90;

const SERVICE = fileURLToPath(new URL('../../dist/server.js', import.meta.url));
const BARE = fileURLToPath(new URL('./bare.js', import.meta.url));

interface Target {
  readonly port: number;
  readonly child: ChildProcess;
  readonly bytesLogged: () => number;
}

async function start(program: string, env: Record<string, string>): Promise<Target> {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let bytes = 0;
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${program} did not start`)));
    child.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString()).port));
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
  });
  return { port, child, bytesLogged: () => bytes };
}

async function stop({ child }: Target): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function measure(program: string, env: Record<string, string>): Promise<Load & { bytesLogged: number }> {
  const target = await start(program, env);
  await load(target.port, CONNECTIONS, WARM_UP_MS);
  const measured = await load(target.port, CONNECTIONS, MEASURE_MS);
  await stop(target);
  return { ...measured, bytesLogged: target.bytesLogged() };
}

function residentMiB(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const settings = { PORT: '0', HOST: '127.0.0.1' };
const idle = await start(SERVICE, settings);
const body = await (await fetch(`http://127.0.0.1:${idle.port}/`)).text();
await delay(SETTLE_MS);
const idleMiB = residentMiB(Number(idle.child.pid));
await stop(idle);

console.log(
  `node ${process.version}, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${MEASURE_MS / 1000} s each, own processes`,
);
console.log('The service writes its access log (level info) to a pipe that is read; that and its metrics are counted.');
const throughput: number[] = [];
const p99: number[] = [];
for (let round = 1; round <= ROUNDS; round += 1) {
  const ours = () => measure(SERVICE, settings);
  const theirs = () => measure(BARE, { BENCH_BODY: body });
  // Who goes first changes from round to round, so that neither has the quieter half of the machine.
  let app: Awaited<ReturnType<typeof measure>>;
  let bare: typeof app;
  if (round % 2 === 1) {
    bare = await theirs();
    app = await ours();
  } else {
    app = await ours();
    bare = await theirs();
  }
  if (app.bytesLogged < app.requestsPerSecond) throw new Error('the service did not log');
  throughput.push(app.requestsPerSecond / bare.requestsPerSecond);
  p99.push(app.p99Ms / bare.p99Ms);
  console.log(
    `round ${round}  service ${app.requestsPerSecond.toFixed(0)}/s p99 ${app.p99Ms.toFixed(2)} ms   express ${bare.requestsPerSecond.toFixed(0)}/s p99 ${bare.p99Ms.toFixed(2)} ms`,
  );
}

const result = { throughput: median(throughput), p99: median(p99), idleMiB };
console.log(
  `throughput  ${result.throughput.toFixed(3)} of bare Express (median of rounds; at least ${LEAST_THROUGHPUT})`,
);
console.log(`p99         ${result.p99.toFixed(3)} of bare Express (median of rounds)`);
console.log(`idle memory ${result.idleMiB.toFixed(1)} MiB resident (less than ${MOST_IDLE_MIB})`);
process.exitCode = result.throughput >= LEAST_THROUGHPUT && result.idleMiB < MOST_IDLE_MIB ? 0 : 1;
