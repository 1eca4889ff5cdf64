// Fields of GitRepository, GitRef and Changeset: questions to the host's git about a folder that holds a .git.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { type DirNode, difference, digest, find, paths } from '../store/tree.ts';
import { ChangesetValue, DirectoryValue, GitRefValue, type GitRepositoryValue, lazy, wholeTree } from '../values.ts';
import { lowerFolders, treeOf } from './content.ts';
import type { Resolvers } from './resolvers.ts';

const run = promisify(execFile);

/** Settings of a repository that would make git run programs or look elsewhere are switched off. */
const SAFE = [
  '-c',
  'safe.directory=*',
  '-c',
  'core.fsmonitor=false',
  '-c',
  'core.hooksPath=/dev/null',
  '-c',
  'core.untrackedCache=false',
];

async function git(session: Session, repository: GitRepositoryValue, args: string[]): Promise<string> {
  const folder = await workTree(session, repository);
  try {
    const { stdout } = await run('git', [...SAFE, '-C', folder, ...args], {
      maxBuffer: 1 << 28,
      env: {
        PATH: process.env.PATH ?? '',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
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

/** The repository where git can read it: the host's own folder where it was taken whole, else a copy. */
async function workTree(session: Session, { directory }: GitRepositoryValue): Promise<string> {
  if (directory.hostPath !== undefined) return directory.hostPath;
  const [folder] = await lowerFolders(session, await directory.content());
  return folder as string;
}

const lines = (text: string) => text.split('\n').filter(Boolean);

async function refNames(
  session: Session,
  repository: GitRepositoryValue,
  kind: 'heads' | 'tags',
  patterns: string[] = [],
): Promise<string[]> {
  const prefix = `refs/${kind}/`;
  const asked =
    patterns.length > 0
      ? patterns.map((pattern) => (pattern.startsWith('refs/') ? pattern : prefix + pattern))
      : [prefix];
  return lines(await git(session, repository, ['for-each-ref', '--format=%(refname)', ...asked])).map((name) =>
    name.slice(prefix.length),
  );
}

export const gitRepositoryFields: Resolvers<GitRepositoryValue> = {
  head: (self) => new GitRefValue(self, 'HEAD'),
  branch: (self, { name }: { name: string }) => new GitRefValue(self, `refs/heads/${name}`),
  tag: (self, { name }: { name: string }) => new GitRefValue(self, `refs/tags/${name}`),
  commit: (self, { id }: { id: string }) => new GitRefValue(self, id),
  ref: (self, { name }: { name: string }) => new GitRefValue(self, name),
  branches: (self, { patterns }: { patterns?: string[] }, session) => refNames(session, self, 'heads', patterns),
  tags: (self, { patterns }: { patterns?: string[] }, session) => refNames(session, self, 'tags', patterns),
  uncommitted: (self, _, session) =>
    new ChangesetValue(
      committedTree(session, self),
      self.directory,
      lazy(() => uncommittedPaths(session, self)),
    ),
};

async function uncommittedPaths(session: Session, repository: GitRepositoryValue) {
  const added: string[] = [];
  const modified: string[] = [];
  const removed: string[] = [];
  const entries = (
    await git(session, repository, ['status', '--porcelain=v1', '-z', '--untracked-files=all', '--no-renames'])
  )
    .split('\0')
    .filter(Boolean);
  for (const entry of entries) {
    const path = entry.slice(3);
    if (entry.startsWith('??') || entry[0] === 'A') added.push(path);
    else if (entry.slice(0, 2).includes('D')) removed.push(path);
    else modified.push(path);
  }
  return { added, modified, removed };
}

const commitOf = async (session: Session, { repository, name }: GitRefValue) =>
  (await git(session, repository, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])).trim();

function committedTree(session: Session, repository: GitRepositoryValue): DirectoryValue {
  return refTree(session, new GitRefValue(repository, 'HEAD'), true);
}

/** What is committed at a ref: a clone made by git itself, so that filters, links and modes are as git has them. */
function refTree(session: Session, ref: GitRefValue, discardGitDir: boolean): DirectoryValue {
  return new DirectoryValue(
    lazy(async () => {
      const commit = await commitOf(session, ref);
      const source = await workTree(session, ref.repository);
      const clone = session.store.scratch('clone');
      await git(session, ref.repository, ['clone', '--quiet', '--no-hardlinks', '--no-checkout', source, clone]);
      await run('git', [...SAFE, '-C', clone, 'checkout', '--quiet', '--detach', commit]);
      return wholeTree(await session.host.folder(clone, { exclude: discardGitDir ? ['.git'] : [] }));
    }),
  );
}

export const gitRefFields: Resolvers<GitRefValue> = {
  commit: (self, _, session) => commitOf(session, self),
  ref: async (self, _, session) => {
    if (self.name.startsWith('refs/')) return self.name;
    const full = await git(session, self.repository, [
      'rev-parse',
      '--symbolic-full-name',
      '--end-of-options',
      self.name,
    ]);
    return full.trim().replace(/^--end-of-options\n?/, '') || self.name; // a commit has no other name
  },
  tree: (self, { discardGitDir = false }: { discardGitDir?: boolean }, session) =>
    refTree(session, self, discardGitDir),
};

/** What turned one folder into another. */
export function changesBetween(session: Session, before: DirectoryValue, after: DirectoryValue): ChangesetValue {
  return new ChangesetValue(
    before,
    after,
    lazy(async () => {
      const old = await treeOf(session, await before.content());
      const now = await treeOf(session, await after.content());
      const changed = [...paths(difference(old, now))].map(([path]) => path);
      const isNew = (path: string) => find(old, path, { follow: false }) === undefined;
      return {
        added: changed.filter(isNew),
        modified: changed.filter((path) => !isNew(path) && isOtherFile(old, now, path)),
        removed: [...paths(old)]
          .map(([path]) => path)
          .filter((path) => find(now, path, { follow: false }) === undefined),
      };
    }),
  );
}

function isOtherFile(before: DirNode, after: DirNode, path: string): boolean {
  const [old, now] = [find(before, path, { follow: false }), find(after, path, { follow: false })];
  return old !== undefined && now !== undefined && now.kind !== 'dir' && digest(old) !== digest(now);
}

export const changesetFields: Resolvers<ChangesetValue> = {
  sync: async (self) => {
    await self.paths();
    return self.id;
  },
  isEmpty: async (self) => Object.values(await self.paths()).every((list) => list.length === 0),
  addedPaths: async (self) => (await self.paths()).added,
  modifiedPaths: async (self) => (await self.paths()).modified,
  removedPaths: async (self) => (await self.paths()).removed,
  before: (self) => self.before,
  after: (self) => self.after,
  layer: (self, _, session) =>
    new DirectoryValue(
      lazy(async () => {
        const after = await treeOf(session, await self.after.content());
        return wholeTree(difference(await treeOf(session, await self.before.content()), after));
      }),
    ),
};
