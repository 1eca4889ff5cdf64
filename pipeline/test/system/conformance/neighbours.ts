// Servers on loopback that cases ask: one of a single answer, and git's own, with a small repository.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Tools } from '../sdk-session.ts';

export const served = <T>(status: number, body: string, work: (url: string) => Promise<T>): Promise<T> =>
  answered((_, response) => void response.writeHead(status).end(body), work);

export async function answered<T>(answer: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const WHEN = '2026-01-01T00:00:00Z';
const SETTINGS = ['user.name=a', 'user.email=a@b.c', 'init.defaultBranch=main'].flatMap((setting) => ['-c', setting]);

/** A repository with two commits on main, tagged, and one on a side branch. Gives its folder. */
function makeRepository(root: string): string {
  const repository = join(root, 'r');
  const env = { ...process.env, GIT_AUTHOR_DATE: WHEN, GIT_COMMITTER_DATE: WHEN };
  const git = (...args: string[]) => execFileSync('git', [...SETTINGS, ...args], { cwd: repository, env });
  const commit = (text: string, message: string) => {
    writeFileSync(join(repository, 'f'), text);
    git('add', '.');
    git('commit', '-qm', message);
  };
  mkdirSync(join(repository, 'd'), { recursive: true });
  writeFileSync(join(repository, 'd/g'), 'g');
  git('init', '-q');
  commit('one', '1');
  git('tag', 'v1.0.0');
  commit('two', '2');
  git('tag', 'v1.10.0');
  git('checkout', '-qb', 'side');
  commit('side', '3');
  git('checkout', '-q', 'main');
  return repository;
}

export async function gitDaemon<T>(t: Tools, work: (url: string, repository: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(t.tmp, 'git-'));
  const repository = makeRepository(root);
  const port = await freePort();
  const place = [`--base-path=${root}`, '--listen=127.0.0.1', `--port=${port}`];
  // Its own process group: the program of that name starts another.
  const daemon = spawn('git', ['daemon', '--reuseaddr', '--export-all', ...place], { stdio: 'ignore', detached: true });
  const ended = once(daemon, 'exit');
  try {
    while (!(await isOpen(port))) await wait(20);
    return await work(`git://127.0.0.1:${port}/r`, repository);
  } finally {
    process.kill(-(daemon.pid as number));
    await ended;
  }
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
