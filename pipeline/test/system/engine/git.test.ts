// Local git repositories: refs, trees, and what is not committed.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sdkSession } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const { dag, host } = sdkSession();

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
    [['n.txt'], ['a.txt'], ['sub/b.txt'], 'one', 'changed'],
  ],
  [
    'a branch that is not there',
    async () => errorOf((await repository()).git.branch('nope').commit()),
    refusal('nope'),
  ],
];
testRows(rows);

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
  return { folder, git, revision: (name: string) => run('rev-parse', `${name}^{commit}`) };
}
