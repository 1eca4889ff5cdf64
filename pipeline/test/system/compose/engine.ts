// A Docker Engine for a test, and Docker Compose: in namespaces of its own, so that none of its interfaces, mounts and processes is this
// machine's. It needs root and `dockerd` (on Debian: docker.io).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { $, type ProcessPromise } from 'zx';
import { composeProgram } from '../platform/compose.ts';
import { type Environment, temporaryFolder } from '../support.ts';
import { tool } from '../tools.ts';

export const hasDockerd =
  process.getuid?.() === 0 && (await $({ nothrow: true, quiet: true })`command -v dockerd`).exitCode === 0;

export type DockerEngine = {
  /** With it, `docker` and `docker compose` are this engine's. */
  env: Environment;
  docker: (...args: string[]) => Promise<string>;
  /** A command in the engine's network, whose loopback addresses are those on which it publishes. */
  inside: (...command: string[]) => ProcessPromise;
  stop: () => Promise<void>;
};

/** No rule and no bridge but those of Compose's networks; the ports are published by a proxy. */
const START = `$3 link set lo up
exec dockerd --data-root "$1/data" --exec-root "$1/run" --pidfile "$1/pid" --host "unix://$1/socket" \\
  --cgroup-parent "$2" --iptables=false --bridge=none`;

export async function startDocker(): Promise<DockerEngine> {
  const folder = await temporaryFolder('docker');
  const plugins = join(folder, 'config', 'cli-plugins');
  await mkdir(plugins, { recursive: true });
  await symlink(await composeProgram(), join(plugins, 'docker-compose'));
  const env = { DOCKER_HOST: `unix://${folder}/socket`, DOCKER_CONFIG: join(folder, 'config') };
  const cgroup = `drydock-docker-${process.pid}`;
  const log = openSync(join(folder, 'log'), 'a');
  const own = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const words = [folder, `/${cgroup}`, (await tool('ip')).join(' ')];
  const child = spawn('unshare', [...own, 'sh', '-c', START, 'dockerd', ...words], { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = once(child, 'exit');
  const run = $({ env: { ...process.env, ...env }, nothrow: true, quiet: true });
  for (let tries = 0; (await run`docker version`).exitCode !== 0; tries += 1) {
    if (child.exitCode !== null || tries > 600) throw new Error(readFileSync(join(folder, 'log'), 'utf8').slice(-2000));
    await wait(100);
  }
  return {
    env,
    docker: async (...args) => (await run`docker ${args}`).stdout.trim(),
    inside: (...command) => run`nsenter --net=/proc/${child.pid}/ns/net ${command}`,
    stop: async () => {
      // The one that has the signal handler is below the one that we started.
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
      for (const pid of children.split(' ')) process.kill(Number(pid), 'SIGTERM');
      await ended;
      removeGroups(cgroup);
    },
  };
}

function controlGroups(name: string): string[] {
  return ['', ...readdirSync('/sys/fs/cgroup')].map((kind) => join('/sys/fs/cgroup', kind, name)).filter(isFolder);
}

function isFolder(path: string): boolean {
  try {
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}

function removeGroups(name: string): void {
  const remove = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) remove(join(folder, entry.name));
    rmdirSync(folder);
  };
  for (const folder of controlGroups(name)) remove(folder);
}
