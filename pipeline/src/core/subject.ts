// What a run is about: the repository as its drydock.yaml describes it. No file at all means one service, found by its package.json.
import { COMMAND } from '../command.ts';
import { NO_BACKING } from './backing.ts';
import { PipelineError } from './errors.ts';
import { scriptCommand } from './manager.ts';
import { fileOf, nameOf, type Package, type ServicePackage } from './package.ts';
import { type Project, projectOf, type RepositoryFiles } from './project.ts';
import { type Fields, fieldsIn, recordOf } from './record.ts';
import {
  type Declared,
  type DeclaredPackage,
  type DeclaredService,
  parseSubject,
  SUBJECT_FILE,
  USUAL,
} from './subject-file.ts';
import { testCommand } from './test-command.ts';

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
    const project: Project | null = await projectOf(declared.path, files);
    const scripted = (key: string) =>
      scripts !== undefined && !Object.hasOwn(scripts, key) ? null : scriptCommand(project.manager, key);
    const command = (key: 'lint' | 'types') => (declared[key] === undefined ? scripted(key) : declared[key]);
    const test = async () => {
      if (declared.test !== undefined) return declared.test;
      const beside = (names: readonly string[]) => Promise.all(names.map((name) => files.text(fileOf(declared, name))));
      const plain = scripted('test');
      return plain === null ? null : await testCommand(plain, String(scripts?.test ?? ''), beside);
    };
    const described = { ...declared, lint: command('lint'), types: command('types'), test: await test(), project };
    return { scripted, described: described as typeof described & { project: Project | null } };
  };
  const withBuild = async (service: DeclaredService): Promise<ServicePackage> => {
    if (service.docker !== null || service.checks !== null) return withoutScripts(service);
    const { scripted, described } = await withScripts(service);
    return { ...described, build: service.build === undefined ? scripted('build') : service.build };
  };
  return {
    services: await Promise.all(services.map(withBuild)),
    packages: await Promise.all(packages.map(async (each) => (await withScripts(each)).described)),
  };
}

/** What is no npm package has no scripts that could be taken. */
const withoutScripts = ({
  lint = null,
  types = null,
  test = null,
  build = null,
  ...service
}: DeclaredService): ServicePackage => ({ ...service, lint, types, test, build, project: null });

/** The text of the package.json in a folder; null where there is none. */
type ManifestOf = (path: string) => Promise<string | null>;

async function findService(manifestOf: ManifestOf): Promise<Declared> {
  const nothing = {
    lint: undefined,
    types: undefined,
    test: undefined,
    build: undefined,
    include: null,
    start: null,
    docker: null,
    checks: null,
    ...NO_BACKING,
    secrets: [],
    scripts: [],
  };
  for (const path of ['service', ''])
    if ((await manifestOf(path)) !== null)
      return { services: [{ name: nameOf(path), path, ignore: [], ...nothing, ...USUAL }], packages: [] };
  throw new PipelineError(
    'BAD_SUBJECT',
    `the repository has no package.json, neither in its root nor in its folder service/, and no ${SUBJECT_FILE} that names a service`,
    `say where it is: printf 'services:\\n  - path: apps/api\\n' >${SUBJECT_FILE}; or have it looked for: ${COMMAND} init`,
  );
}

/** Undefined where the manifest cannot be read: what is wrong with it is said elsewhere. */
function scriptsOf(manifest: string | null): Fields | undefined {
  const fields = fieldsIn(manifest);
  return fields === undefined ? undefined : recordOf(fields.scripts);
}

/** In the order in which they are shown. */
export const allPackages = ({ service, packages }: Subject): Package[] => [...packages, service];
