// The repository that a command line is about: where it is, and what its drydock.yaml says.
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { PipelineError } from '../src/core/errors.ts';
import { describeSubject, type Repository } from '../src/core/subject.ts';
import { SUBJECT_FILE } from '../src/core/subject-file.ts';
import { textIn } from './plain-files.ts';

/** The first folder from here up that holds drydock.yaml or is the top of a git repository; this one where none does. */
export function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if ([SUBJECT_FILE, '.git'].some((name) => existsSync(join(folder, name)))) return folder;
    if (folder === dirname(folder)) return from;
  }
}

/** Throws `NOT_A_REPOSITORY` where none is, or where git would take a folder without a `.git` for one: whoever made it chose what git does there. */
export function checkRepository(root: string): void {
  for (let folder = root; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return;
    if (['HEAD', 'objects', 'refs'].every((name) => existsSync(join(folder, name))))
      throw new PipelineError(
        'NOT_A_REPOSITORY',
        `${folder} looks like the inside of a git repository: it has HEAD, objects and refs, and no .git`,
        'go to a working copy of it: git clone REPOSITORY',
      );
    if (folder === dirname(folder)) break;
  }
  throw new PipelineError(
    'NOT_A_REPOSITORY',
    `${root} is not in a git repository`,
    'go to a repository, or make one of it: git init, and commit',
  );
}

/** A file that would be passed over in silence: throws `BAD_SUBJECT`. */
export function checkSubjectFile(root: string): void {
  const other = ['drydock.yml', 'drydock.json'].find((name) => existsSync(join(root, name)));
  const stats = lstatSync(join(root, SUBJECT_FILE), { throwIfNoEntry: false });
  if (stats === undefined && other === undefined) return;
  if (stats?.isFile()) return;
  const [problem, hint] =
    stats === undefined
      ? [`${other} is not read: the file is called ${SUBJECT_FILE}`, `mv ${other} ${SUBJECT_FILE}`]
      : [`${SUBJECT_FILE} is not a plain file`, 'put the text itself there, not a link or a folder'];
  throw new PipelineError('BAD_SUBJECT', problem, hint);
}

/** As the files on this machine say it. Throws `BAD_SUBJECT`. */
export async function repositoryAt(root: string): Promise<Repository> {
  return await describeSubject(textIn(root, SUBJECT_FILE), {
    text: async (path) => textIn(root, path),
    manifests: async () => manifestsBelow(root),
  });
}

/** As git would list them, where it is not asked. */
function manifestsBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return LEFT.has(entry.name) ? [] : manifestsBelow(root, path);
    return entry.name === 'package.json' ? [path] : [];
  });
}

const LEFT: ReadonlySet<string> = new Set(['.git', 'node_modules', 'dist', 'out', 'coverage']);

/** A folder as a person would name it from here. */
export function shownPath(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path.startsWith('..') ? folder : path || '.';
}
