// What the tests share: an app on a free port, a log that can be read, raw connections, programs in processes of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { describe as about } from '../src/about.ts';
import { type AppOptions, buildApp } from '../src/app.ts';
import { type Environment, readConfig } from '../src/config.ts';
import { createLifecycle, type Lifecycle } from '../src/lifecycle.ts';
import { createLog, type Level, type Log } from '../src/log.ts';
import { type Service, serve } from '../src/serve.ts';

export const NO_DEPLOYMENT = { commit: null, built: null, digest: null };

export type Line = Record<string, unknown>;

export interface FileLog {
  readonly log: Log;
  readonly lines: () => Line[];
}

/** Gone when the test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'drydock-service-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function fileLog(level: Level = 'info'): FileLog {
  const file = join(temporaryDirectory(), 'log');
  const log = createLog(level, openSync(file, 'a'));
  return {
    log,
    lines: () => {
      log.flush();
      return linesOf(readFileSync(file, 'utf8'));
    },
  };
}

export function linesOf(output: string): Line[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

export interface Running {
  readonly url: string;
  readonly lifecycle: Lifecycle;
  readonly lines: () => Line[];
}

/** The app on a free port of this machine, until the test is over. */
export async function startApp(options: Partial<AppOptions> & { level?: Level } = {}): Promise<Running> {
  const { level, ...rest } = options;
  const { log, lines } = fileLog(level);
  const lifecycle = createLifecycle();
  const { app } = buildApp({
    about: about(NO_DEPLOYMENT),
    log,
    bodyLimit: 100,
    lifecycle,
    checks: { dull: () => true },
    ...rest,
  });
  const server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lifecycle, lines };
}

export interface Serving extends Service {
  readonly url: string;
  readonly lines: () => Line[];
}

/** The service as server.ts runs it, in this process; stopped when the test is over. */
export async function startService(env: Environment = {}): Promise<Serving> {
  const config = readConfig({ PORT: '0', HOST: '127.0.0.1', ...env });
  const { log, lines } = fileLog();
  const service = await serve(config, log);
  let stopped: Promise<boolean> | undefined;
  const stop = () => {
    stopped ??= service.stop();
    return stopped;
  };
  onTestFinished(async () => {
    await stop();
  });
  return { port: service.port, stop, url: `http://127.0.0.1:${service.port}`, lines };
}

/** Sends the text as it is. The connection stays open until the test is over. */
export async function open(port: number, request = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  socket.write(request);
  return socket;
}

/** All that comes back until the other side closes. */
export async function answerOf(socket: Socket): Promise<string> {
  return await text(socket);
}

/** What a request that is still being sent looks like: it is in flight until the body is whole. */
export function withBody(path: string, length: number, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

export interface Program {
  readonly child: ChildProcess;
  /** Resolves with the exit code once the program has ended and its output is complete. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export function run(program: 'server.js' | 'healthcheck.js', env: Record<string, string> = {}): Program {
  const file = fileURLToPath(new URL(`../dist/${program}`, import.meta.url));
  const child = spawn(process.execPath, [file], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
    ([stdout, stderr, [code]]) => ({ code, stdout, stderr }),
  );
  return { child, ended };
}

/** The first line a program logs for an event. */
export function logged({ child }: Program, event: string): Promise<Line> {
  let output = '';
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const whole = output.slice(0, output.lastIndexOf('\n') + 1);
      const found = linesOf(whole).find((line) => line.event === event);
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`ended without "${event}"`)));
  });
}
