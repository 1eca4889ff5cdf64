// Rules about lock files and about where packages come from.
import { posix } from 'node:path';
import { quoted } from '../../command.ts';
import { nearest } from '../../suggest.ts';
import { PipelineError } from '../errors.ts';
import { LOCK_FILES } from '../manager.ts';
import { checkPackages } from '../manifests.ts';
import { fileOf } from '../package.ts';
import { SUBJECT_FILE } from '../subject-file.ts';
import type { RepositoryFacts } from './facts.ts';
import { blocked, type Finding, lineAt, named, note, warning } from './finding.ts';
import { nameIn, type PackageView, shippedOf } from './package-view.ts';

/** What Bun wrote before 1.2. */
const BINARY_LOCK = 'bun.lockb';
const LOCKS: readonly string[] = [...Object.values(LOCK_FILES), BINARY_LOCK];

/** Of the other managers' lock files those that are there. */
const otherLocks = ({ beside, project }: Pick<PackageView, 'beside' | 'project'>) =>
  beside.filter((name) => LOCKS.includes(name) && name !== LOCK_FILES[project.manager.name]);

/** One sentence for a package that has no lock file which npm takes; else what manifests.ts says of the two files. */
export function cannotInstall(view: PackageView): Finding[] {
  const { lock, manifest, ignored, at, lockFile: place, folder, project } = view;
  if (manifest !== null && lock === null) {
    if (ignored.includes(place))
      return [lackingLock(`${place} is ignored by git, and a clone has none`, `git add -f ${quoted(place)}`, place)];
    const found = unreadLock(view) ?? shrinkwrapFault(view);
    if (found !== undefined) return [found];
  }
  const ours = at('package.json');
  if (manifest === null && ignored.includes(ours))
    return [lackingLock(`${ours} is ignored by git, and a clone has none`, `git add -f ${quoted(ours)}`, ours)];
  try {
    checkPackages([{ folder, root: project.root, manager: project.manager, manifest, lock }, ...view.linked]);
    return [];
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    const [, file = ours, line] = /^(\S+\.(?:json|yaml|lock))(?::(\d+))? /.exec(error.message) ?? [];
    return [
      blocked(error.code, {
        file,
        line: line === undefined ? null : Number(line),
        problem: error.message,
        hint: error.hint,
      }),
    ];
  }
}

const lackingLock = (problem: string, hint: string, file: string) => blocked('BAD_MANIFEST', { file, problem, hint });

function shrinkwrapFault({ beside, project, lockFile: place }: PackageView): Finding | undefined {
  if (!beside.includes('npm-shrinkwrap.json')) return undefined;
  const old = fileOf({ path: project.root }, 'npm-shrinkwrap.json');
  return lackingLock(
    `${old} is not read: drydock installs from ${place}`,
    `git mv ${quoted(old)} ${quoted(place)}`,
    old,
  );
}

/** A lock file lies there, and a run reads none. */
function unreadLock(view: PackageView): Finding | undefined {
  const [name] = otherLocks(view);
  if (name === undefined) return undefined;
  const file = fileOf({ path: view.project.root }, name);
  if (name !== BINARY_LOCK)
    return lackingLock(`${file} is ignored by git, and a clone has none`, `git add -f ${quoted(file)}`, file);
  const renewed = `bun install --save-text-lockfile --frozen-lockfile --lockfile-only && git rm ${BINARY_LOCK}`;
  const there = view.project.root === '' ? renewed : `(cd ${quoted(view.project.root)} && ${renewed})`;
  return lackingLock(
    `${file} is of Bun before 1.2, and not read: drydock installs from ${LOCK_FILES.bun}`,
    there,
    file,
  );
}

export function severalLocks(view: PackageView): Finding[] {
  const others = otherLocks(view);
  if (view.lock === null || others.length === 0) return [];
  const problem = `${view.lockFile} is what drydock installs from, and ${named(others)} lies beside it`;
  const hint = `keep one: git rm ${others.map((name) => quoted(fileOf({ path: view.project.root }, name))).join(' ')}`;
  return [note({ file: fileOf({ path: view.project.root }, others[0] ?? ''), problem, hint })];
}

