// The image, run by hand: under runc on a read-only root as its own user, and under a Docker Engine where one answers.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { unpackLayer } from '../../engine/images/unpack.ts';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { readTar } from '../../src/oci/tar.ts';
import type { RunConfig } from '../../src/oci/types.ts';
import { debianProgram, PROGRAMS } from './packages.ts';
import { ci, copyOfRepository, resultOf, temporaryFolder } from './support.ts';
import { AMONG_TOOLS, runcIn } from './tools.ts';

const isRoot = process.getuid?.() === 0;
const dockerAnswers = (await $({ nothrow: true, quiet: true })`docker version`).exitCode === 0;

let archive: string;
let digest: string;
beforeAll(async () => {
  const repository = await copyOfRepository('image');
  const run = await ci(repository, ['build']);
  expect(run.exitCode, run.stdout).toBe(0);
  archive = join(run.output, 'image.tar');
  digest = resultOf(run).image?.digest ?? '';
});

describe.runIf(isRoot)('under runc (needs root)', () => {
  const name = `drydock-image-test-${process.pid}`;
  let bundle: string;
  let runc: string;
  let config: RunConfig;
  let port: number;
  let container: ChildProcess;
  let log = '';
  beforeAll(async () => {
    runc = await runcIn(await temporaryFolder('runc'));
    bundle = await temporaryFolder('bundle');
    await chmod(bundle, 0o755);
    config = await unpackImage(join(bundle, 'rootfs'));
    port = await freePort();
    await writeFile(join(bundle, 'config.json'), JSON.stringify(specOf(config, port)));
    const [program, ...args] = [...AMONG_TOOLS, runc, 'run', '--bundle', bundle, name];
    container = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [container.stdout, container.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk));
    const ended = once(container, 'close').then(([code]) => Promise.reject(new Error(`it ended with ${code}: ${log}`)));
    await Promise.race([once(container.stdout as NodeJS.ReadableStream, 'data'), ended]);
    ended.catch(() => {}); // its end is a test's business
  });
  afterAll(() => container.kill('SIGKILL'));

  test('it answers on its four paths', async () => {
    const answers = await Promise.all(
      ['/', '/health', '/metrics', '/version'].map(async (path) => {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`);
        return [path, answer.status, await answer.text()] as const;
      }),
    );
    expect(answers.map(([path, status]) => `${path} ${status}`)).toEqual([
      '/ 200',
      '/health 200',
      '/metrics 200',
      '/version 200',
    ]);
    expect(JSON.parse(answers[3]?.[2] ?? '')).toMatchObject({ commit: 'abc', built: '2026-01-01T00:00:00Z' });
    expect(answers[2]?.[2]).toContain('app_build_info{');
  });

  test('its own health check passes inside it', async () => {
    const [, ...command] = config.Healthcheck?.Test ?? [];
    expect((await $({ nothrow: true })`${AMONG_TOOLS} ${runc} exec ${name} ${command}`).exitCode).toBe(0);
  });

  test('SIGTERM ends it in order', async () => {
    const ended = once(container, 'exit'); // it may come before the one who asked for it is back
    await $`${AMONG_TOOLS} ${runc} kill ${name} TERM`;
    const [code] = await ended;
    expect(code).toBe(0);
    expect(log).toContain('"event":"draining"');
  });

  async function unpackImage(root: string): Promise<RunConfig> {
    const source = await openLayout(archive);
    try {
      const base = await readBase(source, digest, 'linux/amd64');
      await mkdir(root);
      for (const layer of base.layers) {
        expect(layer.mediaType).toMatch(/tar$/); // substitutes and the app's layer are not compressed
        const whiteout = () => Promise.reject(new Error('the image hides nothing'));
        await unpackLayer(readTar(source.stream(layer.digest)), root, {
          shift: 0,
          below: [],
          whiteout,
          aside: `${root}.aside`,
        });
      }
      return base.config.config ?? {};
    } finally {
      await source.close();
    }
  }
});

/** The image's own settings, on a read-only root, with nothing granted; on this machine's network, so that it can be asked. */
function specOf(config: RunConfig, port: number): object {
  const [uid = 0, gid = 0] = (config.User ?? '').split(':').map(Number);
  const env = [
    ...(config.Env ?? []),
    `PORT=${port}`,
    'HOST=127.0.0.1',
    'APP_COMMIT=abc',
    'APP_BUILT=2026-01-01T00:00:00Z',
  ];
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid, gid },
      args: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
      env,
      cwd: config.WorkingDir,
      noNewPrivileges: true,
      capabilities: {},
    },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
    ],
    linux: { namespaces: ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

test('skopeo understands the archive', async () => {
  const skopeo = await debianProgram(PROGRAMS, 'skopeo');
  const inspected = JSON.parse((await $`${skopeo} inspect oci-archive:${archive}`).stdout);
  expect(inspected).toMatchObject({ Digest: digest, Os: 'linux', Architecture: 'amd64' });
  expect(inspected.Labels).toMatchObject({ 'org.opencontainers.image.title': 'drydock-service' });
});

test.runIf(dockerAnswers)('a Docker Engine loads and runs it (needs Docker)', async () => {
  const loaded = (await $`docker load --quiet --input ${archive}`).stdout.trim().split(/\s+/).at(-1) ?? '';
  const container = (await $`docker run --detach --read-only --network none ${loaded}`).stdout.trim();
  try {
    const health = async () => (await $`docker inspect --format {{.State.Health.Status}} ${container}`).stdout.trim();
    await expect.poll(health, { timeout: 60_000, interval: 500 }).toBe('healthy');
    await $`docker stop --time 20 ${container}`;
    expect((await $`docker inspect --format {{.State.ExitCode}} ${container}`).stdout.trim()).toBe('0');
  } finally {
    await $`docker rm --force ${container}`.quiet();
    await $`docker rmi --force ${loaded}`.quiet();
  }
});
