// Repositories that strangers made, whose settings name programs: git answers about them, and runs none.
//
// Settings from git's documentation (git-config, gitattributes, githooks) and from its advisories: CVE-2022-24765, CVE-2022-39253,
// CVE-2024-32002, CVE-2024-32004, CVE-2024-32465, CVE-2025-48384.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Directory } from '@dagger.io/dagger';
import { beforeAll, describe, expect, test } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';
import { temporaryFolder } from '../support.ts';

const { base, dag } = sdkSession();
const host = (at: string) => dag.host().directory(at);

let folder: string;
let canary: string;
/** A program that leaves a trace, and then does as a filter or a hook would. */
let evil: string;
beforeAll(async () => {
  folder = await temporaryFolder('hostile-git');
  chmodSync(folder, 0o777);
  canary = join(folder, 'canary');
  evil = join(folder, 'evil.sh');
  writeFileSync(evil, `#!/bin/sh\necho "$0 $*" >>${canary}\ncat\n`);
  chmodSync(evil, 0o755);
});

const inside = (at: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: at, stdio: 'pipe' });

/** A work tree with a change in it, as somebody made it before the settings came in. */
function plant(name: string): string {
  const at = join(folder, name);
  // An attempt before this one may have left it.
  rmSync(at, { recursive: true, force: true });
  mkdirSync(at);
  inside(at, 'init', '--quiet', '--initial-branch=main');
  writeFileSync(join(at, '.gitattributes'), '*.txt filter=x diff=x merge=x\n');
  writeFileSync(join(at, 'a.txt'), 'one\n');
  inside(at, 'add', '-A');
  inside(at, 'commit', '--quiet', '--message', 'one');
  inside(at, 'tag', 'v1.0.0');
  // Git has to read the file to tell that it is the same.
  writeFileSync(join(at, 'a.txt'), 'one\n');
  return at;
}

const configure = (at: string, text: string) => appendFileSync(join(at, '.git/config'), `\n${text}\n`);

/** Of one line: `section.key`, the section perhaps of a name. */
const setting = (name: string, value: string) => (at: string) => {
  const [section = '', ...rest] = name.split('.');
  const key = rest.pop();
  const subsection = rest.length === 0 ? '' : ` "${rest.join('.')}"`;
  configure(at, `[${section}${subsection}]\n\t${key} = ${value.replaceAll('EVIL', evil)}`);
};

const HOOKS = ['post-checkout', 'post-index-change', 'reference-transaction', 'fsmonitor-watchman', 'post-merge'];
function putHooks(at: string): void {
  mkdirSync(at, { recursive: true });
  for (const name of HOOKS) cpSync(evil, join(at, name));
}

/** Another repository in the work tree, to which the index points. */
function plantInner(at: string, path: string): void {
  const inner = join(at, path);
  mkdirSync(inner, { recursive: true });
  inside(inner, 'init', '--quiet', '--initial-branch=main');
  writeFileSync(join(inner, '.gitattributes'), '*.txt filter=x\n');
  writeFileSync(join(inner, 'b.txt'), 'two\n');
  inside(inner, 'add', '-A');
  inside(inner, 'commit', '--quiet', '--message', 'two');
  writeFileSync(join(inner, 'b.txt'), 'two\n');
  const commit = inside(inner, 'rev-parse', 'HEAD').toString().trim();
  inside(at, 'update-index', '--add', '--cacheinfo', `160000,${commit},${path.replace('.git/', '')}`);
  setting('filter.x.clean', 'EVIL')(inner);
  setting('core.fsmonitor', 'EVIL')(inner);
}

