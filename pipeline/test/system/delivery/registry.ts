// A real image registry on loopback (Debian's), and a proxy before it that puts faults in.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, vi } from 'vitest';
import { parseLock } from '../../../engine/images/assembled/lock-file.ts';
import lock from '../../../engine/images/assembled/locks/registry-debian13.json' with { type: 'json' };
import { debianProgram } from '../packages.ts';
import { temporaryFolder } from '../support.ts';

export interface Registry {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** Where it keeps what it was given. */
  readonly folder: string;
  readonly stop: () => Promise<void>;
}

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Ends with the test file, at the latest. */
export async function startRegistry(folder?: string): Promise<Registry> {
  const [program, place] = await Promise.all([
    debianProgram(parseLock(lock), 'docker-registry'),
    folder ?? temporaryFolder('registry'),
  ]);
  const host = `127.0.0.1:${await freePort()}`;
  const storage = join(place, 'storage');
  await mkdir(storage, { recursive: true });
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: host },
  };
  const file = join(await temporaryFolder('registry-config'), 'config.json');
  await writeFile(file, JSON.stringify(config));
  const child = spawn(program, ['serve', file], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  stops.push(stop);
  await vi.waitFor(async () => await fetch(`http://${host}/v2/`), { timeout: 60_000, interval: 50 });
  return { host, folder: storage, stop };
}

/** Answers a request instead of the registry, and returns true; or lets it through, perhaps altered. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean | undefined;

export interface FaultyRegistry {
  readonly host: string;
  /** `PUT /v2/app/manifests/main`, of each request that came. */
  readonly seen: string[];
  /** In their order, the first that answers. */
  faults: Fault[];
  /** Changes an answer's body. */
  alter: ((url: string, body: Buffer) => Buffer) | undefined;
}

export async function startProxy({ host }: Registry): Promise<FaultyRegistry> {
  const proxy: Omit<FaultyRegistry, 'host'> = { seen: [], faults: [], alter: undefined };
  const server = createServer((request, response) => {
    proxy.seen.push(`${request.method} ${request.url}`);
    if (proxy.faults.some((fault) => fault(request, response) === true)) return;
    const headers = { ...request.headers, host: ownHost() };
    const upstream = forward(`http://${host}${request.url}`, { method: request.method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const body = Buffer.concat(chunks);
        const altered = proxy.alter?.(request.url ?? '', body) ?? body;
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.end(request.method === 'HEAD' ? undefined : altered);
      });
    });
    upstream.on('error', () => response.destroy());
    request.on('close', () => {
      if (!request.complete) upstream.destroy();
    });
    request.pipe(upstream);
  });
  const ownHost = () => `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return Object.assign(proxy, { host: ownHost() });
}

/** A slow line to a registry: no more bytes in a second go there. */
export async function startSlowLine({ host }: Registry, bytesPerSecond: number): Promise<{ host: string }> {
  const { hostname, port } = new URL(`http://${host}`);
  const server = createTcpServer((near) => {
    const far = connect(Number(port), hostname);
    void pipeline(near, slowly(bytesPerSecond), far).catch(() => near.destroy());
    void pipeline(far, near).catch(() => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const slowly = (bytesPerSecond: number) =>
  async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      await sleep((chunk.byteLength / bytesPerSecond) * 1000);
      yield chunk;
    }
  };

/** The first `times` requests that match. */
export function onFirst(times: number, matches: RegExp, answer: Fault): Fault {
  let left = times;
  return (request, response) => {
    if (left === 0 || !matches.test(`${request.method} ${request.url}`)) return false;
    left -= 1;
    return answer(request, response);
  };
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
