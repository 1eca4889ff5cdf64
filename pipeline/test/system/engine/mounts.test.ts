// Mounts: folders, files, temporary folders, and cache volumes.
import { CacheSharingMode, type CacheVolume, type Container } from '@dagger.io/dagger';
import { sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

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
  [
    'a temporary folder inside another mount',
    async () => {
      const mounted = base()
        .withMountedDirectory('/m', folder({ a: '' }))
        .withMountedTemp('/m/t');
      return [
        await mounted.withExec(sh('touch /m/t/x && grep -c "tmpfs /m/t" /proc/mounts')).stdout(),
        await mounted.withExec(sh('touch /m/t/x')).directory('/m').glob('**/x'),
      ];
    },
    ['1\n', []],
  ],
  [
    'a folder over others hides them',
    () =>
      base()
        .withMountedDirectory('/m/sub', folder({ a: '' }))
        .withMountedTemp('/m/t')
        .withMountedDirectory('/m', folder({ b: '' }))
        .mounts(),
    ['/m'],
  ],
  [
    'secrets are not among the mounts',
    () => base().withMountedSecret('/s', dag.setSecret('mounted', 'x')).withMountedTemp('/t').mounts(),
    ['/t'],
  ],
  [
    'a file put in the place of a mounted one',
    async () => {
      const changed = base().withMountedFile('/m/f', dag.file('f', 'mounted')).withNewFile('/m/f', 'put');
      return [await changed.file('/m/f').contents(), await changed.mounts()];
    },
    ['put', []],
  ],
  [
    'a mount is taken away with its path, and what was below it too',
    async () => {
      const without = base()
        .withNewFile('/m/below', '')
        .withMountedDirectory('/m', folder({ a: '' }))
        .withoutDirectory('/m');
      return [await without.mounts(), await without.exists('/m')];
    },
    [[], false],
  ],
  [
    'what is not in them, said of the path that was asked for',
    async () => {
      const mounted = base()
        .withMountedDirectory('/d', folder({ f: '' }))
        .withMountedFile('/f', dag.file('f', ''))
        .withMountedTemp('/t')
        .withMountedSecret('/s', dag.setSecret('asked', 'x'));
      return [
        await errorOf(mounted.directory('/d/f').entries()),
        await errorOf(mounted.file('/d').contents()),
        await errorOf(mounted.file('/d/none').contents()),
        await errorOf(mounted.directory('/f').entries()),
        await errorOf(mounted.withNewFile('/t/x', '').sync()),
        await errorOf(mounted.file('/t/x').contents()),
        await errorOf(mounted.file('/s').contents()),
        String(await mounted.exists('/f/x')),
      ];
    },
    [
      refusal('path /d/f is a file, not a directory'),
      refusal('path /d is a directory, not a file'),
      refusal('d/none: no such file or directory'),
      refusal('path /f is a file, not a directory'),
      refusal('/t/x: cannot retrieve path from tmpfs'),
      refusal('/t/x: cannot retrieve path from tmpfs'),
      refusal('s: no such file or directory'),
      'false',
    ],
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
    'a volume of another owner, or shared in another way, is another',
    async () => {
      const volume = dag.cacheVolume('of many');
      const mount = (options: Parameters<Container['withMountedCache']>[2]) =>
        base().withMountedCache('/c', volume, options).withExec(sh('ls /c; touch /c/seen; stat -c %u:%g /c')).stdout();
      const { Locked } = CacheSharingMode;
      return [await mount({}), await mount({ owner: 'app:nogroup' }), await mount({ sharing: Locked })];
    },
    ['0:0\n', '1000:65534\n', '0:0\n'],
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
    refusal('/c/x: cannot retrieve path from cache'),
  ],
];
testRows(rows);

/** What three steps that differ in $STEP say when they run at once. */
function inParallel(volume: CacheVolume, sharing: CacheSharingMode, script: string): Promise<string[]> {
  const step = (name: string) =>
    base().withMountedCache('/c', volume, { sharing }).withEnvVariable('STEP', name).withExec(sh(script)).stdout();
  return Promise.all(['1', '2', '3'].map(step));
}
