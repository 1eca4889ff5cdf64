// Fields of GitRepository and GitRef: questions to the host's git about a folder that holds a .git, or is one.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ANY, literally, oneOf, type Part, Wildcards } from '../../src/oci/wildcards.ts';
import { EngineError, notSupported } from '../errors.ts';
import type { Session } from '../session.ts';
import { readOnce, withScratch } from '../store/host.ts';
import { EMPTY_STACK, onTop } from '../store/layers.ts';
import { readPattern } from '../store/patterns.ts';
import { keyOf } from '../store/store.ts';
import { type DirNode, find, map, put, stamp, without } from '../store/tree.ts';
import {
  type Content,
  DirectoryValue,
  GitRefValue,
  type GitRepositoryValue,
  lazy,
  type RemoteRepository,
  wholeTree,
} from '../values.ts';
import { changesBetween } from './changeset.ts';
import { lowerFolders, treeOf } from './content.ts';
import { paced } from './git-pace.ts';
import { remoteRefs } from './git-remote.ts';
import { type GitRunner, gitRunner, type Variables } from './git-runner.ts';
import { plainRepository } from './plain-repository.ts';
import type { Resolvers } from './resolvers.ts';
import { latestVersion } from './versions.ts';

/** The repository where git can read it: the host's own folder where that is the user's, else what of it is not obeyed. */
async function git(session: Session, repository: GitRepositoryValue, args: readonly string[]): Promise<string> {
  if (repository.remote !== undefined) throw notSupported(`git ${args[0]} of a repository at an address`);
  const { hostPath } = repository.directory;
  if (hostPath !== undefined && (await isUsersOwn(session, hostPath))) return gitIn(session, hostPath)(args);
  const { folder, variables } = await plainly(session, repository);
  return gitIn(session, folder, variables)(args);
}

const gitIn = (session: Session, folder: string, variables?: Variables): GitRunner =>
  gitRunner(folder, variables, () => session.remembered('gitconfig', async () => settingsFile(session)));

/** A file, since a fetch from a folder of somebody else asks no setting of the command line. */
function settingsFile({ store }: Session): string {
  const file = store.scratch('gitconfig');
  writeFileSync(file, '[protocol]\n\tallow = never\n[protocol "file"]\n\tallow = always\n');
  return file;
}

/** By git's own word: it obeys no repository of somebody else. */
function isUsersOwn(session: Session, folder: string): Promise<boolean> {
  return session.remembered(`owner of ${folder}`, () =>
    gitIn(
      session,
      folder,
    )(['rev-parse', '--git-dir']).then(
      () => true,
      (error: EngineError) => {
        if (/detected dubious ownership|cannot use bare repository/.test(error.message)) return false;
        throw error;
      },
    ),
  );
}

interface Plain {
  readonly folder: string;
  readonly variables: Variables;
}

/** Of a folder that anybody may have made, in which a working tree and its repository lie, or the latter alone. */
function plainly(session: Session, { directory }: GitRepositoryValue): Promise<Plain> {
  const known = plain.get(directory);
  if (known !== undefined) return known;
  const made = makePlain(session, directory);
  plain.set(directory, made);
  made.catch(() => plain.delete(directory));
  return made;
}

const plain = new WeakMap<DirectoryValue, Promise<Plain>>();

async function makePlain(session: Session, directory: DirectoryValue): Promise<Plain> {
  const folder = directory.hostPath ?? (await folderOf(session, directory));
  const hasWorkTree = existsSync(join(folder, '.git'));
  const place = session.store.scratchFolder('repository');
  await plainRepository(gitIn(session, place), hasWorkTree ? join(folder, '.git') : folder, place);
  // Without that git would take the folder that it is asked in for the working tree.
  if (!hasWorkTree) appendFileSync(join(place, 'config'), '[core]\n\tbare = true\n');
  return {
    folder,
    variables: {
      GIT_DIR: place,
      // With a common folder git would not read that there is no working tree.
      ...(hasWorkTree ? { GIT_COMMON_DIR: place, GIT_WORK_TREE: folder } : {}),
    },
  };
}

async function folderOf(session: Session, directory: DirectoryValue): Promise<string> {
  const content = await directory.content();
  return 'stack' in content
    ? join(await session.layers.view(content.stack), content.path)
    : ((await lowerFolders(session, content))[0] as string);
}

