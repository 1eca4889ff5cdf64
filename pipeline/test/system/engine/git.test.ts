// Local git repositories: refs, trees, and what is not committed.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const { dag, base, host } = sdkSession();

const rows: Row[] = [
  [
    'branches and tags, all and by pattern',
    async () => {
      const { git } = await repository();
      return [
        await git.branches(),
        await git.branches({ patterns: ['feature/*'] }),
        await git.tags(),
        await git.tags({ patterns: ['v0.1*'] }),
        await git.tags({ patterns: ['refs/tags/v0.2*'] }),
      ];
    },
    [['feature/x', 'main'], ['feature/x'], ['v0.1.0', 'v0.2.0'], ['v0.1.0'], ['v0.2.0']],
  ],
  [
    'the commit of a branch, of a tag with a message, of a name',
    async () => {
      const { git, revision } = await repository();
      const [main, feature] = [revision('main'), revision('feature/x')];
      return [
        (await git.head().commit()) === main,
        (await git.branch('main').commit()) === main,
        (await git.tag('v0.2.0').commit()) === feature,
        (await git.ref('feature/x').commit()) === feature,
        (await git.ref('refs/heads/main').commit()) === main,
        (await git.ref(feature).commit()) === feature,
      ];
    },
    [true, true, true, true, true, true],
  ],
  [
    'the full names of refs',
    async () => {
      const { git } = await repository();
      return [await git.head().ref(), await git.branch('main').ref(), await git.tag('v0.1.0').ref()];
    },
    ['refs/heads/main', 'refs/heads/main', 'refs/tags/v0.1.0'],
  ],
  [
    'patterns are read from the end',
    async () => {
      const { git, run } = await repository();
      run('tag', 'sdk/v1.0.0');
      return [
        await git.tags({ patterns: ['v1*'] }),
        await git.tags({ patterns: ['refs/tags/v*'] }),
        await git.branches({ patterns: ['x', 'ma*'] }),
      ];
    },
    [['sdk/v1.0.0'], ['v0.1.0', 'v0.2.0'], ['feature/x', 'main']],
  ],
  [
    'a name is a branch’s, a tag’s or a commit’s as it is asked for',
    async () => {
      const { git } = await repository();
      return [
        await git.branch('refs/heads/main').ref(),
        await git.ref('v0.1.0').ref(),
        await errorOf(git.branch('v0.1.0').commit()),
        await errorOf(git.tag('main').commit()),
        await errorOf(git.commit('main').commit()),
        await errorOf(git.ref('nope').commit()),
      ];
    },
    [
      'refs/heads/main',
      'refs/tags/v0.1.0',
      refusal('does not contain ref "refs/heads/v0.1.0"'),
      refusal('does not contain ref "refs/tags/main"'),
      refusal('invalid commit SHA: "main"'),
      refusal('does not contain ref "nope"'),
    ],
  ],
  [
    'the latest version, by its numbers',
    async () => {
      const { git, run } = await repository();
      for (const tag of ['v0.10.0', 'v0.10.0-rc.1', 'v0.9.0', 'vague', 'sdk/v2.0.0']) run('tag', tag);
      return git.latestVersion().ref();
    },
    'refs/tags/v0.10.0',
  ],
  ['no version', async () => errorOf(untagged().then((git) => git.latestVersion().ref())), refusal('no valid semver')],
  [
    'what two refs come from',
    async () => {
      const { git, folder, run, revision } = await repository();
      const ancestor = revision('main');
      writeFileSync(join(folder, 'c.txt'), '');
      run('add', '-A');
      run('commit', '-q', '-m', 'three');
      const common = git.branch('main').commonAncestor(git.branch('feature/x'));
      return [(await common.commit()) === ancestor, (await common.ref()) === ancestor];
    },
    [true, true],
  ],
  ['a local repository has no address', async () => (await repository()).git.url(), null],
  [
    'the files at a tag and at a commit',
    async () => {
      const { git, revision } = await repository();
      const tagged = git.tag('v0.1.0').tree({ discardGitDir: true });
      return [
        await tagged.entries(),
        await tagged.directory('sub').entries(),
        await tagged.file('a.txt').contents(),
        await git.commit(revision('feature/x')).tree().file('a.txt').contents(),
      ];
    },
    [['a.txt', 'sub/'], ['b.txt'], 'one', 'two'],
  ],
  [
    'a tree is a repository again',
    async () => {
      const { git, revision } = await repository();
      return (await git.head().tree().asGit().head().commit()) === revision('main');
    },
    true,
  ],
  [
    'a checkout: on its branch, of one commit unless more are asked for, of one time',
    async () => {
      const head = (await repository()).git.branch('feature/x').tree();
      const step = base().withMountedDirectory('/r', head).withExec(['stat', '-c', '%Y', '/r/a.txt', '/r/.git']);
      return [
        await head.file('.git/HEAD').contents(),
        await head.exists('.git/shallow'),
        await (await repository()).git.head().tree({ depth: -1 }).exists('.git/shallow'),
        await head.asGit().branches(),
        await step.stdout(),
      ];
    },
    ['ref: refs/heads/feature/x\n', true, false, ['feature/x'], '1\n1\n'],
  ],
  [
    'just the folder that git keeps: it has refs and trees, and nothing is uncommitted',
    async () => {
      const { folder } = await repository();
      const git = dag.host().directory(join(folder, '.git')).asGit();
      return [
        await git.branches(),
        await git.head().tree({ discardGitDir: true }).entries(),
        await git.uncommitted().isEmpty(),
      ];
    },
    [['feature/x', 'main'], ['a.txt', 'sub/'], true],
  ],
  [
    'a repository that a step worked on',
    async () => {
      const { folder } = await repository();
      const worked = base().withMountedDirectory('/r', dag.host().directory(folder)).withExec(sh('echo > /r/new'));
      const git = worked.directory('/r').asGit();
      return [await git.uncommitted().addedPaths(), await git.head().tree({ discardGitDir: true }).entries()];
    },
    [['new'], ['a.txt', 'sub/']],
  ],
  [
    'a repository that is a directory of the engine',
    async () => {
      const { folder } = await repository();
      const git = dag.directory().withDirectory('/', dag.host().directory(folder)).asGit();
      return [await git.branches(), await git.uncommitted().isEmpty()];
    },
    [['feature/x', 'main'], true],
  ],
  [
    'what is added, changed and removed since the last commit',
    async () => {
      const { folder, git } = await repository();
      writeFileSync(join(folder, 'a.txt'), 'changed');
      writeFileSync(join(folder, 'n.txt'), 'new');
      mkdirSync(join(folder, 'new/deep'), { recursive: true });
      writeFileSync(join(folder, 'new/deep/f'), '');
      rmSync(join(folder, 'sub/b.txt'));
      const changes = git.uncommitted();
      return [
        await changes.addedPaths(),
        await changes.modifiedPaths(),
        await changes.removedPaths(),
        await changes.before().file('a.txt').contents(),
        await changes.after().file('a.txt').contents(),
      ];
    },
    [['n.txt', 'new/', 'new/deep/', 'new/deep/f'], ['a.txt'], ['sub/b.txt'], 'one', 'changed'],
  ],
  [
    'whether anything is: a file that is new, changed or gone, and nothing where what is staged was undone',
    async () => {
      const { folder, run } = await repository();
      const isEmpty = () => dag.host().directory(folder, { noCache: true }).asGit().uncommitted().isEmpty();
      const answers = [await isEmpty()];
      for (const [path, text] of [
        ['n.txt', 'new'],
        ['a.txt', 'changed'],
      ] as const) {
        const before = existsSync(join(folder, path)) ? readFileSync(join(folder, path)) : null;
        writeFileSync(join(folder, path), text);
        answers.push(await isEmpty());
        run('add', path);
        answers.push(await isEmpty());
        if (before === null) rmSync(join(folder, path));
        else writeFileSync(join(folder, path), before);
        answers.push(await isEmpty());
      }
      rmSync(join(folder, 'sub/b.txt'));
      return [...answers, await isEmpty()];
    },
    [true, false, false, true, false, false, true, false],
  ],
  [
    'a file in the place of a folder, and a link to another folder',
    async () => {
      const { folder, git } = await repository();
      rmSync(join(folder, 'sub'), { recursive: true });
      writeFileSync(join(folder, 'sub'), 'a file');
      const asFile = await git.uncommitted().removedPaths();
      rmSync(join(folder, 'sub'));
      mkdirSync(join(folder, 'other'));
      symlinkSync('other', join(folder, 'sub'));
      const again = dag.host().directory(folder, { noCache: true }).asGit().uncommitted();
      return [asFile, await again.removedPaths(), await again.addedPaths()];
    },
    [['sub/'], ['sub/'], ['sub']],
  ],
  [
    'programs that a step names as filters are not run on the host',
    async () => {
      const { folder } = await repository();
      const told = join(await host({}), 'told');
      const filter = `[filter "e"]\n\tclean = touch ${told}; cat\n\tsmudge = touch ${told}; cat\n\trequired = true\n`;
      const worked = base()
        .withDirectory('/r', dag.host().directory(folder))
        .withNewFile('/filter', filter)
        .withExec(sh('cd /r; cat /filter >>.git/config; echo "*.txt filter=e" >.gitattributes; echo new >a.txt'))
        .directory('/r');
      const patch = '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-new\n+newer\n';
      return [
        await worked.asGit().uncommitted().modifiedPaths(),
        await worked.withPatch(patch).file('a.txt').contents(),
        await worked.asGit().head().tree().file('a.txt').contents(),
        existsSync(told),
      ];
    },
    [['a.txt'], 'newer\n', 'one', false],
  ],
  [
    'a .git that leads out of its folder: by a link, a file, a link in it, objects of elsewhere',
    async () => {
      const { folder } = await repository();
      const asked = (script: string) =>
        errorOf(
          base()
            .withDirectory('/r', dag.host().directory(folder))
            .withExec(sh(`cd /r; ${script}`))
            .directory('/r')
            .asGit()
            .branches(),
        );
      return Promise.all(
        [
          `rm -r .git; ln -s ${folder}/.git .git`,
          `rm -r .git; echo "gitdir: ${folder}/.git" >.git`,
          `rm -r .git/refs; ln -s ${folder}/.git/refs .git/refs`,
          `echo ${folder}/.git/objects >.git/objects/info/alternates`,
          `echo ${folder}/.git >.git/commondir`,
        ].map(asked),
      );
    },
    Array(5).fill(refusal('the .git of this folder leads out of it')),
  ],
  [
    'a branch that is not there',
    async () => errorOf((await repository()).git.branch('nope').commit()),
    refusal('nope'),
  ],
];
testRows(rows);

/** A repository without a commit. */
async function untagged() {
  const folder = await host({});
  execFileSync('git', ['init', '-q'], { cwd: folder });
  return dag.host().directory(folder).asGit();
}

/** On `main`: one commit, tagged v0.1.0. On `feature/x`: one more, tagged v0.2.0 with a message. */
async function repository() {
  const folder = await host({ 'a.txt': 'one', 'sub/b.txt': 'b' });
  const run = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=c', '-c', 'user.email=c@example.invalid', ...args], {
      cwd: folder,
      encoding: 'utf8',
    }).trim();
  run('init', '-q', '-b', 'main');
  run('add', '-A');
  run('commit', '-q', '-m', 'one');
  run('tag', 'v0.1.0');
  run('checkout', '-q', '-b', 'feature/x');
  writeFileSync(join(folder, 'a.txt'), 'two');
  run('commit', '-q', '-a', '-m', 'two');
  run('tag', '-a', '-m', 'x', 'v0.2.0');
  run('checkout', '-q', 'main');
  const git = dag.host().directory(folder).asGit();
  return { folder, git, run, revision: (name: string) => run('rev-parse', `${name}^{commit}`) };
}