/** In the repository, and not in the folder. What is outside of both is refused (manifests.ts). */
const isBeside = (root: string, place: string): boolean =>
  posix.normalize(place).startsWith('..') && !posix.join(root, place).startsWith('..');

const prefix = (folder: string) => (folder === '' ? '' : ` --prefix ${quoted(folder)}`);

/** npm reads an archive from where it lies, and only what lies in the folder goes with it. */
export function archivesOutside({ project: { root }, locked, lockFile: file }: PackageView): Finding[] {
  return locked.flatMap(([path, { link, resolved }]) => {
    const [, place] = /^file:(.+)$/.exec(String(resolved)) ?? [];
    if (link === true || place === undefined || !isBeside(root, place)) return [];
    const problem = `${file} takes ${nameIn(path)} from ${place}, and only archives in ${root} are there when it is installed`;
    const hint = `put it into the folder, and install it from there: npm install ./NAME.tgz${prefix(root)}`;
    return [blocked('BAD_MANIFEST', { file, problem, hint })];
  });
}

export function installScripts(view: PackageView): Finding[] {
  const found = view.service !== null ? shippedOf(view) : [];
  const scripted = found.filter(([, { hasInstallScript, optional }]) => hasInstallScript === true && optional !== true);
  const decided = new Set(view.scripts.map((name) => name.replace(/^!/, '')));
  const names = [...new Set(scripted.map(([path]) => nameIn(path)))].filter(
    (name) => !ONLY_PRINTS.has(name) && !decided.has(name),
  );
  if (names.length === 0) return [];
  const file = view.lockFile;
  const they = names.length === 1 ? 'has a script' : 'have scripts';
  const problem = `${file}: ${named(names)} ${they} for npm to run at install, and drydock runs none: what they build or fetch is missing`;
  const list = `in ${SUBJECT_FILE}, scripts: [${names.join(', ')}] lets them run, "!${names[0]}" says that it is not needed`;
  return [note({ file, problem, hint: `${list}; ${INSTEAD}` })];
}

/** Names of packages that are not installed, or have no scripts. */
export function unknownScripts(view: PackageView, { subjectText }: RepositoryFacts): Finding[] {
  if (view.project.manager.name !== 'npm' || view.locked.length === 0) return [];
  const known = view.locked
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => nameIn(path));
  return view.scripts
    .map((name) => name.replace(/^!/, ''))
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = nearest(name, known);
      const problem = `${SUBJECT_FILE} names ${name} in scripts, and ${view.lockFile} has no package of that name with install scripts`;
      const hint = near === undefined ? 'leave it out' : `did you mean ${near}?`;
      return warning({
        file: SUBJECT_FILE,
        line: lineAt(subjectText ?? '', (subjectText ?? '').indexOf(name)),
        problem,
        hint,
      });
    });
}

/** Their scripts ask for money or look at versions. */
const ONLY_PRINTS: ReadonlySet<string> = new Set(['@nestjs/core', 'core-js', 'core-js-pure', 'es5-ext', 'protobufjs']);

const INSTEAD =
  'where it is needed, use a package in plain JavaScript or WebAssembly (bcryptjs for bcrypt, node:sqlite for sqlite3)';

/** Packages that are there once for each processor hold programs or addons. */
export function addons(view: PackageView): Finding[] {
  const isInstalled = ([, { cpu, os }]: PackageView['locked'][number]) =>
    Array.isArray(cpu) && cpu.length > 0 && (!Array.isArray(os) || os.includes('linux'));
  const found = view.service !== null ? shippedOf(view).filter(isInstalled) : [];
  const names = [...new Set(found.map(([path]) => nameIn(path).replace(/[-/](linux|wasm32)(-.*)?$/, '')))];
  if (names.length === 0) return [];
  const file = view.lockFile;
  const problem = `${file}: ${named(names)} ${names.length === 1 ? 'is' : 'are'} made for one processor, and build refuses an image that holds compiled addons (.node)`;
  return [note({ file, problem, hint: INSTEAD })];
}