/** By its exit code; any other than 1 is a fault. */
const saysNo = ({ cause }: EngineError) => (cause as { code?: unknown } | undefined)?.code === 1;

// ── Refs ─────────────────────────────────────────────────────────────────────────────────────

interface Ref {
  /** Empty for a commit that was named by its id. */
  readonly name: string;
  readonly commit: string;
}

const isCommit = (name: string) => /^[0-9a-f]{40}$/.test(name);

/** All refs by their full names; a tag with a message is the commit that it is of. */
async function refsOf(session: Session, repository: GitRepositoryValue): Promise<Ref[]> {
  const { remote } = repository;
  if (remote !== undefined) return parseRefs((await refsAt(session, remote)).text);
  const said = await git(session, repository, ['show-ref', '--head', '--dereference']).catch((error: EngineError) => {
    if (saysNo(error)) return ''; // there are none
    throw error;
  });
  return parseRefs(said);
}

/** Asked once: what a session fetches of a repository is of one and the same time. */
function refsAt(session: Session, remote: RemoteRepository): ReturnType<typeof remoteRefs> {
  const known = remotes.get(remote);
  if (known !== undefined) return known;
  const asked = asking(session, remote, (variables) =>
    remoteRefs(gitIn(session, session.store.root, variables), remote),
  );
  remotes.set(remote, asked);
  asked.catch(() => remotes.delete(remote));
  return asked;
}

const remotes = new WeakMap<RemoteRepository, ReturnType<typeof remoteRefs>>();

async function asking<T>(
  { options }: Session,
  { url, variables }: RemoteRepository,
  ask: (variables: Variables) => Promise<T>,
): Promise<T> {
  if (options.offline) throw new EngineError(`cannot ask ${url}: the network is off`, undefined, { lack: 'OFFLINE' });
  return paced(url, await variables(), ask);
}

function parseRefs(said: string): Ref[] {
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
  if (repository.remote !== undefined) return { ...found, name: (await refsAt(session, repository.remote)).head };
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
  const wildcards = patterns.map((pattern) => readPattern(() => tailPattern(pattern)));
  return (await refsOf(session, repository))
    .map(({ name }) => name)
    .filter((name) => name.startsWith(kind))
    .filter((name) => wildcards.length === 0 || wildcards.some((each) => each.fits(`/${name}`)))
    .map((name) => name.slice(kind.length));
}

function tailPattern(pattern: string): Wildcards {
  const any: Part = { kind: 'many', fits: ANY };
  const parts = pattern.split(/(\[[^\]]+\]|\*+|\?)/).flatMap((part): Part | Part[] => {
    if (part.startsWith('*')) return any;
    if (part === '?') return { kind: 'one', fits: ANY };
    return part.startsWith('[') && part.endsWith(']') ? oneOf([...part.slice(1, -1)], pattern) : literally(part);
  });
  return new Wildcards([any, ...literally('/'), ...parts]);
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
  url: ({ remote }) => remote?.url ?? null,
  uncommitted: (self, _, session) =>
    changesBetween(
      session,
      new DirectoryValue(lazy(async () => wholeTree(await cleaned(session, self)))),
      self.directory,
      lazy(() => isClean(session, self)),
    ),
};

/** Submodules are repositories of their own, with settings of their own: none is entered. */
const ALONE = ['--ignore-submodules=dirty'];

/** What git lists as changed or new in the folder; nothing where it is no working tree. */
async function statusOf(session: Session, repository: GitRepositoryValue): Promise<string[]> {
  if ((await git(session, repository, ['rev-parse', '--is-inside-work-tree'])).trim() === 'false') return [];
  const status = ['status', '--porcelain=v1', '-z', '--untracked-files=all', '--no-renames', ...ALONE];
  return (await git(session, repository, status)).split('\0').filter(Boolean);
}

/** Answered by git, which remembers what it has seen of its files: to compare two folders, all of both would be read. */
async function isClean(session: Session, repository: GitRepositoryValue): Promise<boolean> {
  const entries = await statusOf(session, repository);
  if (entries.length === 0) return true;
  if (entries.some((entry) => entry.startsWith('??'))) return false;
  // What is staged may have been undone since.
  const compare = ['diff', '--quiet', '--no-ext-diff', '--no-textconv', ...ALONE, 'HEAD'];
  return git(session, repository, compare).then(
    () => true,
    (error: EngineError) => {
      if (saysNo(error)) return false;
      throw error;
    },
  );
}

