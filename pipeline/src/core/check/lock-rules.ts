// Rules about lock files and about where packages come from: drydock installs every folder by npm, from the lock file in it.
import { posix } from 'node:path';
import { parse } from 'yaml';
import { quoted } from '../../command.ts';
import { PipelineError } from '../errors.ts';
import { checkPackages, renewLock } from '../manifests.ts';
import type { RepositoryFacts } from './facts.ts';
import { blocked, escaped, type Finding, lineOfKey, named, note, warning } from './finding.ts';
import { dependenciesOf, nameIn, type PackageView, recordOf, shippedOf, viewOf } from './package-view.ts';

const MANAGERS: Readonly<Record<string, string>> = {
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'Yarn',
  'bun.lock': 'Bun',
  'bun.lockb': 'Bun',
};

/** Of the other managers' lock files those that are there. */
const foreignLocks = ({ entries }: Pick<PackageView, 'entries'>) =>
  entries.filter((name) => Object.hasOwn(MANAGERS, name));

/** One sentence for a package that has no lock file which npm takes; else what manifests.ts says of the two files. */
export function cannotInstall(view: PackageView, facts: RepositoryFacts): Finding[] {
  const { lock, manifest, ignored, at } = view;
  const place = at('package-lock.json');
  if (manifest !== null && lock === null) {
    if (ignored.includes('package-lock.json'))
      return [lackingLock(`${place} is ignored by git, and a clone has none`, `git add -f ${quoted(place)}`, place)];
    const found = workspaceFault(view, facts) ?? foreignFault(view) ?? shrinkwrapFault(view);
    if (found !== undefined) return [found];
  }
  if (manifest === null && ignored.includes('package.json')) {
    const ours = at('package.json');
    return [lackingLock(`${ours} is ignored by git, and a clone has none`, `git add -f ${quoted(ours)}`, ours)];
  }
  try {
    checkPackages([view]);
    return [];
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    const [, file = at(error.message.includes('package-lock') ? 'package-lock.json' : 'package.json'), line] =
      /^(\S+\.json):(\d+) /.exec(error.message) ?? [];
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

function shrinkwrapFault({ entries, at }: PackageView): Finding | undefined {
  if (!entries.includes('npm-shrinkwrap.json')) return undefined;
  const [old, place] = [at('npm-shrinkwrap.json'), at('package-lock.json')];
  return lackingLock(
    `${old} is not read: drydock installs from ${place}`,
    `git mv ${quoted(old)} ${quoted(place)}`,
    old,
  );
}

function foreignFault(view: PackageView): Finding | undefined {
  const [name] = foreignLocks(view);
  if (name === undefined) return undefined;
  const only = named(
    dependenciesOf(view)
      .filter(([, range]) => isForeign(range))
      .map(([dependency]) => dependency),
  );
  const problem = `${view.at(name)} is a lock file of ${MANAGERS[name]}, and drydock installs with npm, from ${view.at('package-lock.json')}, which is missing`;
  const kept = name === 'yarn.lock' ? 'it keeps the versions of yarn.lock' : 'it resolves versions again';
  const hint = `${renewLock(view.folder)} (${kept}), and commit it`;
  return lackingLock(
    problem,
    only === '' ? hint : `${only}: name versions or archives that npm can take, then ${hint}`,
    view.at(name),
  );
}

const isForeign = (range: string) => /^(workspace|catalog|link|portal|patch):/.test(range);

/** npm writes the lock file of a workspace into the root's. */
function workspaceFault(view: PackageView, facts: RepositoryFacts): Finding | undefined {
  const { folder, manifest, at } = view;
  if (folder === '' || !workspaceGlobs(facts).some((glob) => matches(folder, glob))) return undefined;
  const siblings = siblingsOf(view, facts);
  const [first] = siblings;
  const problem = `${at('package.json')} is a workspace of the root, and drydock installs every folder by itself, from ${at('package-lock.json')}, which is missing: the lock file of the root is not read`;
  const pack = facts.pnpmWorkspaces === null ? `npm pack --workspace ${first}` : `pnpm --filter ${first} pack`;
  const own = `npm install --package-lock-only --ignore-scripts --workspaces=false --prefix ${quoted(folder)}`;
  const hint =
    first === undefined
      ? `${own}, and commit it`
      : `put ${named(siblings)} into it as an archive (${pack} --pack-destination ${quoted(folder)}), name that in ${at('package.json')} ("file:./NAME.tgz"), then ${own}`;
  const line = first === undefined ? null : lineOfKey(manifest ?? '', first);
  return blocked('BAD_MANIFEST', { file: at('package.json'), line, problem, hint });
}

type Workspaces = Pick<RepositoryFacts, 'rootManifest' | 'pnpmWorkspaces'>;

/** The patterns of folders, without ./ before and / behind. */
export function workspaceGlobs({ rootManifest, pnpmWorkspaces }: Workspaces): string[] {
  const { workspaces } = viewOf({ ...NO_PACKAGE, manifest: rootManifest }).fields;
  const globs = [workspaces, recordOf(workspaces).packages, yamlOf(pnpmWorkspaces).packages]
    .filter(Array.isArray)
    .flat();
  return globs.map((glob) => String(glob).replace(/^\.\//, '').replace(/\/+$/, ''));
}

function matches(folder: string, glob: string): boolean {
  const parts = glob.split(/(\*\*?)/).map((part) => ({ '*': '[^/]*', '**': '.*' })[part] ?? escaped(part));
  return new RegExp(`^${parts.join('')}$`).test(folder);
}

function yamlOf(text: string | null): Record<string, unknown> {
  try {
    return recordOf(parse(text ?? ''));
  } catch {
    return {};
  }
}

const NO_PACKAGE = {
  ...{ folder: '', service: null, commands: [], lock: null, npmrc: null, entries: [], ignored: [], nodeFiles: [] },
};

/** Dependencies that are workspaces of the root themselves: a registry may have something else by their names. */
function siblingsOf(view: PackageView, { rootLock }: RepositoryFacts): string[] {
  const { locked } = viewOf({ ...NO_PACKAGE, manifest: null, lock: rootLock });
  const links = new Set(locked.filter(([, { link }]) => link === true).map(([path]) => nameIn(path)));
  return dependenciesOf(view)
    .filter(([name, range]) => links.has(name) || range.startsWith('workspace:'))
    .map(([name]) => name);
}

export function severalLocks(view: PackageView): Finding[] {
  const others = foreignLocks(view);
  if (view.lock === null || others.length === 0) return [];
  const problem = `${view.at('package-lock.json')} is what drydock installs from, and ${named(others)} lies beside it`;
  const hint = `keep one: git rm ${others.map((name) => quoted(view.at(name))).join(' ')}`;
  return [note({ file: view.at(others[0] ?? ''), problem, hint })];
}

/** Folders that a package is linked to: they are not there where it runs. */
export function linkedFolders(view: PackageView): Finding[] {
  const { folder, fields, locked, service } = view;
  const links = locked.filter(([, { link, resolved }]) => link === true && typeof resolved === 'string');
  const leaves = ([, { resolved }]: (typeof links)[number]) => isBeside(folder, String(resolved));
  const isShipped = ([path]: (typeof links)[number]) =>
    service !== null && Object.hasOwn(recordOf(fields.dependencies), nameIn(path));
  return [
    ...links
      .filter(leaves)
      .map((link) => linkFinding(view, link, `which is not in ${folder}: its commands run without it`)),
    ...links
      .filter((link) => isShipped(link) && !String(link[1].resolved).startsWith('..'))
      .map((link) => linkFinding(view, link, 'which is no part of the image: what needs it there fails')),
  ];
}

/** In the repository, and not in the folder. What is outside of both is refused (manifests.ts). */
const isBeside = (folder: string, place: string): boolean =>
  posix.normalize(place).startsWith('..') && !posix.join(folder, place).startsWith('..');

function linkFinding({ folder, at }: PackageView, [path, { resolved }]: PackageView['locked'][number], why: string) {
  const file = at('package-lock.json');
  return warning({
    file,
    problem: `${file} links ${nameIn(path)} to ${String(resolved)}, ${why}`,
    hint: `install its archive: npm pack ./FOLDER, then npm install ./NAME.tgz${prefix(folder)}`,
  });
}

const prefix = (folder: string) => (folder === '' ? '' : ` --prefix ${quoted(folder)}`);

/** npm reads an archive from where it lies, and only what lies in the folder goes with it. */
export function archivesOutside({ folder, locked, at }: PackageView): Finding[] {
  const file = at('package-lock.json');
  return locked.flatMap(([path, { link, resolved }]) => {
    const [, place] = /^file:(.+)$/.exec(String(resolved)) ?? [];
    if (link === true || place === undefined || !isBeside(folder, place)) return [];
    const problem = `${file} takes ${nameIn(path)} from ${place}, and only archives in ${folder} are there when it is installed`;
    const hint = `put it into the folder, and install it from there: npm install ./NAME.tgz${prefix(folder)}`;
    return [blocked('BAD_MANIFEST', { file, problem, hint })];
  });
}

export function installScripts(view: PackageView): Finding[] {
  const found = view.service !== null ? shippedOf(view) : [];
  const scripted = found.filter(([, { hasInstallScript, optional }]) => hasInstallScript === true && optional !== true);
  const names = [...new Set(scripted.map(([path]) => nameIn(path)))].filter((name) => !ONLY_PRINTS.has(name));
  if (names.length === 0) return [];
  const file = view.at('package-lock.json');
  const they = names.length === 1 ? 'has a script' : 'have scripts';
  const problem = `${file}: ${named(names)} ${they} for npm to run at install, and drydock runs none: what they build or fetch is missing`;
  return [note({ file, problem, hint: INSTEAD })];
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
  const file = view.at('package-lock.json');
  const problem = `${file}: ${named(names)} ${names.length === 1 ? 'is' : 'are'} made for one processor, and build refuses an image that holds compiled addons (.node)`;
  return [note({ file, problem, hint: INSTEAD })];
}

/** Root packages of workspaces: only what the root itself asks for is installed. */
export function workspacesOfRoot({ folder, fields, at, manifest }: PackageView): Finding[] {
  const globs = Array.isArray(fields.workspaces) ? fields.workspaces : recordOf(fields.workspaces).packages;
  if (folder !== '' || !Array.isArray(globs) || globs.length === 0) return [];
  const problem = `${at('package.json')} has workspaces (${named(globs.map(String))}), and drydock installs of it only what the root itself asks for`;
  const hint = 'name the folders of drydock’s own packages in drydock.yaml, each with a lock file of its own';
  return [note({ file: at('package.json'), line: lineOfKey(manifest ?? '', 'workspaces'), problem, hint })];
}
