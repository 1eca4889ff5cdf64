// drydock.yaml as it is written: which packages there are, and what it says of each.
import { posix } from 'node:path';
import { isScalar } from 'yaml';
import { type BadPattern, dockerPattern } from '../oci/wildcards.ts';
import { type Backing, type BackingService, isReference, knownImage, officialName } from './backing.ts';
import { isPinned } from './dockerfile.ts';
import { type Checks, type DockerBuild, nameOf, type Package, type ServicePackage } from './package.ts';
import { PRODUCTION } from './package-sets.ts';
import { entryOf } from './start.ts';
import { FaultyFile, type Fields, YamlFile } from './yaml.ts';

export const SUBJECT_FILE = 'drydock.yaml';

/** As a file says it: undefined is a command of which it says nothing. */
export type DeclaredPackage = Omit<Package, 'lint' | 'types' | 'test' | 'project'> &
  Record<'lint' | 'types' | 'test', string | null | undefined>;
export type DeclaredService = DeclaredPackage &
  Pick<ServicePackage, 'port' | 'health' | 'include' | 'start' | 'docker' | 'checks'> & {
    build: string | null | undefined;
  };
export type Declared = { services: DeclaredService[]; packages: DeclaredPackage[] };

/** Throws one `BAD_SUBJECT` that names every fault with its line. */
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
  throw new FaultyFile('BAD_SUBJECT', yaml.faults, `fix ${SUBJECT_FILE}; nothing was run meanwhile`);
}

const repeated = (names: readonly string[]) => names.filter((name, index) => names.indexOf(name) !== index);

/** Where a service listens, and answers whether it is well, unless it is said otherwise. */
export const USUAL = { port: 8000, health: '/health' };

const KINDS = ['node', 'dockerfile', 'commands'] as const;
type Kind = (typeof KINDS)[number];

/** What cannot be said of every kind. */
const OF_KINDS: Readonly<Record<string, readonly Kind[]>> = {
  ...{ build: ['node', 'commands'], include: ['node', 'commands'], image: ['commands'] },
  ...{ secrets: ['node'], scripts: ['node'] },
  ...{ dockerfile: ['dockerfile'], target: ['dockerfile'], args: ['dockerfile'], checks: ['dockerfile'] },
};

function readService(fields: Fields): DeclaredService {
  const kind = fields.oneOf('kind', KINDS, 'node');
  for (const [key, kinds] of Object.entries(OF_KINDS))
    if (!kinds.includes(kind) && fields.has(key)) fields.fault(key, `is for kind ${kinds.join(' or ')}, not ${kind}`);
  const isBuilt = OF_KINDS.build?.includes(kind);
  const own = {
    ...{ build: isBuilt ? readCommand(fields, 'build') : null, include: isBuilt ? readInclude(fields) : null },
    ...{ docker: kind === 'dockerfile' ? readDockerBuild(fields) : null, checks: readChecks(fields, kind) },
    ...{ start: kind === 'node' ? readStart(fields) : readProgram(fields, kind) },
    ...{ port: readPort(fields), health: readHealth(fields) },
  };
  return { ...readPackage(fields), ...own };
}

function readChecks(fields: Fields, kind: Kind): Checks | null {
  if (kind === 'node') return null;
  if (kind === 'commands') return { image: readImage(fields) };
  const checks = fields.mapping('checks');
  if (checks === undefined) {
    const isNone = (key: string) => {
      const node = fields.nodeOf(key);
      return node === undefined || (isScalar(node) && node.value === false);
    };
    const lacking = ['lint', 'types', 'test'].find((key) => !isNone(key));
    if (lacking !== undefined) fields.fault(lacking, 'needs to know where: checks: { target: STAGE } or { image: … }');
    return null;
  }
  const isTarget = checks.has('target');
  if (isTarget === checks.has('image')) fields.fault('checks', 'must name a target or an image');
  const found = isTarget ? { target: checks.required('target') } : { image: readImage(checks) };
  checks.end();
  return found;
}

function readImage(fields: Fields): string {
  const image = fields.required('image');
  if (image !== '' && !isPinned(image))
    fields.fault('image', `must have its digest: ${image.replace(/@.*/, '')}@sha256:…`);
  return image;
}

function readDockerBuild(fields: Fields): DockerBuild {
  const file = fields.text('dockerfile', 'Dockerfile').replace(/^(\.\/)+/, '');
  if (file.startsWith('/') || file.split('/').includes('..') || file.includes('\\'))
    fields.fault('dockerfile', 'must be a file of the folder, such as docker/Dockerfile');
  const args = fields.mapping('args');
  const given = args?.names().map((name) => [name, args.text(name, '')] as const) ?? [];
  const odd = given.find(([name]) => !/^[A-Za-z_]\w*$/.test(name));
  if (odd !== undefined) fields.fault('args', `names ${odd[0]}, which is no argument of a Dockerfile`);
  return { file, target: fields.text('target', ''), args: Object.fromEntries(given) };
}

function readPackage(fields: Fields): DeclaredPackage {
  const path = readPath(fields);
  const found = {
    name: readName(fields, path),
    path,
    lint: readCommand(fields, 'lint'),
    types: readCommand(fields, 'types'),
    test: readCommand(fields, 'test'),
    ignore: readIgnore(fields),
    ...readBacking(fields),
    secrets: readSecrets(fields),
    scripts: readScripts(fields),
  };
  fields.end();
  return found;
}

