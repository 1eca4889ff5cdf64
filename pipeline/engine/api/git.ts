// Fields of GitRepository and GitRef: questions to the host's git about a folder that holds a .git, or is one.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { type DirNode, find, map, put, stamp, without } from '../store/tree.ts';
import { DirectoryValue, GitRefValue, type GitRepositoryValue, lazy, wholeTree } from '../values.ts';
import { changesBetween } from './changeset.ts';
import { lowerFolders, treeOf } from './content.ts';
import type { Resolvers } from './resolvers.ts';
import { latestVersion } from './versions.ts';

const run = promisify(execFile);

/** Settings of a repository that would make git run programs or look elsewhere are switched off. */
const SAFE = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'core.untrackedCache=false'];

async function gitIn(session: Session, folder: string, args: readonly string[]): Promise<string> {
  // A file, since a fetch from a folder of somebody else asks no setting of the command line.
  const config = session.store.scratch('gitconfig');
  writeFileSync(config, '[safe]\n\tdirectory = *\n');
  try {
    const { stdout } = await run('git', [...SAFE, '-C', folder, ...args], {
      maxBuffer: 1 << 28,
      env: {
        PATH: process.env.PATH ?? '',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: config,
        GIT_OPTIONAL_LOCKS: '0',
        LC_ALL: 'C',
        GIT_CEILING_DIRECTORIES: `${folder}/..`,
      },
    });
    return stdout;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split('\n')[0];
    throw new EngineError(`git: ${said || (error as Error).message}`, undefined, { cause: error });
  }
}

const git = async (session: Session, repository: GitRepositoryValue, args: readonly string[]) =>
  gitIn(session, await workTree(session, repository), args);

/** The repository where git can read it: the host's own folder where it was taken whole, else as the engine has it. */
async function workTree(session: Session, { directory }: GitRepositoryValue): Promise<string> {
  if (directory.hostPath !== undefined) return directory.hostPath;
  const content = await directory.content();
  if ('stack' in content) return join(await session.layers.view(content.stack), content.path);
  const [folder] = await lowerFolders(session, content);
  return folder as string;
}

// ── Refs ─────────────────────────────────────────────────────────────────────────────────────

interface Ref {
  /** Empty for a commit that was named by its id. */
  readonly name: string;
  readonly commit: string;
}

const isCommit = (name: string) => /^[0-9a-f]{40}$/.test(name);

/** All refs by their full names; a tag with a message is the commit that it is of. */
async function refsOf(session: Session, repository: GitRepositoryValue): Promise<Ref[]> {
  await git(session, repository, ['rev-parse', '--git-dir']);
  const said = await git(session, repository, ['show-ref', '--head', '--dereference']).catch(() => '');
  const refs = new Map<string, string>();
  for (const line of said.split('\n').filter(Boolean)) {
    const [commit = '', name = ''] = line.split(' ');
    refs.set(name.replace(/\^\{\}$/, ''), commit);
  }
  return [...refs].map(([name, commit]) => ({ name, commit }));
}

/** The ref that a name means, as `git checkout` reads it: in full, else a branch, else a tag. */
async function lookUp(session: Session, { repository, name }: GitRefValue): Promise<Ref> {
  if (isCommit(name)) return { name: '', commit: name };
  const refs = await refsOf(session, repository);
  const short = (kind: string) => `${kind}${name.startsWith(kind) ? name.slice(kind.length) : name}`;
  const candidates = [name, short('refs/'), short('refs/heads/'), short('refs/tags/')];
  const found = candidates.map((full) => refs.find((ref) => ref.name === full)).find((ref) => ref !== undefined);
  if (found === undefined) throw new EngineError(`repository does not contain ref ${JSON.stringify(name)}`);
  if (found.name !== 'HEAD') return found;
  const branch = await git(session, repository, ['symbolic-ref', '--quiet', 'HEAD']).catch(() => 'HEAD');
  return { ...found, name: branch.trim() };
}

/** Names of one kind that fit any of the patterns, which are read from the end: `v*` fits `refs/tags/sdk/v1` too. */
async function refNames(
  session: Session,
  repository: GitRepositoryValue,
  kind: 'refs/heads/' | 'refs/tags/',
  patterns: readonly string[] = [],
): Promise<string[]> {
  const expressions = patterns.map(tailExpression);
  return (await refsOf(session, repository))
    .map(({ name }) => name)
    .filter((name) => name.startsWith(kind))
    .filter((name) => expressions.length === 0 || expressions.some((expression) => expression.test(`/${name}`)))
    .map((name) => name.slice(kind.length));
}

function tailExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.+(){}|]/g, '\\$&')
    .replace(/\[!/g, '[^')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^.*/${source}$`, 's');
}

const branchOrTag =
  (kind: 'refs/heads/' | 'refs/tags/') =>
  (self: GitRepositoryValue, { name }: { name: string }) =>
    new GitRefValue(self, kind + (name.startsWith(kind) ? name.slice(kind.length) : name));

export const gitRepositoryFields: Resolvers<GitRepositoryValue> = {
  head: (self) => new GitRefValue(self, 'HEAD'),
  branch: branchOrTag('refs/heads/'),
  tag: branchOrTag('refs/tags/'),
  commit: (self, { id }: { id: string }) => {
    if (!isCommit(id)) throw new EngineError(`invalid commit SHA: ${JSON.stringify(id)}`);
    return new GitRefValue(self, id);
  },
  ref: (self, { name }: { name: string }) => new GitRefValue(self, name),
  branches: (self, { patterns }: { patterns?: string[] }, session) => refNames(session, self, 'refs/heads/', patterns),
  tags: (self, { patterns }: { patterns?: string[] }, session) => refNames(session, self, 'refs/tags/', patterns),
  latestVersion: async (self, _, session) => {
    const tag = latestVersion(await refNames(session, self, 'refs/tags/', ['refs/tags/v*']));
    if (tag === undefined) throw new EngineError('no valid semver tags found');
    return new GitRefValue(self, `refs/tags/${tag}`);
  },
  url: () => null,
  uncommitted: (self, _, session) =>
    changesBetween(
      session,
      new DirectoryValue(lazy(async () => wholeTree(await cleaned(session, self)))),
      self.directory,
    ),
};

/** The folder as it would be with all that is not committed undone; ignored files stay. */
async function cleaned(session: Session, repository: GitRepositoryValue): Promise<DirNode> {
  const tree = await treeOf(session, await repository.directory.content());
  if ((await git(session, repository, ['rev-parse', '--is-inside-work-tree'])).trim() === 'false') return tree;
  const status = ['status', '--porcelain=v1', '-z', '--untracked-files=all', '--no-renames'];
  const entries = (await git(session, repository, status)).split('\0').filter(Boolean);
  if (entries.length === 0) return tree;
  const committed = await treeOf(
    session,
    await refTree(session, new GitRefValue(repository, 'HEAD'), { discardGitDir: true }).content(),
  );
  return entries
    .map((entry) => entry.slice(3))
    .reduce((result, path) => {
      const node = find(committed, path, { follow: false });
      return node === undefined ? withoutEmptied(result, path) : put(result, path, node);
    }, tree);
}

/** Without a file, and without the folders that held nothing else: git knows of none. */
function withoutEmptied(tree: DirNode, path: string): DirNode {
  const rest = without(tree, path);
  const parent = posix.dirname(path);
  const node = find(rest, parent, { follow: false });
  return parent !== '.' && node?.kind === 'dir' && node.children.size === 0 ? withoutEmptied(rest, parent) : rest;
}

// ── What is committed ────────────────────────────────────────────────────────────────────────

interface TreeArgs {
  readonly discardGitDir?: boolean;
  readonly depth?: number;
}

/** The files at a ref as git itself checks them out, with as much of the history as was asked for. */
function refTree(session: Session, ref: GitRefValue, { discardGitDir = false, depth = 1 }: TreeArgs): DirectoryValue {
  return new DirectoryValue(
    lazy(async () => {
      const { name, commit } = await lookUp(session, ref);
      const source = (await git(session, ref.repository, ['rev-parse', '--absolute-git-dir'])).trim();
      const clone = session.store.scratchFolder('clone');
      const inClone = (...args: string[]) => gitIn(session, clone, args);
      await inClone('-c', 'init.defaultBranch=main', 'init', '--quiet');
      const shallow = depth > 0 ? [`--depth=${depth}`] : [];
      await inClone('fetch', '--quiet', '--update-head-ok', ...shallow, `file://${source}`, `${commit}:${FETCHED}`);
      if (name !== '' && name !== 'HEAD') await inClone('update-ref', name, commit);
      const branch = name.startsWith('refs/heads/') ? name.slice('refs/heads/'.length) : undefined;
      await inClone('checkout', '--quiet', '--force', ...(branch === undefined ? ['--detach', commit] : [branch]));
      await inClone('update-ref', '-d', FETCHED);
      await inClone('reflog', 'expire', '--all', '--expire=now');
      const left = discardGitDir ? ['.git'] : ['.git/FETCH_HEAD', '.git/hooks'];
      const tree = await session.host.folder(clone, { exclude: left });
      return wholeTree(map(tree, (attributes) => ({ ...attributes, ...stamp(CHECKED_OUT) })) as DirNode);
    }),
  );
}

/** What keeps the commit while it is checked out. */
const FETCHED = 'refs/fetched/commit';
/** The time of all files, so that equal checkouts are equal. Not zero: to some build tools that means that there is no file. */
const CHECKED_OUT = 1;

export const gitRefFields: Resolvers<GitRefValue> = {
  commit: async (self, _, session) => (await lookUp(session, self)).commit,
  ref: async (self, _, session) => {
    const { name, commit } = await lookUp(session, self);
    return name || commit;
  },
  commonAncestor: async (self, { other }: { other: string }, session) => {
    const refs = [self, session.load(other, GitRefValue)];
    const [one = '', two = ''] = await Promise.all(refs.map(async (ref) => (await lookUp(session, ref)).commit));
    return new GitRefValue(self.repository, (await git(session, self.repository, ['merge-base', one, two])).trim());
  },
  tree: (self, args: TreeArgs, session) => refTree(session, self, args),
};