const attempts: [what: string, plant: (at: string) => void][] = [
  ...(
    [
      ['filter.x.clean', 'EVIL'],
      ['filter.x.smudge', 'EVIL'],
      ['filter.x.process', 'EVIL'],
      ['core.fsmonitor', 'EVIL'],
      ['core.sshCommand', 'EVIL'],
      ['core.pager', 'EVIL'],
      ['pager.status', 'EVIL'],
      ['core.editor', 'EVIL'],
      ['core.askPass', 'EVIL'],
      ['core.gitProxy', 'EVIL'],
      ['core.alternateRefsCommand', 'EVIL'],
      ['uploadpack.packObjectsHook', 'EVIL'],
      ['diff.external', 'EVIL'],
      ['diff.x.textconv', 'EVIL'],
      ['diff.x.command', 'EVIL'],
      ['merge.x.driver', 'EVIL'],
      ['gpg.program', 'EVIL'],
      ['gpg.ssh.program', 'EVIL'],
      ['credential.helper', '!EVIL'],
      ['alias.status', '!EVIL'],
      ['interactive.diffFilter', 'EVIL'],
      ['sequence.editor', 'EVIL'],
      ['trailer.x.command', 'EVIL'],
      ['submodule.sub.update', '!EVIL'],
    ] as const
  ).map(([name, value]): [string, (at: string) => void] => [name, setting(name, value)]),
  ['hooks', (at) => putHooks(join(at, '.git/hooks'))],
  [
    'core.hooksPath',
    (at) => {
      putHooks(join(at, 'hooks'));
      configure(at, '[core]\n\thooksPath = hooks');
    },
  ],
  [
    'include.path, of a file in the work tree',
    (at) => {
      writeFileSync(join(at, 'more'), `[filter "x"]\n\tclean = ${evil}\n[core]\n\tfsmonitor = ${evil}\n`);
      configure(at, '[include]\n\tpath = ../more');
    },
  ],
  [
    'includeIf',
    (at) => {
      writeFileSync(join(at, 'more'), `[core]\n\tfsmonitor = ${evil}\n`);
      configure(at, `[includeIf "gitdir:/"]\n\tpath = ../more`);
    },
  ],
  [
    'config.worktree',
    (at) => {
      configure(at, '[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tworktreeConfig = true');
      writeFileSync(
        join(at, '.git/config.worktree'),
        `[core]\n\tfsmonitor = ${evil}\n[filter "x"]\n\tclean = ${evil}\n`,
      );
    },
  ],
  [
    'a remote that is a program, for what is missing',
    (at) =>
      configure(
        at,
        `[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ext::${evil}\n\tpromisor = true\n[protocol "ext"]\n\tallow = always`,
      ),
  ],
  [
    'a submodule with a filter of its own, never to be ignored',
    (at) => {
      plantInner(at, 'sub');
      writeFileSync(join(at, '.gitmodules'), '[submodule "sub"]\n\tpath = sub\n\turl = ./sub\n\tignore = none\n');
      configure(
        at,
        '[submodule "sub"]\n\tignore = none\n\turl = ./sub\n\tactive = true\n[diff]\n\tignoreSubmodules = none',
      );
    },
  ],
  [
    'a repository in .git, to which the index points',
    (at) => {
      plantInner(at, '.git/sub');
      configure(at, '[submodule "sub"]\n\tignore = none\n[diff]\n\tignoreSubmodules = none');
    },
  ],
  [
    'core.worktree, elsewhere',
    (at) => {
      mkdirSync(join(at, 'elsewhere'));
      configure(at, `[core]\n\tworktree = ${join(at, 'elsewhere')}\n\tfsmonitor = ${evil}`);
    },
  ],
  [
    'a path that ends with a carriage return',
    (at) => {
      writeFileSync(join(at, '.gitmodules'), '[submodule "sub"]\n\tpath = "sub\r"\n\turl = ./a.txt\n');
      putHooks(join(at, 'sub/hooks'));
    },
  ],
];

/** All that is asked of a repository. Some may be refused; none may run what the repository names. */
async function askAll(directory: Directory): Promise<string[]> {
  const git = directory.asGit();
  const head = git.head();
  const questions = [
    head.commit(),
    git.branches().then(String),
    git.tags().then(String),
    git.latestVersion().ref(),
    head.commonAncestor(git.branch('main')).commit(),
    git.uncommitted().isEmpty().then(String),
    git.uncommitted().modifiedPaths().then(String),
    head.tree().entries().then(String),
    head.tree({ discardGitDir: true, depth: -1 }).file('a.txt').contents(),
  ];
  return (await Promise.allSettled(questions)).map((answer) =>
    answer.status === 'fulfilled' ? answer.value : `refused: ${(answer.reason as Error).message}`,
  );
}

