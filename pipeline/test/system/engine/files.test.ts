// Files and directories, made in the engine, taken from the host and put there.
import { readlinkSync, statSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { type Directory, ExistsType, ReturnType } from '@dagger.io/dagger';
import { sdkSession, sh, tree } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const { dag, base, host } = sdkSession();
/** A directory of empty files. */
const empty = (...paths: string[]): Directory =>
  paths.reduce((directory, path) => directory.withNewFile(path, ''), dag.directory());
const stat = (format: string, ...paths: string[]) => ['stat', '-c', format, ...paths];

const rows: Row[] = [
  // ── found again by their ids, as SDKs do whose programs hand ids on ────────────────────
  [
    'a container, a folder, a file and a secret by their ids',
    async () => {
      const folder = dag.directory().withNewFile('a', 'A');
      const secret = dag.setSecret('found', 'hush');
      return [
        await dag
          .loadContainerFromID((await base().withNewFile('/a', 'B').id()) as never)
          .file('/a')
          .contents(),
        await dag.loadDirectoryFromID((await folder.id()) as never).entries(),
        await dag.loadFileFromID((await folder.file('a').id()) as never).contents(),
        await dag.loadSecretFromID((await secret.id()) as never).plaintext(),
      ];
    },
    ['B', ['a'], 'A', 'hush'],
  ],
  [
    'an id of something else',
    async () => errorOf(dag.loadContainerFromID((await dag.directory().id()) as never).sync()),
    refusal('is a Directory, not a Container'),
  ],
  [
    'an id of nothing',
    () => errorOf(dag.loadContainerFromID('nonsense' as never).sync()),
    refusal('no object has the id nonsense'),
  ],
  [
    'a time beyond 2038, and a size beyond 2 GB',
    async () => {
      const later = dag.directory().withNewFile('a', '').withTimestamps(4_102_444_800);
      const stamped = base().withDirectory('/later', later).withExec(sh('stat -c %Y /later/a')).stdout();
      const large = base().withExec(sh('truncate -s 5000000000 /large')).file('/large');
      return [await stamped, await large.size()];
    },
    ['4102444800\n', 5_000_000_000],
  ],
  // ── the same once more, above what came between ─────────────────────────────────────────
  [
    'a folder that is put in a second time: over a file, over a removal, and again',
    async () => {
      const folder = dag.directory().withNewFile('a', 'A').withNewFile('b/c', 'C');
      const once = base().withDirectory('/x', folder);
      const between = [
        once.withNewFile('/x/a', 'other'),
        once.withoutFile('/x/a').withoutDirectory('/x/b'),
        once.withNewFile('/x/more', 'M').withDirectory('/x', folder).withNewFile('/x/a', 'other'),
      ];
      const shown = sh('cd /x; for f in $(find . -type f | sort); do echo "$f $(cat $f)"; done');
      return await Promise.all(between.map((each) => each.withDirectory('/x', folder).withExec(shown).stdout()));
    },
    ['./a A\n./b/c C\n', './a A\n./b/c C\n', './a A\n./b/c C\n./more M\n'],
  ],
  // ── reading ───────────────────────────────────────────────────────────────────────────
  [
    'some lines of a file',
    async () => {
      const file = dag.file('f', 'a\nb\nc\nd\n');
      return [
        await file.contents({ offsetLines: 1, limitLines: 2 }),
        await file.contents({ offsetLines: 3 }),
        await file.contents({ limitLines: 1 }),
      ];
    },
    ['b\nc\n', 'd\n', 'a\n'],
  ],
  [
    'patterns',
    async () => {
      const directory = empty('a.ts', 'b.js', 's/c.ts', 's/t/d.ts', '.hid');
      const patterns = ['*.ts', 's/*', '**/d.ts', '*', 's/**', '{a,b}.*', '?.ts', '[ab].*', '**.ts', 'nope*'];
      return Promise.all(patterns.map((pattern) => directory.glob(pattern)));
    },
    [
      ['a.ts'],
      ['s/c.ts', 's/t/'],
      ['s/t/d.ts'],
      ['.hid', 'a.ts', 'b.js', 's/'],
      ['s/c.ts', 's/t/', 's/t/d.ts'],
      [],
      ['a.ts'],
      ['a.ts', 'b.js'],
      [],
      [],
    ],
  ],
  [
    'entries in the order of their names, be they folders or files',
    () => empty('a.ts', 'a/b', 'a-b').entries(),
    ['a/', 'a-b', 'a.ts'],
  ],
  [
    'the name of a folder, also when it was changed',
    async () => {
      const folder = empty('a/b/c').directory('a/b');
      return [await folder.name(), await folder.withNewFile('d', '').name(), await dag.directory().name()];
    },
    ['b/', 'b/', '/'],
  ],
  [
    'the name of what is not there',
    async () => [await errorOf(empty().directory('x/../nope').name()), await errorOf(empty().file('x/../nope').name())],
    [refusal('x/../nope: no such file'), refusal('x/../nope: no such file')],
  ],
  [
    'what is around a folder: by its path, and by links',
    async () => {
      const folder = empty('s/f', 'o/g').withNewFile('d', 'd').withSymlink('../d', 's/up').withSymlink('/d', 's/top');
      const changed = folder.directory('s').withNewFile('h', '').withoutFile('f');
      return [
        await changed.directory('..').entries(),
        await changed.entries({ path: '../o' }),
        await changed.file('up').contents(),
        await changed.file('top').contents(),
        await changed.entries(),
      ];
    },
    [['d', 'o/', 's/'], ['g'], 'd', 'd', ['h', 'top', 'up']],
  ],
  ['the entries of a folder inside', () => empty('a/b/c').entries({ path: 'a' }), ['b/']],
  ['the entries of a folder that is not there', () => errorOf(empty().entries({ path: 'nope' })), refusal('nope')],
  [
    'whether there is a file of a kind',
    () => {
      const directory = empty('f').withNewDirectory('d').withSymlink('f', 'l');
      return Promise.all([
        directory.exists('f', { expectedType: ExistsType.RegularType }),
        directory.exists('f', { expectedType: ExistsType.DirectoryType }),
        directory.exists('d', { expectedType: ExistsType.DirectoryType }),
        directory.exists('l', { expectedType: ExistsType.SymlinkType, doNotFollowSymlinks: true }),
        directory.exists('l', { expectedType: ExistsType.RegularType }),
      ]);
    },
    [true, false, true, true, true],
  ],
  [
    'the status of a file',
    async () => {
      const status = dag.directory().withNewFile('f', 'abc', { permissions: 0o640 }).stat('f');
      return [await status.name(), await status.size(), await status.permissions(), await status.fileType()];
    },
    ['f', 3, 0o640, 'REGULAR'],
  ],
  [
    'the status of a folder, and of a link and what it leads to',
    () => {
      const directory = empty('f').withNewDirectory('d', { permissions: 0o750 }).withSymlink('f', 'link');
      const statuses = [
        directory.stat('d'),
        directory.stat('link'),
        directory.stat('link', { doNotFollowSymlinks: true }),
      ];
      return Promise.all(
        statuses.map(async (status) => [
          await status.name(),
          await status.fileType(),
          await status.permissions(),
          await status.size(),
        ]),
      );
    },
    [
      ['d', 'DIRECTORY', 0o750, 4096],
      ['f', 'REGULAR', 0o644, 0],
      ['link', 'SYMLINK', 0o777, 1],
    ],
  ],
  [
    'nothing is at an empty path',
    async () => [await empty('f').exists(''), await errorOf(empty('f').stat('').name())],
    [false, refusal('no such file or directory')],
  ],
  ['the status of a file by itself', () => dag.file('f', 'abc').stat().size(), 3],
  ['the status of a folder of a container', () => base().stat('/home').fileType(), 'DIRECTORY'],
  ['the status of a file that is not there', () => errorOf(empty().stat('nope').size()), refusal('nope')],
  [
    'a file where there is a folder',
    () => errorOf(empty('d/f').file('d').contents()),
    refusal('path d is a directory, not a file'),
  ],
  [
    'a folder where there is a file',
    () => errorOf(empty('f').directory('f').entries()),
    refusal('path f is a file, not a directory'),
  ],
  ['an empty file', () => base().withNewFile('/e', '').file('/e').size(), 0],
  [
    'a file of a container’s file system',
    () => base().withNewFile('/x/y', '').rootfs().directory('x').entries(),
    ['y'],
  ],
  [
    'a name with a blank and letters beyond ASCII',
    async () => {
      const directory = dag.directory().withNewFile('ü ö.txt', 'ß');
      return [await directory.entries(), await directory.file('ü ö.txt').contents()];
    },
    [['ü ö.txt'], 'ß'],
  ],

  // ── changing ──────────────────────────────────────────────────────────────────────────
  [
    'several files put into a folder',
    () => tree(empty().withFiles('x', [dag.file('a', '1'), dag.file('b', '2')])),
    ['x/', 'x/a', 'x/b'],
  ],
  [
    'several files put into a container, with owner and mode',
    () =>
      base()
        .withFiles('/x', [dag.file('a', '1'), dag.file('b', '2')], { owner: 'app', permissions: 0o600 })
        .withExec(stat('%a %u %n', '/x/a', '/x/b'))
        .stdout(),
    '600 1000 /x/a\n600 1000 /x/b\n',
  ],
  [
    'the mode of a new folder',
    () =>
      base()
        .withDirectory('/d', empty().withNewDirectory('x', { permissions: 0o700 }))
        .withExec(stat('%a', '/d/x'))
        .stdout(),
    '700\n',
  ],
  [
    'the mode of a folder that is put into a container, and of all in it',
    () =>
      base()
        .withDirectory('/d', empty('x/f'), { permissions: 0o700 })
        .withExec(stat('%a', '/d', '/d/x', '/d/x/f'))
        .stdout(),
    '700\n700\n700\n',
  ],
  [
    'the mode of a new folder and of those on the way, unless told otherwise; of one that is there already',
    () =>
      base()
        .withMountedDirectory(
          '/d',
          empty().withNewDirectory('x/y').withNewDirectory('z', { permissions: 0o700 }).withNewDirectory('z'),
        )
        .withExec(stat('%a', '/d/x', '/d/x/y', '/d/z'))
        .stdout(),
    '644\n644\n700\n',
  ],
  [
    'a new folder outside',
    () => errorOf(empty('d/f').directory('d').withNewDirectory('../e').sync()),
    refusal('cannot create directory outside parent: ../e'),
  ],
  [
    'a file written anew keeps its mode; through a link, it is the link’s file',
    async () => {
      const written = empty()
        .withNewFile('f', '1', { permissions: 0o755 })
        .withSymlink('f', 'link')
        .withNewFile('link', '2', { permissions: 0o600 });
      const status = written.stat('f');
      return [await written.file('f').contents(), await status.permissions(), await tree(written)];
    },
    ['2', 0o755, ['f', 'link']],
  ],
  [
    'links on the way are followed: to write, to take away, to link',
    async () => {
      const linked = empty('real/a').withSymlink('real', 'l');
      return tree(linked.withNewFile('l/b', '').withSymlink('b', 'l/c').withoutFile('l/a'));
    },
    ['l', 'real/', 'real/b', 'real/c'],
  ],
  [
    'what cannot be written: below a file, over a folder, over something with a link, with too long a name',
    () =>
      Promise.all(
        [
          empty('f').withNewFile('f/x', ''),
          empty('d/f').withNewFile('d', ''),
          empty('f').withSymlink('x', 'f'),
          empty('f'.repeat(256)),
        ].map((directory) => errorOf(directory.sync())),
      ),
    [
      refusal('f: not a directory'),
      refusal('d: is a directory'),
      refusal('symlink x f: file exists'),
      refusal('File name length exceeds the maximum supported 255 characters'),
    ],
  ],
  [
    'a file of a container below a file',
    () => errorOf(base().withNewFile('/t', 'text').withNewFile('/t/x', '').sync()),
    refusal('/t/x: not a directory'),
  ],
  [
    'a file by itself has no folder in its name',
    () => Promise.all([dag.file('d/f', ''), dag.file('f', '').withName('d/f')].map((file) => errorOf(file.sync()))),
    [refusal('file name "d/f" must not contain'), refusal('file name "d/f" must not contain')],
  ],
  [
    'a file put into a folder that its path means',
    async () => Promise.all(['', '.', '/', 'x/.', 'x/'].map((path) => tree(empty().withFile(path, dag.file('f', ''))))),
    [['f'], ['f'], ['f'], ['x/', 'x/f'], ['x/', 'x/f']],
  ],
  ['a new folder where there is one', () => tree(empty('x/a').withNewDirectory('x')), ['x/', 'x/a']],
  [
    'a folder put below folders that are not there',
    () => tree(empty().withDirectory('a/b', empty('c'))),
    ['a/', 'a/b/', 'a/b/c'],
  ],
  [
    'a link to a folder is followed',
    () => dag.directory().withNewFile('a/f', 'x').withSymlink('a', 'l').file('l/f').contents(),
    'x',
  ],
  [
    'a link in a container is followed, to read and to write',
    async () => {
      const linked = base().withNewFile('/real/a', '1').withSymlink('/real', '/link').withNewFile('/link/b', '2');
      return [await linked.file('/link/a').contents(), await linked.directory('/real').entries()];
    },
    ['1', ['a', 'b']],
  ],
  [
    'a folder put where a container has links to folders goes into those; the root stays as it is',
    () => {
      const linked = base().withExec(sh('mkdir -p /usr/lib; ln -s usr/lib /lib; ln -s /usr/lib /home/lib'));
      const folder = base()
        .withExec(sh('mkdir -m 700 /o; cd /o; mkdir -p lib home/lib; touch lib/a home/lib/b'))
        .directory('/o');
      return linked
        .withDirectory('/', folder)
        .withDirectory('/lib/', empty('c'))
        .withExec(sh('ls /usr/lib; readlink /lib; readlink /home/lib; stat -c %a /'))
        .stdout();
    },
    'a\nb\nc\nusr/lib\n/usr/lib\n755\n',
  ],
  ['a file of another name', () => dag.file('a', 'x').withName('b').name(), 'b'],
  ['several files taken away', () => tree(empty('a', 'b', 'c').withoutFiles(['a', 'b'])), ['c']],
  [
    'a folder taken out of a container',
    () => base().withNewFile('/d/a', '').withoutDirectory('/d').exists('/d'),
    false,
  ],
  [
    'the time of a folder, also where one was put that is the same but for its time',
    async () => {
      const folder = empty('d/f');
      const times = (directory: Directory) =>
        base()
          .withDirectory('/d', directory)
          .withExec(stat('%Y', '/d/d', '/d/d/f'));
      await times(folder).sync();
      return times(folder.withTimestamps(1_000_000_000)).stdout();
    },
    '1000000000\n1000000000\n',
  ],
  [
    'the time of a file',
    () => base().withFile('/f', dag.file('a', '').withTimestamps(1_000_000_000)).withExec(stat('%Y', '/f')).stdout(),
    '1000000000\n',
  ],
  [
    'the owner of a folder’s content, by number',
    () => base().withDirectory('/d', empty('x/f').chown('x', '1000:1001')).withExec(stat('%u %g', '/d/x/f')).stdout(),
    '1000 1001\n',
  ],
  [
    'owners by the names of the accounts that the folder holds',
    () => {
      const rootfs = base().rootfs().withNewFile('o/f', '').chown('o', 'app:nogroup');
      const put = rootfs.withFile('o/g', dag.file('g', ''), { owner: 'app' });
      return base()
        .withDirectory('/d', put.directory('o'))
        .withExec(stat('%u %g', '/d', '/d/f', '/d/g'))
        .stdout();
    },
    '1000 65534\n1000 65534\n1000 1000\n',
  ],
  [
    'an owner by one number is the group too',
    () => base().withNewFile('/f', '', { owner: '1234' }).withExec(stat('%u %g', '/f')).stdout(),
    '1234 1234\n',
  ],
  [
    'an owner whom the container does not know',
    () => errorOf(base().withNewFile('/f', '', { owner: 'ghost' }).sync()),
    refusal('ghost'),
  ],
  [
    'text replaced: all of it, the only one, the first from a line on',
    () => {
      const file = dag.file('f', 'a\nb\na\n');
      return Promise.all([
        file.withReplaced('a', 'x', { all: true }).contents(),
        file.withReplaced('b', 'y').contents(),
        file.withReplaced('a', 'z', { firstFrom: 2 }).contents(),
      ]);
    },
    ['x\nb\nx\n', 'a\ny\na\n', 'a\nb\nz\n'],
  ],
  [
    'text of two places to be replaced in one',
    () => errorOf(dag.file('f', 'aa').withReplaced('a', 'x').contents()),
    refusal('found multiple times: line 1 \\(0-1\\), line 1 \\(1-2\\)'),
  ],
  [
    'text to be replaced that is not there, or not from a line on; all of nothing is nothing',
    async () => {
      const file = dag.file('f', 'a\nb');
      return [
        await errorOf(file.withReplaced('q', 'x').contents()),
        await errorOf(file.withReplaced('a', 'x', { firstFrom: 2 }).contents()),
        await errorOf(file.withReplaced('', 'x', { all: true }).contents()),
        await file.withReplaced('a', 'x', { all: true, firstFrom: 9 }).contents(),
        await file.withReplaced('q', 'x', { all: true }).contents(),
      ];
    },
    [
      refusal('search string not found'),
      refusal('search string not found'),
      refusal('search string is empty'),
      'a\nb',
      'a\nb',
    ],
  ],
  [
    'text replaced in all lines from one on, and text of several lines',
    async () => {
      const file = dag.file('f', 'a\na\nß a\na');
      return [
        await file.withReplaced('a', 'b', { all: true, firstFrom: 2 }).contents(),
        await file.withReplaced('a\nß', '$&').contents(),
      ];
    },
    ['a\nb\nß b\nb', 'a\n$& a\na'],
  ],
  [
    'the digest of a file without its mode',
    async () => {
      const digest = (permissions: number) => dag.file('f', 'x', { permissions }).digest({ excludeMetadata: true });
      return (await digest(0o600)) === (await digest(0o755)) && (await digest(0o600));
    },
    // The hash of the hash of "x": so it is in a real engine.
    'sha256:0a325ca303eb3014c43ae004970f343634db176fa1697bcc8c9efac94626488d',
  ],
  [
    'a new file where there is a folder goes into it, and a link where there is anything goes nowhere',
    async () => {
      const made = base().withNewFile('/home', 'x').withNewFile('/new/', 'y');
      return [
        await made.file('/home/home').contents(),
        await made.file('/new/new').contents(),
        await errorOf(base().withSymlink('/etc', '/home').sync()),
      ];
    },
    ['x', 'y', refusal('/home: file exists')],
  ],

  // ── choosing ──────────────────────────────────────────────────────────────────────────
  [
    'only some folders, with a slash at the end or without',
    async () => {
      const only = (include: string) => tree(empty().withDirectory('/', empty('a/x', 'b/y'), { include: [include] }));
      return [await only('a'), await only('a/')];
    },
    [
      ['a/', 'a/x'],
      ['a/', 'a/x'],
    ],
  ],
  [
    'some paths, but for some of them',
    () => tree(empty('a/x.ts', 'a/x.test.ts', 'b').filter({ include: ['a/**'], exclude: ['**/*.test.ts'] })),
    ['a/', 'a/x.ts'],
  ],
  [
    'patterns are relative to the folder: one that begins with a slash fits nothing',
    () => tree(empty('a', 'b').filter({ exclude: ['/a', './b'] })),
    ['a'],
  ],
  ['all but one path left out', () => tree(empty('a', 'd/b').filter({ exclude: ['*', '!a'] })), ['a']],
  ['a name left out at the top', () => tree(empty('x', 'd/x').filter({ exclude: ['x'] })), ['d/', 'd/x']],
  ['a name left out anywhere', () => tree(empty('x', 'd/x', 'd/y').filter({ exclude: ['**/x'] })), ['d/', 'd/y']],
  [
    'some files of a folder put into a container',
    () =>
      base()
        .withDirectory('/x', empty('a.ts', 'b.js'), { include: ['*.ts'] })
        .directory('/x')
        .entries(),
    ['a.ts'],
  ],
  [
    'a .dockerignore is a file like others',
    async () => tree(dag.host().directory(await host({ '.dockerignore': 'a', a: '', b: '' }))),
    ['.dockerignore', 'a', 'b'],
  ],

  // ── comparing ─────────────────────────────────────────────────────────────────────────
  ['what another directory has besides', () => tree(empty('a', 'b').diff(empty('a', 'c/d'))), ['c/', 'c/d']],
  [
    'what was added, changed and removed',
    async () => {
      const before = empty('a', 'b', 'c');
      const changes = before.withoutFile('a').withNewFile('b', '2').withNewFile('d', '').changes(before);
      return [
        await changes.addedPaths(),
        await changes.modifiedPaths(),
        await changes.removedPaths(),
        await changes.isEmpty(),
        await before.changes(before).isEmpty(),
      ];
    },
    [['d'], ['b'], ['a'], false, true],
  ],
  [
    'changes of folders: new ones with what is in them, of gone ones just the outermost',
    async () => {
      const before = empty('kept', 'gone/a', 'gone/b/c', 'd/old').withNewDirectory('empty');
      const after = empty('kept', 'new/a', 'new.txt', 'd/old', 'd/new').withNewDirectory('none');
      const changes = after.changes(before);
      return [await changes.addedPaths(), await changes.modifiedPaths(), await changes.removedPaths()];
    },
    [['d/new', 'new.txt', 'new/', 'new/a', 'none/'], [], ['empty/', 'gone/']],
  ],
  [
    'what git would not see is no change: an empty folder, an owner, permissions but to execute',
    async () => {
      const before = empty('f', 'x');
      const folder = before.withNewDirectory('d').changes(before);
      const modes = dag
        .directory()
        .withNewFile('f', '', { permissions: 0o600 })
        .withNewFile('x', '', { permissions: 0o755 });
      return [
        await folder.isEmpty(),
        await folder.addedPaths(),
        await modes.chown('f', '1000').changes(before).modifiedPaths(),
      ];
    },
    [true, ['d/'], ['x']],
  ],
  [
    'a file in the place of a folder, and a folder in that of a file',
    async () => {
      const [file, folder] = [dag.directory().withNewFile('n', 'file'), empty('n/a')];
      const toFile = file.changes(folder);
      const toFolder = folder.changes(file);
      return [
        await toFile.removedPaths(),
        await folder.withChanges(toFile).file('n').contents(),
        await toFolder.addedPaths(),
        await tree(file.withChanges(toFolder)),
      ];
    },
    [['n/'], 'file', ['n/', 'n/a'], ['n/', 'n/a']],
  ],
  [
    'changes as a patch, which makes the same of the same',
    async () => {
      const before = dag.directory().withNewFile('a', 'one\n').withNewFile('gone', '').withNewFile('kept', 'k');
      const after = before.withNewFile('a', 'two\n').withoutFile('gone').withNewFile('d/new', 'n\n');
      const patch = after.changes(before).asPatch();
      const patched = before.withPatchFile(patch);
      return [
        await patch.name(),
        (await patch.contents()).split('\n').filter((line) => /^[-+][^-+]/.test(line)),
        await tree(patched),
        await patched.file('a').contents(),
      ];
    },
    ['diff.patch', ['-one', '+two', '+n'], ['a', 'd/', 'd/new', 'kept'], 'two\n'],
  ],
  [
    'a patch: of a folder inside, of nothing, one that does not fit',
    async () => {
      const patch = '--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+two\n';
      const file = (contents: string) =>
        dag.directory().withNewFile('s/f', contents, { permissions: 0o755 }).directory('s');
      const patched = file('one\n').withPatch(patch);
      return [
        await patched.file('f').contents(),
        await patched.stat('f').permissions(),
        await tree(file('').withPatch('')),
        await errorOf(file('three\n').withPatch(patch).sync()),
      ];
    },
    ['two\n', 0o755, ['f'], refusal('git apply: error: patch failed: f:1')],
  ],
  [
    'changes put on the host: what is gone goes, what is not theirs stays',
    async () => {
      const before = empty('gone/a', 'f');
      const out = await host({ 'gone/a': '', f: '', own: '' });
      const path = await before.withoutDirectory('gone').withNewFile('new/g', '').changes(before).export(out);
      return [path === out, await tree(dag.host().directory(out))];
    },
    [true, ['f', 'new/', 'new/g', 'own']],
  ],
  [
    'changes put on the host: nothing is removed through a link, and nothing of another kind',
    async () => {
      const elsewhere = await host({ kept: '' });
      const out = await host({ 'a/kept': '', 'f/kept': '', b: '' });
      symlinkSync(elsewhere, join(out, 'linked'));
      symlinkSync(elsewhere, join(out, 'parent'));
      const before = empty('linked/kept', 'parent/kept', 'f', 'b/c', 'x/y/z');
      const after = before.withoutDirectory('linked').withoutFile('parent/kept').withoutFile('f').withoutDirectory('b');
      await after.withoutDirectory('x').changes(before).export(out);
      return [await tree(dag.host().directory(out)), await tree(dag.host().directory(elsewhere))];
    },
    [['a/', 'a/kept', 'b', 'f/', 'f/kept', 'linked', 'parent/'], ['kept']],
  ],
  [
    'changes applied to another directory, and by themselves',
    async () => {
      const before = empty('a', 'b');
      const changes = before.withoutFile('a').withNewFile('b', '2').withNewFile('d/e', '').changes(before);
      const after = before.withNewFile('kept', '').withChanges(changes);
      return [await tree(after), await after.file('b').contents(), await tree(changes.layer())];
    },
    [['b', 'd/', 'd/e', 'kept'], '2', ['b', 'd/', 'd/e']],
  ],

  // ── the host ──────────────────────────────────────────────────────────────────────────
  [
    'a folder of a repository, without what the repository ignores above it',
    async () => {
      const files = { '.git/HEAD': '', '.gitignore': '*.log\n/d/out/\n', 'd/.gitignore': '!b.log\n' };
      const folder = await host({ ...files, 'd/a.log': '', 'd/b.log': '', 'd/out/x': '', 'd/e/out/y': '' });
      return tree(dag.host().directory(join(folder, 'd'), { gitignore: true }));
    },
    ['.gitignore', 'b.log', 'e/', 'e/out/', 'e/out/y'],
  ],
  [
    'a path of the host that begins at home',
    () => errorOf(dag.host().file('~/no-such-file').contents()),
    refusal(join(homedir(), 'no-such-file')),
  ],
  [
    'found on the way up: in a directory, and from the working directory on the host',
    async () => {
      const directory = empty('a/b/c', 'a/f', 'f');
      return [
        await directory.findUp('c', 'a/b'),
        await directory.findUp('f', '/a/b'),
        await directory.findUp('a', 'a/b'),
        await directory.findUp('nope', 'a/b'),
        await dag.host().findUp('package.json'),
        await dag.host().findUp('no-such-file'),
      ];
    },
    ['a/b/c', '/a/f', 'a', null, 'package.json', null],
  ],
  [
    'a device of the host as a file',
    () => errorOf(dag.host().file('/dev/zero').contents()),
    'GraphQLRequestError: /dev/zero: not a file on the host',
  ],
  [
    'a link to one',
    async () => {
      const folder = await host({});
      symlinkSync('/dev/zero', join(folder, 'l'));
      return (await errorOf(dag.host().file(join(folder, 'l')).contents())).replace(folder, '');
    },
    'GraphQLRequestError: /l: not a file on the host',
  ],
  [
    'a folder of the host as a file',
    () => errorOf(dag.host().file('/etc').contents()),
    'GraphQLRequestError: /etc: not a file on the host',
  ],
  ['a file of the host that is not there', () => errorOf(dag.host().file('/no/such').contents()), refusal('/no/such')],
  [
    'modes and links arrive on the host',
    async () => {
      const out = await host({});
      await dag.directory().withNewFile('x', '', { permissions: 0o755 }).withSymlink('x', 'l').export(out);
      return [statSync(join(out, 'x')).mode & 0o777, readlinkSync(join(out, 'l'))];
    },
    [0o755, 'x'],
  ],
  [
    'nothing that arrives on the host runs as its owner, and no other bit is lost; in an archive all stay',
    async () => {
      const out = await host({});
      const made = base().withExec(
        sh(
          'mkdir -p /d/s; echo >/d/u; echo >/d/g; echo >/d/t; chmod 4755 /d/u; chmod 2750 /d/g; chmod 1640 /d/t; chmod 7777 /d/s',
        ),
      );
      await made.directory('/d').export(out);
      await made.file('/d/u').export(join(out, 'one'));
      await made.directory('/d').changes(dag.directory()).export(join(out, 'changes'));
      const modeOf = (name: string) => (statSync(join(out, name)).mode & 0o7777).toString(8);
      const again = dag.container().import_(made.asTarball()).withExec(sh('stat -c %a /d/u /d/g /d/t /d/s'));
      return [['u', 'g', 't', 's', 'one', 'changes/u', 'changes/s'].map(modeOf), await again.stdout()];
    },
    [['755', '750', '1640', '1777', '755', '755', '1777'], '4755\n2750\n1640\n7777\n'],
  ],
  [
    'a file exported into a folder, if that is wanted; to a path that is none',
    async () => {
      const out = await host({ 'd/x': '' });
      const file = dag.file('name', 'z');
      const refused = await errorOf(file.export(join(out, 'd')));
      const paths = [
        await file.export(join(out, 'd'), { allowParentDirPath: true }),
        await file.export(`${out}/new/`, { allowParentDirPath: true }),
      ];
      return [refused, paths.map((path) => relative(out, path)), await tree(dag.host().directory(out))];
    },
    [refusal('d" is a directory; must be a file path'), ['d', 'new'], ['d/', 'd/name', 'd/x', 'new']],
  ],
  [
    'a step removes a folder of a layer below, and makes it anew: what was in it stays gone, in the image too',
    async () => {
      const below = base().withDirectory('/d', empty('old/deep', 'old/other')).withNewFile('/e/f', '');
      const made = below.withExec(sh('rm -r /d/old /e; mkdir /d/old; echo >/d/old/new'));
      const again = dag.container().import_(made.asTarball());
      const seen = sh('ls -R /d; ls /e 2>&1');
      return [
        await tree(made.directory('/d')),
        (await made.withExec(seen, { expect: ReturnType.Any }).stdout()) ===
          (await again.withExec(seen, { expect: ReturnType.Any }).stdout()),
        await tree(again.directory('/d')),
        await again.exists('/e'),
      ];
    },
    [['old/', 'old/new'], true, ['old/', 'old/new'], false],
  ],
  [
    'what a step made of the host’s files is exported with the step’s changes only',
    async () => {
      const source = await host({ a: '1', b: '2' });
      const made = base().withDirectory('/d', dag.host().directory(source)).withExec(sh('rm /d/a; echo 3 > /d/c'));
      const out = await host({});
      await made.directory('/d').export(out);
      return [await tree(dag.host().directory(out)), await tree(dag.host().directory(source))];
    },
    [
      ['b', 'c'],
      ['a', 'b'],
    ],
  ],
];
testRows(rows);
