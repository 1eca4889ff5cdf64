// The repository that a command line is about: where it is, and what its drydock.yaml says.
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeSubject, fileOf, SUBJECT_FILE, type Subject } from '../src/core/subject.ts';

/** The first folder from here up that holds drydock.yaml or is the top of a git repository; this one where none does. */
export function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if ([SUBJECT_FILE, '.git'].some((name) => existsSync(join(folder, name)))) return folder;
    if (folder === dirname(folder)) return from;
  }
}

/** As the files on this machine say it. Throws `BAD_SUBJECT`. */
export async function subjectIn(root: string): Promise<Subject> {
  const file = join(root, SUBJECT_FILE);
  // A link may lead anywhere, and the folder may be a stranger's.
  const text = lstatSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file, 'utf8') : null;
  return await describeSubject(text, async (path) => existsSync(join(root, fileOf({ path }, 'package.json'))));
}
