// What a run is about: the repository as its drydock.yaml describes it. No file at all means one service, found by its package.json.
import { posix } from 'node:path';
import { isScalar } from 'yaml';
import { PipelineError } from './errors.ts';
import { SOURCE } from './ignore.ts';
import { LOCK_FILES, type Manager, NPM } from './manager.ts';
import type { StageName } from './model.ts';
import { type Local, type Project, projectOf, type RepositoryFiles } from './project.ts';
import { entryOf } from './start.ts';
import { testCommand } from './test-command.ts';
import { FaultyFile, type Fields, YamlFile } from './yaml.ts';

export const SUBJECT_FILE = 'drydock.yaml';

/** An npm package of the repository, by its folder; '' is the root. Each command is a shell's, run in that folder as npm runs a script; null where there is none. */
export type Package = {
  name: string;
  path: string;
  lint: string | null;
  types: string | null;
  test: string | null;
  /** What of its folder its commands do not read, as patterns: an edit there does not run them again. */
  ignore: string[];
  project: Project;
};

/** A package whose build becomes an image. `port` is what it listens to, as its PORT tells it; `health` the path that answers 200 where it is well. */
export type ServicePackage = Package & {
  /** Null where nothing has to be built. */
  build: string | null;
  /** What of its folder ships, as paths below it; null for what is usual: dist/ of one that is built, else all that its program may read. */
  include: string[] | null;
  /** What Node is given; null for what its scripts and main say. */
  start: string[] | null;
  port: number;
  health: string;
};

export type Repository = {
  services: ServicePackage[];
  /** Linted and tested beside the services, and never shipped. */
  packages: Package[];
};

/** What one run is about: a service, and the packages that are looked at with it. */
export type Subject = { service: ServicePackage; packages: Package[] };

/** One for each service that was asked for, or for all if none was; the packages beside them go with the first of the file. Throws `BAD_OPTION` for a name that no service has. */
export function subjectsIn({ services, packages }: Repository, asked: readonly string[] = []): Subject[] {
  const names = services.map(({ name }) => name);
  const wrong = asked.find((name) => !names.includes(name));
  if (wrong !== undefined)
    throw new PipelineError(
      'BAD_OPTION',
      `there is no service ${JSON.stringify(wrong)}`,
      `${names.length === 1 ? 'the only one is' : 'there are'} ${names.join(', ')}`,
    );
  const subjects = services.map((service, index) => ({ service, packages: index === 0 ? packages : [] }));
  return subjects.filter(({ service }) => asked.length === 0 || asked.includes(service.name));
}

/** Throws one `BAD_SUBJECT` that names every fault with its line. Without a text, looks for the one service. What is not said are the scripts that there are. */
export async function describeSubject(text: string | null, files: RepositoryFiles): Promise<Repository> {
  const manifestOf: ManifestOf = (path) => files.text(fileOf({ path }, 'package.json'));
  const { services, packages } = text === null ? await findService(manifestOf) : parseSubject(text);
  const withScripts = async <T extends DeclaredPackage>(declared: T) => {
    const scripts = scriptsOf(await manifestOf(declared.path));
    const isLacking = (key: keyof typeof SCRIPTS) => scripts !== undefined && !Object.hasOwn(scripts, key);
    const command = (key: 'lint' | 'types') => {
      if (declared[key] !== undefined) return declared[key];
      return isLacking(key) ? null : SCRIPTS[key];
    };
    const test = async () => {
      if (declared.test !== undefined) return declared.test;
      const beside = (names: readonly string[]) => Promise.all(names.map((name) => files.text(fileOf(declared, name))));
      return isLacking('test') ? null : await testCommand(String(scripts?.test ?? ''), beside);
    };
    return {
      isLacking,
      described: {
        ...{ ...declared, lint: command('lint'), types: command('types'), test: await test() },
        project: await projectOf(declared.path, files),
      },
    };
  };
  const withBuild = async (service: DeclaredService): Promise<ServicePackage> => {
    const { isLacking, described } = await withScripts(service);
    const own = isLacking('build') ? null : SCRIPTS.build;
    return { ...described, build: service.build === undefined ? own : service.build };
  };
  return {
    services: await Promise.all(services.map(withBuild)),
    packages: await Promise.all(packages.map(async (each) => (await withScripts(each)).described)),
  };
}

/** The text of the package.json in a folder; null where there is none. */
type ManifestOf = (path: string) => Promise<string | null>;