function readSecrets(fields: Fields): string[] {
  const names = fields.texts('secrets');
  const odd = names.find((name) => !/^[A-Za-z_]\w*$/.test(name) || NO_SECRETS.test(name));
  if (odd !== undefined) fields.fault('secrets', `names ${odd}, which cannot be the variable of a secret: NPM_TOKEN`);
  return names;
}

function readScripts(fields: Fields): string[] {
  const names = fields.texts('scripts');
  const odd = names.find((name) => !/^!?(@[\w.-]+\/)?\w[\w.-]*$/.test(name));
  if (odd !== undefined)
    fields.fault('scripts', `names ${odd}, which is no package: better-sqlite3, or "!better-sqlite3"`);
  return names;
}

/** Variables that say how a program runs. */
const NO_SECRETS = /^(npm_config_.*|PATH|HOME|CI|NODE_OPTIONS)$/i;

function readBacking(fields: Fields): Backing {
  const env = fields.variables('env');
  const taken = Object.keys(env).find((name) => OWN_VARIABLES.includes(name));
  if (taken !== undefined) fields.fault('env', `cannot say ${taken}, which drydock sets itself`);
  const needs = fields.mapping('needs');
  return { env, needs: needs?.names().map((name) => readNeed(needs, name)) ?? [] };
}

const OWN_VARIABLES = ['JUNIT_FILE', 'COVERAGE_DIR', 'PORT', 'APP_COMMIT', 'APP_BUILT', 'APP_DIGEST'];

/** Names by which smoke starts others beside the service. */
const OWN_HOSTS = ['app', 'nginx', 'prometheus', 'alertmanager', 'grafana', 'webhook', 'localhost'];

/** An image alone, or a mapping. */
function readNeed(needs: Fields, name: string): BackingService {
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name))
    needs.fault(name, 'must be made of small letters, digits and hyphens, 40 at most: it is the name of a host');
  if (OWN_HOSTS.includes(name)) needs.fault(name, `cannot be called so: in smoke, ${name} is the name of another host`);
  const isImage = isScalar(needs.nodeOf(name));
  const fields = isImage ? undefined : needs.mapping(name);
  const image = isImage ? needs.text(name, '') : (fields?.required('image') ?? '');
  const refuse = (key: string, text: string) =>
    fields === undefined ? needs.fault(name, text) : fields.fault(key, text);
  if (image !== '' && !isReference(image))
    refuse('image', `is ${image}, which names no image: write postgres:17 or registry/name:tag`);
  const known = knownImage(image);
  const env = fields?.variables('env') ?? {};
  const { wants } = known ?? {};
  if (wants !== undefined && !wants.some((each) => Object.hasOwn(env, each) || Object.hasOwn(env, `${each}_FILE`)))
    refuse('env', `must have ${wants.slice(0, 3).join(' or ')}: ${officialName(image)} does not start without`);
  const port = fields?.count('port', known?.port ?? 0) ?? known?.port ?? 0;
  if (image !== '' && (port < 1 || port > 65_535))
    refuse(
      'port',
      fields?.has('port') ? 'must be a port, 1 to 65535' : 'must say its port, 1 to 65535: { image: …, port: … }',
    );
  const command = fields?.has('command') ? readWords(fields, 'command') : null;
  fields?.end();
  return { name, image, port, env, command };
}

function readIgnore(fields: Fields): string[] {
  const patterns = fields.texts('ignore');
  for (const pattern of patterns) {
    try {
      dockerPattern(pattern);
    } catch (error) {
      fields.fault('ignore', `has a ${(error as BadPattern).message}`);
    }
  }
  return patterns;
}

/** `false` is none. */
function readCommand(fields: Fields, key: string): string | null | undefined {
  const node = fields.nodeOf(key);
  if (isScalar(node) && node.value === false) return null;
  const command = fields.text(key);
  if (/^(no|off|none|n)$/i.test(command ?? '')) fields.fault(key, `is a command of that name: none is ${key}: false`);
  return command;
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

function readWords(fields: Fields, key: string): string[] {
  return isScalar(fields.nodeOf(key)) ? (fields.text(key) ?? '').trim().split(/\s+/) : fields.texts(key);
}

/** Of another kind than Node: its program and its arguments, no shell. */
function readProgram(fields: Fields, kind: Kind): string[] | null {
  if (!fields.has('start')) {
    if (kind === 'commands') fields.fault('start', 'is missing: the program that starts it, and its arguments');
    return null;
  }
  const words = readWords(fields, 'start');
  if (words.length === 0 || words[0] === '') fields.fault('start', 'must name a program, such as [./server]');
  return words;
}

/** Words of a command line of Node, with or without its name: there is no other program in the image. */
function readStart(fields: Fields): string[] | null {
  if (!fields.has('start')) return null;
  const all = readWords(fields, 'start');
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
const RESERVED = ['logs', 'times', 'runs', 'attestations', 'replay', 'exit-code'];

function readName(fields: Fields, path: string): string {
  const name = fields.text('name', nameOf(posix.basename(path)));
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name))
    fields.fault('name', 'must be made of small letters, digits and hyphens, 40 at most: logs are named by it');
  if (RESERVED.includes(name)) fields.fault('name', `cannot be ${name}: a report has a file of that name`);
  return name;
}
