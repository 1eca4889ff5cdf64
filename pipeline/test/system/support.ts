// What the system tests share: folders that go away with the test file, copies of the repository and caches in them.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { $ } from 'zx';
import { hasOneId } from './one-id.ts';
import { copyInto, copyPackages, type Environment, ROOT } from './repository.ts';

export * from './repository.ts';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await remove(folder);
});

/** Without root, files of a store may belong to ids that only a user namespace may touch. */
async function remove(folder: string): Promise<void> {
  if (process.getuid?.() === 0) return await rm(folder, { recursive: true, force: true });
  const ids = hasOneId ? [] : ['--map-auto'];
  await $`unshare --user --map-root-user ${ids} rm --recursive --force ${folder}`;
}

/** A folder that is gone when the test file is done. */
export async function temporaryFolder(label: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `drydock-${label}-`));
  folders.push(folder);
  return folder;
}

/** The repository with one of the pipeline's own tests left, and what they are set up by: to run and to scan all of them is one test's business. */
export async function copyOfRepository(label: string): Promise<string> {
  const folder = await temporaryFolder(label);
  const keeps = (path: string) => !/^pipeline\/(test\/(?!as-found\.ts$)|bench\/)/.test(path);
  // Without its tests nobody uses what only they do, which one of the linters would say.
  const manifest = (await readFile(join(ROOT, 'package.json'), 'utf8')).replace(' && knip', '');
  await copyInto(folder, keeps, { 'pipeline/test/one.test.ts': ONE_TEST, 'package.json': manifest });
  return folder;
}

const ONE_TEST = `import { expect, test } from 'vitest';

test('one', () => expect(1).toBe(1));
`;

export async function wholeCopyOfRepository(label: string): Promise<string> {
  const folder = await temporaryFolder(label);
  await copyInto(folder);
  return folder;
}

/** An environment in which nothing has run yet; what was downloaded is at hand. */
export async function coldCache(): Promise<Environment & { XDG_CACHE_HOME: string }> {
  const folder = await temporaryFolder('cache');
  await copyPackages(folder);
  return { XDG_CACHE_HOME: folder };
}