/** As a file says it: undefined is a command of which it says nothing. */
type DeclaredPackage = Omit<Package, 'lint' | 'types' | 'test' | 'project'> &
  Record<'lint' | 'types' | 'test', string | null | undefined>;
type DeclaredService = DeclaredPackage &
  Pick<ServicePackage, 'port' | 'health' | 'include' | 'start'> & { build: string | null | undefined };
type Declared = { services: DeclaredService[]; packages: DeclaredPackage[] };

async function findService(manifestOf: ManifestOf): Promise<Declared> {
  const nothing = { lint: undefined, types: undefined, test: undefined, build: undefined, include: null, start: null };
  for (const path of ['service', ''])
    if ((await manifestOf(path)) !== null)
      return { services: [{ name: nameOf(path), path, ignore: [], ...nothing, ...USUAL }], packages: [] };
  throw new PipelineError(
    'BAD_SUBJECT',
    `the repository has no package.json, neither in its root nor in its folder service/, and no ${SUBJECT_FILE} that names a service`,
    `say where it is: printf 'services:\\n  - path: apps/api\\n' >${SUBJECT_FILE}`,
  );
}

/** Undefined where the manifest cannot be read: what is wrong with it is said elsewhere. */
function scriptsOf(manifest: string | null): Record<string, unknown> | undefined {
  try {
    const { scripts } = JSON.parse((manifest ?? '').replace(/^\uFEFF/, '')) as { scripts?: Record<string, unknown> };
    return { ...scripts };
  } catch {
    return undefined;
  }
}

export function parseSubject(text: string): Declared {
  const yaml = new YamlFile(SUBJECT_FILE, text);
  const fields = yaml.fields();
  const services = fields?.list('services').map(readService) ?? [];
  const packages = fields?.list('packages').map((entry) => readPackage(entry)) ?? [];
  fields?.end();
  if (yaml.faults.length === 0 && fields !== undefined && services.length === 0)
    fields.fault('services', 'must name a service');
  for (const name of repeated([...services, ...packages].map(({ name }) => name)))
    yaml.fault(yaml.root, `two packages have the name ${name}: give one of them another by \`name\``);
  if (yaml.faults.length === 0) {
    const folders = new Set([...packages, ...services].map(({ path }) => path));
    const [same] = repeated([...[...folders].map(nameOf), PRODUCTION]);
    if (same === undefined) return { services, packages };
    yaml.fault(yaml.root, `the packages of two folders would have the name ${same}: rename one of the folders`);
  }
  throw new FaultyFile('BAD_SUBJECT', yaml.faults, `mend ${SUBJECT_FILE}; nothing was run meanwhile`);
}

const repeated = (names: readonly string[]) => names.filter((name, index) => names.indexOf(name) !== index);

/** Where a service listens, and answers whether it is well, unless it is said otherwise. */
export const USUAL = { port: 8000, health: '/health' };
const SCRIPTS = {
  lint: 'npm run --silent lint',
  types: 'npm run --silent types',
  test: 'npm test --silent',
  build: 'npm run --silent build',
};

function readService(fields: Fields): DeclaredService {
  const own = {
    ...{ build: readCommand(fields, 'build'), include: readInclude(fields), start: readStart(fields) },
    ...{ port: readPort(fields), health: readHealth(fields) },
  };
  return { ...readPackage(fields), ...own };
}

function readPackage(fields: Fields): DeclaredPackage {
  const path = readPath(fields);
  const found = {
    name: readName(fields, path),
    path,
    lint: readCommand(fields, 'lint'),
    types: readCommand(fields, 'types'),
    test: readCommand(fields, 'test'),
    ignore: fields.texts('ignore'),
  };
  fields.end();
  return found;
}

/** `false` is none. */
function readCommand(fields: Fields, key: string): string | null | undefined {
  const node = fields.nodeOf(key);
  return isScalar(node) && node.value === false ? null : fields.text(key);
}

function readInclude(fields: Fields): string[] | null {
  if (!fields.has('include')) return null;
  const paths = fields.texts('include').map((path) => path.replace(/^(\.\/)+/, '').replace(/\/+$/, ''));
  const wrong = paths.find(
    (path) => path.startsWith('/') || path.split('/').includes('..') || /[\\*?[\]{}!]/.test(path),
  );
  if (wrong !== undefined) fields.fault('include', `names ${wrong}, which is no file or folder of the service`);
  if (paths.length === 0) fields.fault('include', 'must name what ships, such as [dist, views]');
  return paths;
}

