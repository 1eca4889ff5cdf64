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
  readonly linesLogged: () => number;
}

async function start(program: string, env: Record<string, string>): Promise<Target> {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let lines = 0;
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${program} did not start`)));
    child.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString()).port));
    child.stdout.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf('\n'); at !== -1; at = chunk.indexOf('\n', at + 1)) lines += 1;
    });
  });
  return { port, child, linesLogged: () => lines };
}

async function stop({ child }: Target): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function measure(program: string, env: Record<string, string>): Promise<Load> {
  const target = await start(program, env);
  const warmUp = await load(target.port, CONNECTIONS, WARM_UP_MS);
  const measured = await load(target.port, CONNECTIONS, MEASURE_MS);
  if (program === SERVICE) await confirm(target, warmUp.requests + measured.requests);
  await stop(target);
  return measured;
}

/** Every request that was timed was counted by the service, and logged: the comparison leaves out none of its work. */
async function confirm({ port, linesLogged }: Target, asked: number): Promise<void> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const counted = Number(
    /^http_requests_total\{method="GET",route="\/",status_code="200"\} (\d+)$/m.exec(metrics)?.[1],
  );
  await delay(SETTLE_MS);
  // One line more for having started, one for the request above.
  const logged = linesLogged() - 2;
  if (counted !== asked || logged !== asked) {
    throw new Error(`asked ${asked} times, the service counted ${counted} and logged ${logged}`);
  }
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
  let app: Load;
  let bare: Load;
  if (round % 2 === 1) {
    bare = await theirs();
    app = await ours();
  } else {
    app = await ours();
    bare = await theirs();
  }
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
