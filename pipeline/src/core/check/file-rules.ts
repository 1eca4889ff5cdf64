// Rules about the files of a repository, whatever is in them: names, links, and what a checkout has left out.
import { quoted } from '../../command.ts';
import { SUBJECT_FILE } from '../subject-file.ts';
import type { RepositoryFacts } from './facts.ts';
import { type Finding, named, note, warning } from './finding.ts';

export function ignoredSubject({ isSubjectIgnored }: RepositoryFacts): Finding[] {
  if (!isSubjectIgnored) return [];
  const problem = `${SUBJECT_FILE} is ignored by git, so a run does not read it`;
  return [warning({ file: SUBJECT_FILE, problem, hint: `git add -f ${SUBJECT_FILE}` })];
}

/** What is not committed is never published. */
export function unignoredFolders({ unignored }: RepositoryFacts): Finding[] {
  if (unignored.length === 0) return [];
  const problem = `.gitignore does not name ${unignored.join(' and ')}: what is written there is a change that is not committed, and such a source is not published`;
  return [
    note({
      file: '.gitignore',
      problem,
      hint: `printf '${unignored.map((name) => `${name}/\\n`).join('')}' >>.gitignore`,
    }),
  ];
}

export function missingContents({ pointers }: RepositoryFacts): Finding[] {
  const [first] = pointers;
  if (first === undefined) return [];
  const problem = `Git LFS has not put the content of ${named(pointers)} here: a run sees the pointers to it`;
  return [warning({ file: first, problem, hint: 'git lfs install --local && git lfs pull' })];
}

export function emptySubmodules({ emptySubmodules: folders }: RepositoryFacts): Finding[] {
  const [first] = folders;
  if (first === undefined) return [];
  const they = folders.length === 1 ? 'a submodule is' : 'submodules are';
  const problem = `${named(folders)}: ${they} not checked out, and a run sees an empty folder`;
  return [warning({ file: first, problem, hint: 'git submodule update --init --recursive' })];
}

export function strayLinks({ links }: RepositoryFacts): Finding[] {
  return links.map(({ path, target, leads }) => {
    const where = leads === 'outside' ? 'outside of the repository' : 'to nothing';
    const problem = `${path} is a link to ${target}, which leads ${where}`;
    return note({ file: path, problem, hint: `put the file itself there, or remove the link: git rm ${quoted(path)}` });
  });
}

export function unreadableNames({ unreadableNames: names }: RepositoryFacts): Finding[] {
  const [first] = names;
  if (first === undefined) return [];
  const shown = names.map((name) => name.replace(/[\udc80-\udcff]/gu, '\ufffd'));
  const problem = `${named(shown)}: not UTF-8, which only the embedded engine takes, and no image`;
  return [note({ file: shown[0] ?? first, problem, hint: 'rename it: convmv -f latin1 -t utf8 --notest FILE' })];
}

/** Where case is not told apart, as on macOS, only one of them can be checked out. */
export function collidingNames({ files }: RepositoryFacts): Finding[] {
  const known = new Map<string, string>();
  const pairs: [string, string][] = [];
  for (const file of files) {
    const folded = file.toLowerCase();
    const other = known.get(folded);
    if (other === undefined) known.set(folded, file);
    else pairs.push([other, file]);
  }
  return pairs.map(([one, other]) =>
    note({
      file: other,
      problem: `${one} and ${other} are one file where case does not count, as on macOS: a run there sees one of them`,
      hint: `rename one: git mv ${quoted(other)} NAME`,
    }),
  );
}

export function byteOrderMarks({ marked }: RepositoryFacts): Finding[] {
  return marked.map((file) =>
    note({
      file,
      line: 1,
      problem: `${file} begins with a byte order mark, which drydock and npm pass over, and other tools may not`,
      hint: `sed -i '1s/^\\xef\\xbb\\xbf//' ${quoted(file)}`,
    }),
  );
}
