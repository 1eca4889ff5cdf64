// What the source is: git's facts about it, and the manifests that everything else rests on, checked before anything is installed.
import type { Directory, GitRepository } from '@dagger.io/dagger';
import { reasonOf } from '../core/errors.ts';
import { branchOf, noFacts } from '../core/git.ts';
import { SOURCE_IGNORE } from '../core/ignore.ts';
import { checkPackages } from '../core/manifests.ts';
import type { SourceFacts } from '../core/model.ts';
import { fileOf } from '../core/package.ts';
import { lockFileOf, placesToCheck } from '../core/package-sets.ts';
import { describeSubject, type Repository, type Subject } from '../core/subject.ts';
import { SUBJECT_FILE } from '../core/subject-file.ts';
import { contentsIfAny } from './engine.ts';

/** Commit, branch, and whether anything differs from it. A working copy that git can't read (no commit yet) has none. */
export async function gitFacts(repo: GitRepository): Promise<SourceFacts> {
  try {
    const head = repo.head();
    const [commit, ref, isClean] = await Promise.all([head.commit(), head.ref(), repo.uncommitted().isEmpty()]);
    return { commit, branch: branchOf(ref), dirty: !isClean, reason: null };
  } catch (error) {
    return noFacts(reasonOf(error).split('\n')[0] ?? 'git could not be asked');
  }
}

/** The source without what git ignores, but with all that it tracks: nobody hides a file that is committed by a line in a `.gitignore`. */
export async function sourceOf({
  source,
  tracked,
  repo,
}: {
  source: Directory;
  tracked?: Directory | null;
  repo: GitRepository;
}): Promise<Directory> {
  // Once more than the argument does it: what git ignores is uploaded otherwise.
  const kept = source.filter({ gitignore: true });
  const added = tracked === undefined ? await trackedThoughIgnored(repo) : tracked;
  return added === null ? kept : kept.withDirectory('/', added);
}

async function trackedThoughIgnored(repo: GitRepository): Promise<Directory | null> {
  if ((await gitFacts(repo)).commit === null) return null;
  const all = repo.head().tree({ discardGitDir: true });
  const left = all.filter({ exclude: SOURCE_IGNORE, gitignore: true }).diff(all);
  return (await left.entries()).length === 0 ? null : left;
}

/** What the repository's drydock.yaml says, or what is to be seen without one. Throws `BAD_SUBJECT`. */
export async function repositoryIn(source: Directory): Promise<Repository> {
  const text = (file: string) => contentsIfAny(source, file);
  return await describeSubject(await text(SUBJECT_FILE), { text, manifests: () => source.glob('**/package.json') });
}

/** Throws in one sentence if a package could not be installed. Returns the service's manifest, null where one without packages has none. */
export async function checkManifests(source: Directory, subject: Subject): Promise<string | null> {
  const packages = await Promise.all(
    placesToCheck(subject).map(async (place) => {
      const { folder, root, manager } = place;
      const paths = [fileOf({ path: folder }, 'package.json'), lockFileOf({ root, manager })];
      const [manifest = null, lock = null] = await Promise.all(paths.map((path) => contentsIfAny(source, path)));
      return { ...place, manifest, lock };
    }),
  );
  checkPackages(packages);
  return await contentsIfAny(source, fileOf(subject.service, 'package.json'));
}
