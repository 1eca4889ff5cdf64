// Finds out when a service is ready: when its health check passes or, where it has none, when every port that it exposes accepts connections.
import { setTimeout as wait } from 'node:timers/promises';
import type { Port } from './services.ts';
import type { Sockets } from './sockets.ts';

/** No event tells that a port was opened in a container; between two attempts passes this long, growing. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 200;

/** A command that tells, by ending with 0, that a service is well. */
export interface HealthTest {
  readonly args: readonly string[];
  readonly timeoutMs: number;
  /** From one failure that counts to the next. */
  readonly intervalMs: number;
  /** In which no failure counts. */
  readonly startPeriodMs: number;
  readonly retries: number;
}

/**
 * Resolves when the test passes; rejects with what the last one said when it failed too often. It is asked more often than failures count, so
 * that a service which is ready is not kept waiting.
 */
export async function testPasses(
  { intervalMs, startPeriodMs, retries }: HealthTest,
  check: () => Promise<Error | undefined>,
  signal: AbortSignal,
): Promise<void> {
  let countsFrom = performance.now() + startPeriodMs;
  let failures = 0;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, intervalMs)) {
    const failure = await check();
    signal.throwIfAborted();
    if (failure === undefined) return;
    if (performance.now() >= countsFrom) {
      failures += 1;
      countsFrom = performance.now() + intervalMs;
    }
    if (failures >= retries) throw failure;
    await wait(pause, undefined, { signal });
  }
}

/**
 * Some work that is told by a signal when its time is over. A timer that nothing knows but `any` is collected in Node, and never fires: this one
 * is kept by its use at the end.
 */
export async function inTime<T>(
  ms: number,
  over: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ result: T; isLate: boolean }> {
  const late = AbortSignal.timeout(ms);
  const result = await work(AbortSignal.any([over, late]));
  return { result, isLate: late.aborted };
}

/** Resolves when all ports accept connections; rejects only when `signal` says to give up. */
export async function portsOpen(
  sockets: Sockets,
  address: string,
  ports: readonly Port[],
  signal: AbortSignal,
): Promise<void> {
  // A datagram to a port that nobody reads is lost in silence, so only TCP can be asked.
  const asked = ports.filter((port) => port.protocol === 'TCP' && !port.experimentalSkipHealthcheck);
  await Promise.all(asked.map(({ port }) => portOpen(sockets, address, port, signal)));
}

async function portOpen(sockets: Sockets, address: string, port: number, signal: AbortSignal): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted();
    const isOpen = await sockets.probe(address, port).then(
      () => true,
      () => false,
    );
    if (isOpen) return;
    await wait(pause, undefined, { signal });
  }
}