/** Words of a command line of Node, with or without its name: there is no other program in the image. */
function readStart(fields: Fields): string[] | null {
  if (!fields.has('start')) return null;
  const node = fields.nodeOf('start');
  const all = isScalar(node) ? (fields.text('start') ?? '').trim().split(/\s+/) : fields.texts('start');
  const words = all[0] === 'node' ? all.slice(1) : all;
  if (entryOf(words) === null) fields.fault('start', 'must name the file that Node starts, such as node dist/main.js');
  return words;
}

function readPort(fields: Fields): number {
  const port = fields.count('port', USUAL.port);
  if (port < 1 || port > 65_535) fields.fault('port', 'must be a port, 1 to 65535');
  return port;
}

function readHealth(fields: Fields): string {
  const path = fields.text('health', USUAL.health);
  if (!/^\/[\w./~%-]*$/.test(path)) fields.fault('health', 'must be a path of the service, such as /healthz');
  return path;
}

function readPath(fields: Fields): string {
  const given = fields.required('path');
  const names = given.split('/').filter((name) => name !== '' && name !== '.');
  if (given.startsWith('/') || names.includes('..') || given.includes('\\'))
    fields.fault('path', 'must be a folder of this repository, such as apps/api');
  return names.join('/');
}

/** Folders of a report. */
const RESERVED = ['logs', 'times', 'attestations', 'replay'];

function readName(fields: Fields, path: string): string {
  const name = fields.text('name', nameOf(posix.basename(path)));
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name))
    fields.fault('name', 'must be made of small letters, digits and hyphens, 40 at most: logs are named by it');
  if (RESERVED.includes(name))
    fields.fault('name', `cannot be ${name}: a report has something of its own by that name`);
  return name;
}

const nameOf = (path: string) =>
  path
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '') || ROOT;

const ROOT = 'root';

/** In the order in which they are shown. */
export const allPackages = ({ service, packages }: Subject): Package[] => [...packages, service];

type Place = Pick<Package, 'path' | 'project'>;
type PlacesOf = { service: Place; packages: readonly Place[] };

/** What is installed from one lock file, in one way. `path` is its folder. */
export type PackageSet = {
  name: string;
  path: string;
  manager: Manager;
  /** Other folders whose package.json is read. */
  members: string[];
  /** Folders that are installed by themselves, from a lock file of their own. */
  apart: string[];
  /** The workspace that this is for alone, of what the service ships with; null for all of them. */
  workspace: string | null;
  isProduction: boolean;
  /** Packages of the repository that commands of these packages read, each behind what it needs itself. */
  locals: Local[];
  /** Commands run in other folders than that of the lock file, and may read what lies in it. */
  isShared: boolean;
};

/** Once for each lock file, and once more for what ships. */
export function packageSets({ service, packages }: PlacesOf): PackageSet[] {
  const places = [...packages, service];
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
      workspace: null,
      isProduction: false,
      locals: [...locals.values()],
      isShared: inside.some(({ path }) => path !== root),
    };
  });
  const { path, project } = service;
  const { root, manager, members } = project;
  const shipped = { name: PRODUCTION, path: root, manager, members, isProduction: true };
  const workspace = path === project.root ? null : path;
  return [...sets, { ...shipped, apart: apartIn(project.locals), workspace, locals: [], isShared: false }];
}

const apartIn = (locals: readonly Local[]) => locals.filter(({ isApart }) => isApart).map(({ path }) => path);
const unique = (names: readonly string[]) => [...new Set(names)].sort();

export const PRODUCTION = 'production';

type PlaceToCheck = { folder: string; root: string; manager: Manager };

/** Folders whose package.json must go with a lock file: of all packages, and of what they are linked to. */
export function placesToCheck({ service, packages }: PlacesOf): PlaceToCheck[] {
  const places = [...packages, service].flatMap(({ path, project: { root, manager, locals } }) => [
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
  if (stage === 'build') return [setOf(subject.service), PRODUCTION];
  return stage === 'lint' || stage === 'test'
    ? sets.filter(({ isProduction }) => !isProduction).map(({ name }) => name)
    : [];
}

/** The set that a package's commands run with. */
export const setOf = ({ project }: Pick<Package, 'project'>): string => setAt(project.root);

/** The set of the lock file in a folder. */
export const setAt = (root: string): string => nameOf(root);

/** Where a folder of the repository stands in the containers of steps. */
export const placeOf = (path: string): string => (path === '' ? SOURCE : `${SOURCE}/${path}`);

/** A file of a package, as a path of the repository. */
export const fileOf = ({ path }: Pick<Package, 'path'>, file: string): string =>
  path === '' ? file : `${path}/${file}`;
