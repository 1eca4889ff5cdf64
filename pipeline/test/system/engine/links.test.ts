// Links that a step puts where the engine will look after it: none leads the engine out of the step's tree, with and without root.
//
// The class of CVE-2024-23652 (BuildKit removed mount points through a link) and CVE-2024-21626's relatives, re-made for every thing that the engine
// does with a path in a tree that a step left.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '@dagger.io/dagger';
import { beforeEach, expect, test } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';
import { temporaryFolder } from '../support.ts';

const { dag, base } = sdkSession();

/** A folder of the host with empty and full files and folders, which anybody may change. */
let outside: string;
const NAMES = ['m', 'f', 'full', 'deep', 'name-9c1'];
const CONTENT = 'content-7f3a';
beforeEach(async () => {
  outside = await temporaryFolder('outside');
  for (const name of ['m', 'deep/m']) mkdirSync(join(outside, name), { recursive: true });
  for (const name of ['f', 'deep/f']) writeFileSync(join(outside, name), '');
  for (const name of ['full', 'name-9c1']) writeFileSync(join(outside, name), CONTENT);
  execFileSync('chmod', ['-R', 'a+rwX', outside]);
  chmodSync(outside, 0o777);
});

const state = () => [
  readdirSync(outside).sort(),
  readdirSync(join(outside, 'deep')).sort(),
  readFileSync(join(outside, 'full'), 'utf8'),
];
const untouched = () => expect(state()).toEqual([[...NAMES].sort(), ['f', 'm'], CONTENT]);

const secret = () => dag.setSecret('links', 'hush');
const mounts: [what: string, mount: (at: string) => Container][] = [
  ['a temporary folder', (at) => base().withMountedTemp(`${at}/m`)],
  ['a folder', (at) => base().withMountedDirectory(`${at}/m`, dag.directory())],
  ['a cache volume', (at) => base().withMountedCache(`${at}/m`, dag.cacheVolume('links'))],
  ['a file', (at) => base().withMountedFile(`${at}/f`, dag.file('x', ''))],
  ['a secret', (at) => base().withMountedSecret(`${at}/f`, secret())],
];
const swaps: [how: string, at: string, script: string][] = [
  ['the folder of the mount point', '/d', 'mv /d /e && ln -s OUTSIDE /d'],
  ['the folder above that', '/d/deep', 'mv /d /e && ln -s OUTSIDE /d'],
  ['by a link that climbs', '/d', 'mv /d /e && ln -s ../../../../../../../../../../../..OUTSIDE /d'],
  ['by two links', '/d', 'mv /d /e && ln -s OUTSIDE /l && ln -s l /d'],
];
for (const [what, mount] of mounts)
  for (const [how, at, script] of swaps)
    test(`${what}, and a link in the place of ${how}`, async () => {
      const done = mount(at).withExec(sh(`${script.replaceAll('OUTSIDE', outside)}; echo done`));
      expect(await done.stdout()).toBe('done\n');
      untouched();
    });

const asked: [what: string, ask: (container: Container) => Promise<unknown>][] = [
  ['the names in it', (container) => container.directory('/d').entries()],
  ['a file in it', (container) => container.file('/d/full').contents()],
  ['all that fits a pattern', (container) => container.directory('/').glob('d/**')],
  ['its digest', (container) => container.directory('/d').digest()],
  ['a file put there', (container) => container.withNewFile('/d/new', 'x').sync()],
  ['a folder put there', (container) => container.withDirectory('/d', dag.directory().withNewFile('new', 'x')).sync()],
  [
    'a folder put over it',
    (container) => container.withDirectory('/d/deep', dag.directory().withNewFile('new', 'x')).sync(),
  ],
  ['a file taken away', (container) => container.withoutFile('/d/full').sync()],
  ['a folder taken away', (container) => container.withoutDirectory('/d/deep').sync()],
  ['a step that works there', (container) => container.withWorkdir('/d').withExec(sh('touch new; rm -f full')).sync()],
  ['what changed', (container) => container.rootfs().changes(base().rootfs()).addedPaths()],
  ['a repository there', (container) => container.directory('/d').asGit().branches()],
];
for (const [what, ask] of asked)
  test(`a link to a folder of the host: ${what}`, async () => {
    const container = base().withExec(sh(`ln -s ${outside} /d`));
    const answer = await ask(container).then(String, (error: Error) => error.message);
    untouched();
    expect(answer).not.toMatch(/name-9c1|content-7f3a/);
  });

test('an export of a tree with links writes links, and nothing where they lead', async () => {
  const to = await temporaryFolder('exported');
  const tree = base()
    .withExec(sh(`mkdir /t && ln -s ${outside} /t/d && ln -s ${outside}/full /t/f`))
    .directory('/t');
  await tree.export(to);
  await tree.withNewFile('d2/new', 'x').export(to);
  untouched();
  expect(existsSync(join(outside, 'new'))).toBe(false);
});

test('links that are swapped in a loop while steps with mounts start beside', async () => {
  const volume = dag.cacheVolume(`swapped-${crypto.randomUUID()}`);
  const swapping = base()
    .withMountedCache('/v', volume)
    .withExec(
      sh(
        `end=$(($(date +%s) + 6)); while [ $(date +%s) -lt $end ]; do rm -rf /v/d; mkdir /v/d; rm -rf /v/d; ln -s ${outside} /v/d; done`,
      ),
    );
  const starting = Array.from({ length: 12 }, (_, index) =>
    base()
      .withMountedCache('/v', volume)
      .withMountedTemp('/v/d/m')
      .withExec(sh(`echo ${index}`))
      .stdout()
      .then(String, String),
  );
  await Promise.all([swapping.sync(), ...starting]);
  untouched();
});
