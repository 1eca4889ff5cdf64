// A disk that runs full in the middle of a pull, an export or a service: one sentence, nothing half-made, and with room all is right.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tarOf } from '../oci/helpers.ts';
import { makeBase } from './conformance/base.ts';
import { craftImage, file } from './engine/crafted-images.ts';
import { ENGINE, type EngineSession, openSession, sh } from './engine-session.ts';
import { STORE } from './one-id.ts';
import { temporaryFolder } from './support.ts';
import { mountDisk, resizeDisk, unmountDisk } from './tools.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const MB = 1_000_000;

// Only root may mount a disk of its own.
describe.runIf(isRoot)('a small disk (needs root)', () => {
  let disk: string;
  /** Another, smaller one. */
  let target: string;
  let base: string;
  let session: EngineSession;
  const mounted: string[] = [];

  beforeAll(async () => {
    base = await makeBase(await temporaryFolder('full-base'));
  });
  beforeEach(async () => {
    disk = await mount('40m');
    target = await mount('2m');
    await run(ENGINE, ['--version'], { env: environment() }); // bundled while there is room
    session = await openSession(environment());
  });
  afterEach(async () => {
    await session.kill();
  });
  // Before the folders themselves go.
  afterAll(async () => {
    for (const folder of mounted) await unmountDisk(folder);
  });

  async function mount(size: string): Promise<string> {
    const folder = await temporaryFolder('full');
    await mountDisk(folder, size);
    mounted.push(folder);
    return folder;
  }

  const environment = () =>
    ({ ...process.env, XDG_CACHE_HOME: disk, DRYDOCK_STORE_BUDGET: '1GB' }) as Record<string, string>;
  const place = (...path: string[]) => join(disk, ...path);
  const store = (...path: string[]) => place('drydock', STORE, ...path);

  /** Leaves so much room, and gives it back. */
  function leaveRoom(bytes: number): () => void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(place('ballast'), Buffer.alloc(bavail * bsize - bytes));
    return () => rmSync(place('ballast'));
  }

  /** Work in progress, without what the session keeps while it lives: copies of the host's files, and its services. */
  const unfinished = () =>
    readdirSync(store('tmp')).flatMap((name) =>
      readdirSync(store('tmp', name)).filter((entry) => !/^(host|service)/.test(entry)),
    );

  /** The same session and the next one find all as it should be. */
  async function isRight(): Promise<void> {
    expect(await (await session.from(base))(sh('echo same session'))).toBe('same session\n');
    await session.close();
    expect(readdirSync(store('tmp'))).toEqual([]);
    session = await openSession(environment());
    expect(await (await session.from(base))(sh('echo next session'))).toBe('next session\n');
  }

  const FULL_STORE =
    /^the disk is full: there is no room left at \S+\/drydock\/store-v\d+; make room, for example with/;
  const fullAt = (path: string) => new RegExp(`^the disk is full: there is no room left at ${path}; make room there`);

  test('while an image is pulled', async () => {
    // 2 MB to be had, which unpack to 14.
    const image = craftImage(await tarOf([file('big', Buffer.concat([randomBytes(2 * MB), Buffer.alloc(12 * MB)]))]));
    const server = createServer(({ url = '' }, response) => {
      const bytes = image.blobs.get(url.split('/').at(-1) ?? '');
      if (bytes === undefined) return void response.writeHead(404).end();
      response.writeHead(200, { 'content-type': image.manifest.mediaType, 'content-length': bytes.length }).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}/r@${image.manifest.digest}`;
    const ask = () =>
      session.ask<number>(`{ container { from(address: "${address}") { file(path: "/big") { size } } } }`);
    for (const room of [MB, 3 * MB, 9 * MB]) {
      const giveBack = leaveRoom(room); // in the download, in the store's own copy, in the unpacking
      await expect(ask()).rejects.toThrow(FULL_STORE);
      giveBack();
      expect(unfinished()).toEqual([]);
    }
    expect(await ask()).toBe(14 * MB);
    server.close();
    await isRight();
  });

  const made = 'withExec(args: ["sh", "-c", "mkdir /d; head -c 3000000 /dev/urandom > /d/big; echo small > /d/small"])';
  const exports: [what: string, fields: (path: string) => string][] = [
    ['a file', (path) => `${made} { file(path: "/d/big") { export(path: "${path}/out") } }`],
    ['a folder', (path) => `${made} { directory(path: "/d") { export(path: "${path}/out") } }`],
  ];
  for (const [what, fields] of exports) {
    test(`while ${what} is exported to another disk`, async () => {
      const isFile = what === 'a file';
      if (isFile) writeFileSync(join(target, 'out'), 'what was there');
      const ask = await session.from(base);
      await expect(ask(fields(target))).rejects.toThrow(fullAt(join(target, 'out')));
      if (isFile) {
        expect(readdirSync(target)).toEqual(['out']);
        expect(readFileSync(join(target, 'out'), 'utf8')).toBe('what was there');
      } else expect(readdirSync(join(target, 'out'))).not.toContain('big');
      await resizeDisk(target, '8m');
      await ask(fields(target));
      expect(readFileSync(isFile ? join(target, 'out') : join(target, 'out/big')).length).toBe(3_000_000);
      await isRight();
    });
  }

  test('while an archive of an image is made', async () => {
    const ask = await session.from(base);
    const archive = (name: string) => ask(`${made} { export(path: "${place(name)}") }`);
    expect(await ask(`${made} { sync }`)).not.toBe('');
    const giveBack = leaveRoom(2 * MB);
    await expect(archive('image.tar')).rejects.toThrow(FULL_STORE);
    giveBack();
    expect(unfinished()).toEqual([]);
    await archive('image.tar');
    expect((await run('tar', ['tf', place('image.tar')])).stdout).toContain('index.json');
    rmSync(place('image.tar'));
    await isRight();
  });

  test('by a service that is bound to a step', async () => {
    const from = await session.from(base);
    const service = (script: string) =>
      from(`withExposedPort(port: 8080) { asService(args: ["sh", "-c", ${JSON.stringify(script)}]) { id } }`);
    const greedy = await service('(head -c 99000000 /dev/zero > /big; sleep 1); exec httpd -f -p 8080 -h /');
    const bound = (id: string) => `withServiceBinding(alias: "w", service: "${id}") { ${sh('echo bound')} }`;
    await expect(from(bound(greedy))).rejects.toThrow(FULL_STORE);
    await session
      .ask(`{ loadServiceFromID(id: "${greedy}") { stop } }`)
      .catch(() => session.ask(`{ node(id: "${greedy}") { ... on Service { stop } } }`));
    const modest = await service('exec httpd -f -p 8080 -h /');
    expect(await from(bound(modest))).toBe('bound\n');
    await isRight();
  });
});
