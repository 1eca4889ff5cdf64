// A session of the public SDK on the embedded engine, from a test file's beginning to its end, and what its tests say in short.
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Client, Container, Directory } from '@dagger.io/dagger';
import * as sdk from '@dagger.io/dagger';
import { afterAll, beforeAll } from 'vitest';
import { cacheFolder } from '../../engine/store/store.ts';
import { makeBase } from './conformance/base.ts';
import { type EngineSession, openSession } from './engine-session.ts';
import { type Environment, temporaryFolder } from './support.ts';

/** An error, reduced to what a caller may rely on. */
export interface Failure {
  name: string;
  exitCode?: number;
  stdout?: string;
  stderr?: string;
  message: string;
}

export interface Tools {
  readonly dag: Client;
  readonly sdk: typeof sdk;
  /** A folder of the host that goes away with the test file. */
  readonly tmp: string;
  /** The process of the engine. */
  readonly pid: number;
  /** What the engine said on standard error. */
  said(): string;
  /** The image of `base`, as a file. */
  readonly archive: string;
  /** A busybox container. */
  base(): Container;
  /** These files in a fresh folder on the host. */
  host(files: Record<string, string>): Promise<string>;
  /** The error that a promise ends with. */
  failure(promise: Promise<unknown>): Promise<Failure>;
}

/** To be called once in a test file. The store begins empty: no answer is left from a former run. */
export function sdkSession(environment: Environment = {}): Tools {
  let tmp = '';
  let base = '';
  let disconnect = () => {};
  let connection: Promise<void> = Promise.resolve();
  let engine: EngineSession | undefined;
  beforeAll(async () => {
    tmp = await temporaryFolder('session');
    base = await makeBase(tmp);
    engine = await openSession({ ...environment, XDG_CACHE_HOME: await emptyCache(tmp) });
    Object.assign(process.env, engine.environment);
    // The SDK's connection lasts as long as a function runs, so one runs from here to the end.
    const ended = new Promise<void>((resolve) => {
      disconnect = resolve;
    });
    await new Promise<void>((resolve, reject) => {
      connection = sdk.connection(async () => {
        resolve();
        await ended;
      });
      connection.catch(reject);
    });
  });
  afterAll(async () => {
    disconnect();
    await connection;
    await engine?.close();
  });
  const { dag } = sdk;
  return {
    dag,
    sdk,
    get tmp() {
      return tmp;
    },
    get pid() {
      return engine?.process.pid ?? 0;
    },
    get archive() {
      return base;
    },
    said: () => engine?.said() ?? '',
    base: () => dag.container().import_(dag.host().file(base)),
    async host(files) {
      const folder = await mkdtemp(join(tmp, 'h-'));
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
      }
      return folder;
    },
    failure,
  };
}

/** A cache without a store. The engine's program, bundled once, is at hand, and so are packages that were downloaded. */
async function emptyCache(folder: string): Promise<string> {
  await mkdir(join(folder, 'cache/drydock'), { recursive: true });
  for (const name of ['bundles', 'packages']) {
    const shared = join(cacheFolder(), name);
    await mkdir(shared, { recursive: true });
    await symlink(shared, join(folder, 'cache/drydock', name));
  }
  return join(folder, 'cache');
}

/** The error that a promise ends with. */
export async function failure(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
    return { name: 'no error', message: '' };
  } catch (error) {
    const { name, message, exitCode, stdout, stderr } = error as Error & Partial<sdk.ExecError>;
    const output = exitCode === undefined ? {} : { exitCode, stdout: String(stdout), stderr: String(stderr) };
    return { name, ...output, message: message.replace(/ \[traceparent:.*/s, '') };
  }
}

export const sh = (script: string) => ['sh', '-c', script];

/** All paths of a directory. */
export const tree = async (directory: Directory) => (await directory.glob('**/*')).sort();

/** A web server on port 8080 that answers `body` at /index.html. */
export function web(t: Tools, body: string, before = ''): Container {
  return t
    .base()
    .withNewFile('/www/index.html', body)
    .withExposedPort(8080)
    .withDefaultArgs(sh(`${before} exec httpd -f -p 8080 -h /www`));
}
