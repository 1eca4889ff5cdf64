// A published image is built again from its commit: equal in another folder; and one that was tampered with, another one, and one of no known commit are told.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { attach, RELEASE } from '../../src/oci/attach.ts';
import { openLayout } from '../../src/oci/layout.ts';
import { RegistryClient } from '../../src/oci/registry.ts';
import { moveTags, pushImage } from '../../src/oci/upload.ts';
import { startRegistry } from './delivery/registry.ts';
import { greeterIn } from './greeter.ts';
import { ci, commitAll, edit, foreignIn } from './repository.ts';
import { temporaryFolder } from './support.ts';

let host: string;
let repository: string;
let commit: string;
let elsewhere: string;
const client = new RegistryClient();

beforeAll(async () => {
  ({ host } = await startRegistry());
  const folder = await temporaryFolder('reproduce');
  repository = join(folder, 'greeter');
  await foreignIn(repository, greeterIn('.'));
  commit = (await $({ cwd: repository })`git rev-parse HEAD`).stdout.trim();
  await publish(repository, 'good');
  // The same commit with another file, which was never committed.
  await edit(repository, 'server.js', (text) => text.replace('hello', 'hullo'));
  await publish(repository, 'tampered');
  elsewhere = join(folder, 'another', 'clone');
  await cp(repository, elsewhere, { recursive: true, verbatimSymlinks: true });
  await commitAll(elsewhere, 'Goes on');
});

/** Build it, push it, and say beside it that it is of the commit. */
async function publish(root: string, tag: string, of = commit): Promise<void> {
  const built = await ci(root, ['build']);
  expect(built.exitCode, built.stdout + built.stderr).toBe(0);
  const at = { registry: host, repository: `acme/${tag}` };
  const source = await openLayout(join(built.output, 'image.tar'));
  const { digest } = await pushImage(client, at, source);
  await source.close();
  await moveTags(client, at, digest, [tag]);
  const record = { released: '2026-01-01T00:00:00Z', source: { commit: of } };
  await attach(client, at, digest, { type: RELEASE, bytes: Buffer.from(JSON.stringify(record)), annotations: {} });
}

const reproduce = async (tag: string, more: string[] = [], env = {}) =>
  await ci(elsewhere, ['reproduce', `${host}/acme/${tag}:${tag}`, ...more], env);

test('equal, in another folder, whatever is checked out there', async () => {
  const { exitCode, stdout, stderr } = await reproduce('good');
  expect(exitCode, stdout + stderr).toBe(0);
  expect(stdout).toContain(`of commit ${commit}`);
  expect(stdout).toMatch(new RegExp(`equal: ${commit} builds sha256:[\\da-f]{64} here, too`));
});

test('tampered with: which file of which layer', async () => {
  const { exitCode, stdout } = await reproduce('tampered');
  expect(exitCode, stdout).toBe(1);
  expect(stdout).toMatch(/^linux\/amd64, layer \d+: app\/dist\/server\.js differs$/m);
  expect(stdout).toMatch(new RegExp(`not equal: ${commit} builds sha256:`));
});

test('secrets of installs are for commits of a branch or tag here', async () => {
  const { stdout: stray } = await $({ cwd: elsewhere, quiet: true })`git commit-tree ${'HEAD^{tree}'} -p HEAD -m stray`;
  await publish(repository, 'stray', stray.trim());
  const refused = await reproduce('stray', ['--secrets', 'env://NPM_TOKEN'], { NPM_TOKEN: 'x' });
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringMatching(/is on no branch and no tag here/)]);
});

test('of a commit that is not here, and of none', async () => {
  await publish(repository, 'unknown', 'f'.repeat(40));
  const unknown = await reproduce('unknown');
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toMatch(/commit f{40} cannot be checked out here[\s\S]*git fetch origin f{40}/);
  await publish(repository, 'none', '');
  const none = await reproduce('none');
  expect(none.exitCode).toBe(2);
  expect(none.stderr).toContain('does not say which commit it is of');
});
