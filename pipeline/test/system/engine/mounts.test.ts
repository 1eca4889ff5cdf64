// Mounts: folders, files, temporary folders, and cache volumes.
import { CacheSharingMode, type CacheVolume } from '@dagger.io/dagger';
import { expect } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, testRows } from './rows.ts';

const { dag, base } = sdkSession();
const folder = (files: Record<string, string>) =>
  Object.entries(files).reduce((directory, [path, text]) => directory.withNewFile(path, text), dag.directory());

const rows: Row[] = [
  // ── folders and files ─────────────────────────────────────────────────────────────────
  [
    'the paths where something is mounted',
    () => base().withMountedTemp('/t').withMountedDirectory('/d', folder({})).mounts(),
    ['/t', '/d'],
  ],
  [
    'a read-only folder',
    () =>
      base()
        .withMountedDirectory('/m', folder({ a: 'x' }), { readOnly: true })
        .withExec(sh('touch /m/b 2>/dev/null || echo refused; cat /m/a'))
        .stdout(),
    'refused\nx',
  ],
  [
    'the owner of a folder and of what is in it',
    () =>
      base()
        .withMountedDirectory('/m', folder({ a: 'x' }), { owner: 'app' })
        .withExec(['stat', '-c', '%u %g', '/m', '/m/a'])
        .stdout(),
    '1000 1000\n1000 1000\n',
  ],
  [
    'a file that its owner writes',
    () =>
      base()
        .withMountedFile('/m', dag.file('a', 'old'), { owner: 'app' })
        .withUser('app')
        .withExec(sh('echo new > /m'))
        .file('/m')
        .contents(),
    'new\n',
  ],
  [
    'a folder inside another',
    () =>
      base()
        .withMountedDirectory('/m', folder({ a: 'x' }))
        .withMountedDirectory('/m/sub', folder({ b: 'y' }))
        .withExec(['cat', '/m/a', '/m/sub/b'])
        .stdout(),
    'xy',
  ],
  [
    'a folder in place of another',
    () =>
      base()
        .withMountedDirectory('/m', folder({ a: '1' }))
        .withMountedDirectory('/m', folder({ b: '2' }))
        .withExec(['ls', '/m'])
        .stdout(),
    'b\n',
  ],
  [
    'files put into a mount and taken out of it',
    () =>
      base()
        .withMountedDirectory('/m', folder({ a: '1', b: '2' }))
        .withNewFile('/m/c', '3')
        .withoutFile('/m/a')
        .withExec(sh('cat /m/*'))
        .stdout(),
    '23',
  ],
  [
    'the place of a mount is not part of the file system',
    () => base().withMountedTemp('/mnt/x/y').withExec(['true']).rootfs().exists('/mnt'),
    false,
  ],
  [
    'the size of a temporary folder is its limit',
    () =>
      base()
        .withMountedTemp('/t', { size: 1_048_576 })
        .withExec(sh('dd if=/dev/zero of=/t/f bs=1M count=3 2>/dev/null || echo full'))
        .stdout(),
    'full\n',
  ],

  // ── cache volumes ─────────────────────────────────────────────────────────────────────
  [
    'the owner of a volume',
    () =>
      base()
        .withMountedCache('/c', dag.cacheVolume('owned'), { owner: 'app' })
        .withExec(['stat', '-c', '%u %g', '/c'])
        .stdout(),
    '1000 1000\n',
  ],
  [
    'the owner of a volume and of what it begins with',
    () =>
      base()
        .withMountedCache('/c', dag.cacheVolume('owned source'), { source: folder({ seed: 's' }), owner: 'app' })
        .withExec(['stat', '-c', '%u %g', '/c', '/c/seed'])
        .stdout(),
    '1000 1000\n1000 1000\n',
  ],
  [
    'what a volume begins with, and what became of it',
    async () => {
      const withVolume = base().withMountedCache('/c', dag.cacheVolume('begun'), { source: folder({ seed: 's' }) });
      const first = await withVolume.withExec(sh('cat /c/seed; echo changed > /c/seed')).stdout();
      return [first, await withVolume.withExec(['cat', '/c/seed']).stdout()];
    },
    ['s', 'changed\n'],
  ],
  [
    'locked: one step after the other',
    async () => {
      const script = 'test -e /c/held && echo met; touch /c/held; sleep 0.2; rm /c/held; echo alone';
      return inParallel(dag.cacheVolume('locked'), CacheSharingMode.Locked, script);
    },
    ['alone\n', 'alone\n', 'alone\n'],
  ],
  [
    'private: steps at the same time do not see one another',
    () => inParallel(dag.cacheVolume('private'), CacheSharingMode.Private, 'ls /c; touch /c/$STEP; sleep 0.5'),
    ['', '', ''],
  ],
  [
    'shared: steps at the same time wait for what the others write',
    () => {
      const script = 'touch /c/$STEP; while test $(ls /c | wc -l) -lt 3; do sleep 0.02; done; echo all';
      return inParallel(dag.cacheVolume('shared'), CacheSharingMode.Shared, script);
    },
    ['all\n', 'all\n', 'all\n'],
  ],
  [
    'a file of a volume is not the container’s',
    () => errorOf(base().withMountedCache('/c', dag.cacheVolume('other')).file('/c/x').contents()),
    expect.stringMatching(/^GraphQLRequestError/),
  ],
];
testRows(rows);

/** What three steps that differ in $STEP say when they run at once. */
function inParallel(volume: CacheVolume, sharing: CacheSharingMode, script: string): Promise<string[]> {
  const step = (name: string) =>
    base().withMountedCache('/c', volume, { sharing }).withEnvVariable('STEP', name).withExec(sh(script)).stdout();
  return Promise.all(['1', '2', '3'].map(step));
}
