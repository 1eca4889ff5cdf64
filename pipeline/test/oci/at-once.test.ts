// Several things at once: as many as are allowed, none after a fault; and blobs among them, to and from a registry.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { inParallel } from '../../src/oci/at-once.ts';
import { pullToLayout } from '../../src/oci/pull.ts';
import { RegistryClient } from '../../src/oci/registry.ts';
import { scratch, smallImage } from './helpers.ts';
import { startRegistry } from './registry-server.ts';

test('all are done, never more than four at a time', async () => {
  let [now, most] = [0, 0];
  const done: number[] = [];
  await inParallel([...Array(20).keys()], async (item) => {
    now += 1;
    most = Math.max(most, now);
    await turn();
    now -= 1;
    done.push(item);
  });
  expect(most).toBe(4);
  expect(done.sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
});

test('after a fault none is begun, and it is the one that is thrown', async () => {
  const begun: number[] = [];
  const work = inParallel([...Array(20).keys()], async (item) => {
    begun.push(item);
    await turn();
    if (item === 1) throw new Error('the second');
  });
  await expect(work).rejects.toThrow('the second');
  expect(begun.length).toBeLessThan(9);
});

test('a registry that answers no blob before it is asked for a second one is asked', async () => {
  const image = await smallImage();
  const waiting: (() => void)[] = [];
  const { host } = await startRegistry(
    { repository: 'team/small', tags: { '1.0': image.top.digest }, blobs: image.blobs },
    (request, response) => {
      const [, digest = ''] = /\/blobs\/(.+)$/.exec(request.url ?? '') ?? [];
      if (digest === '') return false;
      waiting.push(() => void response.end(image.blobs.get(digest)));
      if (waiting.length > 1) for (const answer of waiting) answer();
      return true;
    },
  );
  const folder = join(await scratch(onTestFinished), 'pulled');
  await mkdir(folder);
  const pulled = await pullToLayout(
    new RegistryClient(),
    { registry: host, repository: 'team/small', tag: '1.0' },
    folder,
  );
  expect(pulled.digest).toBe(image.top.digest);
});