const right = (answers: string[]) => [/^[0-9a-f]{40}$/.test(answers[0] ?? ''), answers[1], answers[2], answers.at(-1)];

const places: [whose: string, directoryOf: (at: string) => Directory][] = [
  ['made by a step', (at: string) => base().withDirectory('/r', host(at)).withExec(sh('true')).directory('/r')],
  ['a folder of another user', (at: string) => host(at)],
];
describe.for(places)('a repository, %s', ([whose, directoryOf]) => {
  test.for(attempts)('%s', async ([what, prepare], { skip }) => {
    const at = plant(`${whose} ${what}`.replace(/\W+/g, '-'));
    prepare(at);
    if (whose === 'a folder of another user') {
      if (process.getuid?.() !== 0) return skip('only root may give a folder away');
      execFileSync('chown', ['--recursive', '4242:4242', at]);
    }
    rmSync(canary, { force: true });
    const answers = await askAll(directoryOf(at));
    expect(existsSync(canary)).toBe(false);
    expect(right(answers), answers.join('\n')).toEqual([true, 'main', 'v1.0.0', 'one\n']);
  });
});

test('the attempts are ones: git by itself runs what is named', () => {
  const ran = attempts.filter(([what, prepare]) => {
    const at = plant(`control-${what.replace(/\W+/g, '-')}`);
    prepare(at);
    rmSync(canary, { force: true });
    for (const words of [['status'], ['diff', 'HEAD'], ['checkout', '--force', 'HEAD']])
      spawnSync('git', words, { cwd: at });
    return existsSync(canary);
  });
  expect(ran.map(([what]) => what)).toEqual(
    expect.arrayContaining([
      'filter.x.clean',
      'core.fsmonitor',
      'hooks',
      'core.hooksPath',
      'include.path, of a file in the work tree',
      'config.worktree',
      'a submodule with a filter of its own, never to be ignored',
    ]),
  );
});

test('a file that is included is not read, nor are its lines told', async () => {
  const at = plant('secret');
  const secret = join(folder, 'secret.txt');
  writeFileSync(secret, 'root:hash-of-a-password\n');
  configure(at, `[include]\n\tpath = ${secret}`);
  const answers = await askAll(base().withDirectory('/r', host(at)).directory('/r'));
  expect(answers.join('\n')).not.toContain('hash-of-a-password');
  expect(right(answers)).toEqual([true, 'main', 'v1.0.0', 'one\n']);
});

test('a repository of the user’s own is read with its settings', async () => {
  const at = plant('own');
  setting('core.autocrlf', 'true')(at);
  writeFileSync(join(at, 'a.txt'), 'one\r\n');
  expect(await host(at).asGit().uncommitted().isEmpty()).toBe(true);
});

test.for(['--pathspec-from-file=', '--orphan=', '-b'])(
  'a branch that is called as an option of git is no option: %s',
  async (option) => {
    const at = plant(`option${option.length}`);
    writeFileSync(join(folder, 'private'), 'private words\n');
    const branch = `refs/heads/${option}${join(folder, 'private')}`;
    inside(at, 'update-ref', branch, 'HEAD');
    inside(at, 'symbolic-ref', 'HEAD', branch);
    const stepped = base().withDirectory('/r', host(at)).withExec(sh('touch /r/new')).directory('/r');
    for (const repository of [host(at), stepped]) {
      expect((await repository.asGit().head().tree({ discardGitDir: true }).entries()).sort()).toEqual([
        '.gitattributes',
        'a.txt',
      ]);
      expect(await repository.asGit().head().ref()).toBe(branch);
    }
  },
);
