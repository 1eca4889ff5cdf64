// Registries of packages whose answers do not end: no more is taken than a package, or a list of them, can have.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchAll, wantedOf } from '../../../engine/images/assembled/cache.ts';
import type { Lock } from '../../../engine/images/assembled/lock-file.ts';
import { debianPin, lockOf, npmPin, pypiPin } from './packages.ts';

const MB = 1024 * 1024;
/** What a kernel and fetch take ahead of who reads. */
const AHEAD = 32 * MB;
const one = Buffer.from('a package');

let cache: string;
let close: () => void = () => {};
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'bounds-test-'));
});
afterEach(() => {
  close();
  rmSync(cache, { recursive: true });
});

/** As long as anybody takes it. */
function endless(response: ServerResponse, onSent: (bytes: number) => void): void {
  const part = Buffer.alloc(MB);
  const go = () => {
    if (response.destroyed) return;
    onSent(part.length);
    if (response.write(part)) setImmediate(go);
    else response.once('drain', go);
  };
  go();
}

const rows: [name: string, lock: Lock, most: number, announced: number | undefined][] = [
  ['a Debian package, whose size the lock has', lockOf([debianPin('tool', one)]), one.length, undefined],
  ['an npm package', lockOf([], [npmPin('tool', one)]), 128 * MB, undefined],
  ['an npm package that announces its size', lockOf([], [npmPin('tool', one)]), 0, Number.MAX_SAFE_INTEGER],
  ['a list of wheels', lockOf([], [], [pypiPin('tool', one)]), 64 * MB, undefined],
];
test.each(rows)('%s', async (_, lock, most, announced) => {
  let sent = 0;
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    if (announced !== undefined) response.setHeader('content-length', announced);
    endless(response, (bytes) => {
      sent += bytes;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const source = [{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }];
  const registries = { debian: async () => source, npm: async () => source, pypi: async () => source };
  const options = { cache, offline: false, registries: { ...registries, snapshots: () => [] }, log: () => {} };
  const platform = lock.platforms['linux/amd64'] as Lock['platforms'][string];
  await expect(fetchAll(wantedOf(platform), options)).rejects.toMatchObject({
    code: 'PACKAGE_UNREACHABLE',
    message: expect.stringContaining('sends more than'),
  });
  expect(asked).toBe(1);
  expect(sent).toBeLessThan(most + AHEAD);
});