/** The folder as it would be with all that is not committed undone; ignored files stay. */
async function cleaned(session: Session, repository: GitRepositoryValue): Promise<DirNode> {
  const tree = await treeOf(session, await repository.directory.content());
  const entries = await statusOf(session, repository);
  if (entries.length === 0) return tree;
  const committed = await treeOf(
    session,
    await refTree(session, new GitRefValue(repository, 'HEAD'), { discardGitDir: true }).content(),
  );
  const changed = entries.map((entry) => entry.slice(3)).sort();
  // All of it goes first: where a folder was, a file may be now.
  return changed.reduce(
    (result, path) => {
      const node = find(committed, path, { follow: false });
      return node === undefined || node.kind === 'dir' ? result : put(result, path, node);
    },
    changed.reduce(withoutEmptied, tree),
  );
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
      const found = await lookUp(session, ref);
      const { remote } = ref.repository;
      if (remote !== undefined) return keptTree(session, remote, found, { discardGitDir, depth });
      const source = (await git(session, ref.repository, ['rev-parse', '--absolute-git-dir'])).trim();
      return wholeTree(await checkedOut(session, { url: `file://${source}` }, found, { discardGitDir, depth }));
    }),
  );
}

/** What was fetched once is kept: a commit never changes. */
async function keptTree(
  session: Session,
  remote: RemoteRepository,
  ref: Ref,
  args: Required<TreeArgs>,
): Promise<Content> {
  const { store, layers } = session;
  const key = keyOf({ tree: remote.url, ref: { ...ref }, args: { ...args } });
  const known = store.record<{ layer: string }>('git-trees', key);
  if (known !== undefined && (await store.hasLayer(known.layer))) return layerContent(known.layer);
  const tree = await asking(session, remote, (variables) =>
    checkedOut(session, { url: remote.url, variables }, ref, args),
  );
  const layer = await layers.layerOf(tree);
  await store.keep('git-trees', key, { layer });
  return layerContent(layer);
}

const layerContent = (layer: string): Content => ({ stack: onTop(EMPTY_STACK, layer), path: '/' });

/** Where commits are fetched from, and what git is told for it. */
interface Source {
  readonly url: string;
  readonly variables?: Variables;
}

function checkedOut(
  session: Session,
  { url, variables }: Source,
  { name, commit }: Ref,
  { discardGitDir, depth }: Required<TreeArgs>,
): Promise<DirNode> {
  return withScratch(session, 'clone', async (clone) => {
    const inClone = (...args: string[]) => gitIn(session, clone, variables)(args);
    const fetch = (...args: string[]) => inClone('fetch', '--quiet', '--update-head-ok', ...args);
    await inClone('-c', 'init.defaultBranch=main', 'init', '--quiet');
    const shallow = depth > 0 ? [`--depth=${depth}`] : [];
    await fetch(...shallow, url, `${commit}:${FETCHED}`).catch((error: EngineError) => {
      // Old servers give what has a name, and with it all that it is made of.
      if (!/unadvertised object|not our ref|dumb http/.test(error.message)) throw error;
      return fetch(url, '+refs/heads/*:refs/fetched/heads/*', '+refs/tags/*:refs/fetched/tags/*');
    });
    if (name !== '' && name !== 'HEAD') await inClone('update-ref', name, commit);
    // By its commit: a branch may be called as an option is.
    await inClone('checkout', '--quiet', '--force', '--detach', commit);
    if (name.startsWith('refs/heads/')) await inClone('symbolic-ref', 'HEAD', name);
    await inClone('update-ref', '-d', FETCHED);
    await inClone('reflog', 'expire', '--all', '--expire=now');
    const left = discardGitDir ? ['.git'] : ['.git/FETCH_HEAD', '.git/hooks'];
    const tree = await readOnce(session, clone, { exclude: left });
    return map(tree, (attributes) => ({ ...attributes, ...stamp(CHECKED_OUT) })) as DirNode;
  });
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
    if (refs.some(({ repository }) => repository !== self.repository))
      throw notSupported('commonAncestor of refs of two repositories');
    const [one = '', two = ''] = await Promise.all(refs.map(async (ref) => (await lookUp(session, ref)).commit));
    return new GitRefValue(self.repository, (await git(session, self.repository, ['merge-base', one, two])).trim());
  },
  tree: (self, args: TreeArgs, session) => refTree(session, self, args),
};
