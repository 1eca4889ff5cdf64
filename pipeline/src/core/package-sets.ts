// What is installed, from which lock file, and which stages need it.
import { LOCK_FILES, type Manager, NPM } from './manager.ts';
import type { StageName } from './model.ts';
import { fileOf, nameOf, type Package } from './package.ts';
import type { Local, Project } from './project.ts';

type Place = Pick<Package, 'path' | 'project'> & Partial<Pick<Package, 'secrets' | 'scripts'>>;
type PlacesOf = { service: Place; packages: readonly Place[] };
type Installed = Place & { project: Project };

const isInstalled = (place: Place): place is Installed => place.project !== null;

/** What is installed from one lock file, in one way. `path` is its folder. */
export type PackageSet = {
  name: string;
  path: string;
  manager: Manager;
  /** Other folders whose package.json is read. */
  members: string[];
  /** Folders that are installed by themselves, from a lock file of their own. */
  apart: string[];
  /** Folders that are copied as a whole when this is installed. */
  copied: string[];
  /** The workspace that this is for alone, of what the service ships with; null for all of them. */
  workspace: string | null;
  isProduction: boolean;
  /** Names of variables that its install has, and nothing after that. */
  secrets: string[];
  /** Packages whose install scripts run. */
  scripts: string[];
  /** Packages of the repository that commands of these packages read, each behind what it needs itself. */
  locals: Local[];
  /** Commands run in other folders than that of the lock file, and may read what lies in it. */
  isShared: boolean;
};

/** Once for each lock file, and once more for what ships. */
export function packageSets({ service, packages }: PlacesOf): PackageSet[] {
  const places = [...packages, service].filter(isInstalled);
  const roots = [...new Set(places.map(({ project }) => project.root))];
  const sets = roots.map((root): PackageSet => {
    const inside = places.filter(({ project }) => project.root === root);
    const locals = new Map(
      inside.flatMap(({ project }) => project.locals.map((local) => [local.path, local] as const)),
    );
    return {
      name: nameOf(root),
      path: root,
      manager: inside[0]?.project.manager ?? NPM,
      members: unique(inside.flatMap(({ project }) => project.members)),
      apart: apartIn([...locals.values()]),
      copied: copiedIn([...locals.values()]),
      workspace: null,
      isProduction: false,
      secrets: unique(inside.flatMap(({ secrets = [] }) => secrets)),
      scripts: allowed(unique(inside.flatMap(({ scripts = [] }) => scripts))),
      locals: [...locals.values()],
      isShared: inside.some(({ path }) => path !== root),
    };
  });
  if (!isInstalled(service)) return sets;
  const { path, project } = service;
  const { root, manager, members } = project;
  const own = sets.find((set) => set.path === root);
  const shipped = {
    name: PRODUCTION,
    path: root,
    manager,
    members,
    isProduction: true,
    secrets: own?.secrets ?? [],
    scripts: own?.scripts ?? [],
  };
  const workspace = path === project.root ? null : path;
  return [
    ...sets,
    {
      ...shipped,
      apart: apartIn(project.locals),
      copied: copiedIn(project.locals),
      workspace,
      locals: [],
      isShared: false,
    },
  ];
}

const apartIn = (locals: readonly Local[]) => locals.filter(({ isApart }) => isApart).map(({ path }) => path);
export const copiedIn = (locals: readonly Local[]): string[] =>
  locals.filter(({ isCopied }) => isCopied).map(({ path }) => path);
const unique = (names: readonly string[]) => [...new Set(names)].sort();

/** Those that may run, of names of which some decline. */
const allowed = (scripts: readonly string[]): string[] => scripts.filter((name) => !name.startsWith('!'));

export const PRODUCTION = 'production';

type PlaceToCheck = { folder: string; root: string; manager: Manager };

/** Folders whose package.json must go with a lock file: of all packages, and of what they are linked to. */
export function placesToCheck({ service, packages }: PlacesOf): PlaceToCheck[] {
  const installed = [...packages, service].filter(isInstalled);
  const places = installed.flatMap(({ path, project: { root, manager, locals } }) => [
    { folder: path, root, manager },
    ...locals.map((local) => ({ folder: local.path, root: local.isApart ? local.path : root, manager })),
  ]);
  return [...new Map(places.map((place) => [`${place.root}:${place.folder}`, place])).values()];
}

/** The lock file of a project, as a path of the repository. */
export const lockFileOf = ({ root, manager }: Pick<Project, 'root' | 'manager'>): string =>
  fileOf({ path: root }, LOCK_FILES[manager.name]);

/** Which sets a stage needs: the commands of all packages run with theirs, and build makes of the service what ships. */
export function setsFor(subject: PlacesOf, stage: StageName): string[] {
  const sets = packageSets(subject);
  if (stage === 'install') return sets.map(({ name }) => name);
  if (stage === 'build') return isInstalled(subject.service) ? [setOf(subject.service), PRODUCTION] : [];
  return stage === 'lint' || stage === 'test'
    ? sets.filter(({ isProduction }) => !isProduction).map(({ name }) => name)
    : [];
}

/** The set that a package's commands run with. */
export const setOf = ({ path, project }: Place): string => setAt(project?.root ?? path);

/** The set of the lock file in a folder. */
export const setAt = (root: string): string => nameOf(root);
