// One digest everywhere: the image depends on the content that goes into it, and on nothing else.
import { chmod, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { openLayout } from '../../src/oci/layout.ts';
import { MEDIA } from '../../src/oci/types.ts';
import { add, ci, coldCache, commitAll, copyOfRepository, edit, filesIn, resultOf } from './support.ts';

let repository: string;
let digest: string;
beforeAll(async () => {
  repository = await copyOfRepository('digest');
  digest = await build(repository);
});

async function build(folder: string, env: Record<string, string> = {}, ...options: string[]): Promise<string> {
  const run = await ci(folder, ['build', ...options], env);
  expect(run.exitCode, run.stdout).toBe(0);
  return resultOf(run).image?.digest ?? '';
}

test('another folder, time, time zone, umask and commit, and no cache, make the same image', async () => {
  const other = await copyOfRepository('a rather different place');
  await add(other, { 'docs/unrelated.md': 'Not part of the service.\n' });
  await commitAll(other, 'Another commit');
  for (const file of filesIn(join(other, 'service'))) {
    await utimes(file, 1_000_000_000, 1_000_000_000);
    await chmod(file, 0o600);
  }
  const umask = process.umask(0o077);
  try {
    expect(await build(other, { ...(await coldCache()), TZ: 'Pacific/Kiritimati', LC_ALL: 'C' })).toBe(digest);
  } finally {
    process.umask(umask);
  }
});

test('a changed byte makes another', async () => {
  await edit(repository, 'service/src/about.ts', (text) => text.replace("'", "'\\x20"));
  expect(await build(repository)).not.toBe(digest);
});

test('two platforms make an index of two manifests with one layer of app', async () => {
  const folder = await copyOfRepository('platforms');
  const both = await build(folder, {}, '--platforms', 'linux/amd64,linux/arm64');
  const source = await openLayout(join(folder, 'out', 'image.tar'));
  try {
    const [top] = await source.entries();
    expect(top).toMatchObject({ mediaType: MEDIA.index, digest: both });
    const { platforms } = resultOf({ output: join(folder, 'out') }).image ?? { platforms: [] };
    expect(platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
    expect(platforms[0]?.digest).toBe(digest);
    expect(new Set(platforms.map(({ appLayer }) => appLayer.digest)).size).toBe(1);
  } finally {
    await source.close();
  }
});
