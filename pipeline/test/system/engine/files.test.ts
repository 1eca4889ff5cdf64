// Files and directories, made in the engine, taken from the host and put there.
import { readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Directory, ExistsType } from '@dagger.io/dagger';
import { sdkSession, sh, tree } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const { dag, base, host } = sdkSession();
/** A directory of empty files. */
const empty = (...paths: string[]): Directory =>
  paths.reduce((directory, path) => directory.withNewFile(path, ''), dag.directory());
const stat = (format: string, ...paths: string[]) => ['stat', '-c', format, ...paths];

const rows: Row[] = [
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
      const patterns = ['*.ts', 's/*', '**/d.ts', '*', 's/**', '{a,b}.*', '?.ts', '[ab].*', 'nope*'];
      return Promise.all(patterns.map((pattern) => directory.glob(pattern)));
    },
    [
      ['a.ts'],
      ['s/c.ts', 's/t/'],
      ['s/t/d.ts'],
      ['.hid', 'a.ts', 'b.js', 's/'],
      ['s/c.ts', 's/t/', 's/t/d.ts'],
      ['a.ts', 'b.js'],
      ['a.ts'],
      ['a.ts', 'b.js'],
      [],
    ],
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
  ['a file of another name', () => dag.file('a', 'x').withName('b').name(), 'b'],
  ['several files taken away', () => tree(empty('a', 'b', 'c').withoutFiles(['a', 'b'])), ['c']],
  [
    'a folder taken out of a container',
    () => base().withNewFile('/d/a', '').withoutDirectory('/d').exists('/d'),
    false,
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
    refusal('contains "a" 2 times'),
  ],
  [
    'text to be replaced that is not there',
    () => errorOf(dag.file('f', 'a').withReplaced('q', 'x').contents()),
    refusal('does not contain "q"'),
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
    'a file exported into a folder',
    async () => {
      const out = await host({});
      await dag.file('name', 'z').export(out, { allowParentDirPath: true });
      return tree(dag.host().directory(out));
    },
    ['name'],
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
