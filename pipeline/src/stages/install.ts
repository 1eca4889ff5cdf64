// Installs what the stages need, each set of packages once, from its lock file: those of each folder, and those that the service ships with.
import { posix } from 'node:path';
import type { Container, Directory } from '@dagger.io/dagger';
import { quoted } from '../command.ts';
import { SOURCE } from '../core/ignore.ts';
import {
  entryOfManager,
  filesOfManager,
  isModernYarn,
  LOCK_FILES,
  type Manager,
  type ManagerName,
  NPM_CACHE,
  packageOf,
} from '../core/manager.ts';
import type { StepResult } from '../core/model.ts';
import { fileOf, placeOf } from '../core/package.ts';
import type { PackageSet } from '../core/package-sets.ts';
import type { RunContext } from './context.ts';
import { guarded, hiddenOf, refuseGit, withoutSecrets, withSecrets } from './install-secrets.ts';
import { type Ran, runStep } from './step.ts';

/** And packages that are kept beside them. */
const MANIFESTS: Readonly<Record<ManagerName, readonly string[]>> = {
  npm: ['package.json', LOCK_FILES.npm, '.npmrc', '**/*.tgz'],
  yarn: [
    ...['package.json', LOCK_FILES.yarn, '.npmrc', '.yarnrc', '.yarnrc.yml', '.yarn/patches/**', '.yarn/plugins/**'],
    '**/*.tgz',
  ],
  pnpm: [
    ...['package.json', LOCK_FILES.pnpm, 'pnpm-workspace.yaml', '.npmrc', '.pnpmfile.cjs', 'patches/**', '**/*.tgz'],
  ],
  bun: ['package.json', LOCK_FILES.bun, 'bunfig.toml', '.npmrc', 'patches/**', '**/*.tgz'],
};

/** Values for every step. Install scripts stay off whatever an .npmrc says; npm's cache stays in the container. */
export const ENVIRONMENT = {
  CI: 'true',
  NO_COLOR: '1',
  // A Dagger Engine puts the certificates that its host trusts into the system's store, where Node looks only when it is told.
  NODE_USE_SYSTEM_CA: '1',
  npm_config_cache: NPM_CACHE,
  npm_config_ignore_scripts: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
} as const;

/** The container that everything of ours runs in: the Node that ships. */
export function nodeContainer(context: Pick<RunContext, 'images'>): Container {
  const plain = context.images.container('node');
  return Object.entries(ENVIRONMENT).reduce(
    (container, [name, value]) => container.withEnvVariable(name, value),
    plain,
  );
}

export type Installation = Ran & { steps: StepResult[] };

/** Install one set. Manifests go in before sources: an edit to a source must not install every package again. */
export async function install(context: RunContext, node: Container, set: PackageSet): Promise<Installation> {
  await refuseGit(context, set);
  const cached = context.packages === undefined ? node : offline(node, context.packages, set);
  const manager = set.manager.name === 'npm' ? null : await installManager(context, cached, set);
  const steps = manager === null ? [] : [manager.result];
  if (manager !== null && manager.result.exitCode !== 0) return { ...manager, steps };
  const ready = manager?.container ?? cached;
  const ran = await installSet(context, context.packages === undefined ? withSecrets(context, ready, set) : ready, set);
  // Later steps see what they saw when there was a network.
  const container = withoutSecrets(ready, ran.container, set)
    .withoutEnvVariable(OFFLINE)
    .withoutEnvVariable(OFFLINE_YARN);
  const installed = { ...ran, container, steps: [...steps, ran.result] };
  if (ran.result.exitCode !== 0 || set.scripts.length === 0) return installed;
  const scripted = await runScripts(context, container, set);
  return { ...scripted, steps: [...installed.steps, scripted.result] };
}

/** The install scripts of the packages that may run theirs, without the secrets of the install. npm finds them, whichever manager has put them there. */
async function runScripts(context: RunContext, container: Container, set: PackageSet): Promise<Ran> {
  const args = ['npm', 'rebuild', '--foreground-scripts', ...set.scripts];
  const ran = await runStep(context, {
    ...{ stage: 'install', step: `${set.name}-scripts`, args },
    container: container.withEnvVariable(SCRIPTS_OFF, 'false'),
    shown: set.path === '' ? args.join(' ') : inFolder(set, args.join(' ')),
  });
  return { ...ran, container: ran.container.withEnvVariable(SCRIPTS_OFF, ENVIRONMENT[SCRIPTS_OFF]) };
}

const SCRIPTS_OFF = 'npm_config_ignore_scripts';

async function installSet(context: RunContext, node: Container, set: PackageSet): Promise<Ran> {
  const { name, path } = set;
  const container = withManifests(context, node, set).withWorkdir(placeOf(path));
  const [args, ...more] = commandsOf(set);
  const shown = [args, ...more].map((words) => words.map(quoted).join(' ')).join(' && ');
  const own = set.manager.name === 'npm' ? args : [...args, ...settingsOf(set.manager, context)];
  const command = more.length === 0 ? own : ['sh', '-c', shown];
  return await runStep(context, {
    ...{ stage: 'install', step: name, container, ...(await hiddenOf(context, set)) },
    args: [...guarded(context, set), ...command],
    shown: path === '' ? shown : inFolder(set, shown),
  });
}

const inFolder = ({ path, manager }: PackageSet, shown: string) =>
  manager.name === 'npm' ? `${shown} --prefix ${quoted(path)}` : `(cd ${quoted(path)} && ${shown})`;

const MANAGER = '/opt/manager';

/** By npm, which checks what it fetches against the hash that is known here. The scripts of packages find it, too. */
async function installManager(context: RunContext, node: Container, { name, manager }: PackageSet): Promise<Ran> {
  const files = Object.entries(filesOfManager(manager));
  const container = files
    .reduce((to, [file, text]) => to.withNewFile(`${MANAGER}/${file}`, text), node)
    .withWorkdir(MANAGER)
    .withEnvVariable('PATH', `${MANAGER}/node_modules/.bin:$PATH`, { expand: true });
  return await runStep(context, {
    ...{ stage: 'install', step: `${name}-${manager.name}` },
    container: Object.entries(variablesOf(manager)).reduce(
      (to, [key, value]) => to.withEnvVariable(key, value),
      container,
    ),
    args:
      manager.fileHash === undefined ? ['npm', 'ci'] : ['sh', '-c', `npm ci && ${checkOf(manager, manager.fileHash)}`],
    shown: `npm install ${packageOf(manager)}@${manager.version}`,
  });
}

const checkOf = (manager: Manager, { algorithm, hex }: NonNullable<Manager['fileHash']>) =>
  `echo ${hex} node_modules/${packageOf(manager)}/${entryOfManager(manager)} | ${algorithm}sum --check --quiet`;

/** Where it keeps what it fetches, beside npm's, so that capsules hold it; and that it is the one that runs, and installs when it is told to. */
function variablesOf(manager: Manager): Record<string, string> {
  if (manager.name === 'bun') return { BUN_INSTALL_CACHE_DIR: `${NPM_CACHE}/bun`, DO_NOT_TRACK: '1' };
  if (manager.name === 'pnpm')
    return {
      npm_config_manage_package_manager_versions: 'false',
      pnpm_config_pm_on_fail: 'ignore',
      pnpm_config_verify_deps_before_run: 'false',
    };
  if (!isModernYarn(manager)) return { YARN_IGNORE_PATH: '1' };
  return {
    YARN_IGNORE_PATH: '1',
    YARN_CACHE_FOLDER: `${NPM_CACHE}/yarn`,
    YARN_ENABLE_GLOBAL_CACHE: 'false',
    YARN_ENABLE_MIRROR: 'false',
    YARN_ENABLE_TELEMETRY: 'false',
    // Whatever a repository is set to: the image has real files, and what is tested is what ships.
    YARN_NODE_LINKER: 'node-modules',
  };
}

/** What a repository's own Yarn writes to find packages where there is no node_modules: tools that see it look there, and nowhere else. */
export const PNP_FILES = ['.pnp.*'];

function settingsOf(manager: Manager, { packages }: RunContext): string[] {
  const offline = packages === undefined ? [] : ['--offline'];
  if (manager.name === 'pnpm')
    // Links into a store would not be files of their own in what is kept of a step.
    return [
      ...['--store-dir', `${NPM_CACHE}/pnpm`, '--config.package-import-method=copy', ...offline],
      // Later ones ask the registry how old each package is, which they did when these were fetched.
      ...(offline.length === 0 ? [] : ['--config.trust-lockfile=true']),
    ];
  if (manager.name === 'bun') return ['--backend=copyfile', ...offline];
  return isModernYarn(manager) ? [] : ['--non-interactive', '--cache-folder', `${NPM_CACHE}/yarn`, ...offline];
}

function withManifests(context: RunContext, node: Container, set: PackageSet): Container {
  const { path, manager, members, apart, copied } = set;
  const include = [...MANIFESTS[manager.name]];
  const own = [path, ...apart].reduce(
    (to, folder) => to.withDirectory(placeOf(folder), folderOf(context, folder).filter({ include })),
    node,
  );
  const others = members.map((member) => fileOf({ path: member }, 'package.json'));
  const whole = copied.map((folder) => `${folder}/**`);
  return others.length === 0
    ? own
    : own.withDirectory(SOURCE, context.source.filter({ include: [...others, ...whole] }));
}

/** The first where the lock file lies, the others for folders that it knows nothing of. */
function commandsOf({ path, manager, apart, workspace, isProduction }: PackageSet): [string[], ...string[][]] {
  // What ships is chosen of all that it installs.
  if (isModernYarn(manager)) return [['yarn', 'install', '--immutable', '--mode=skip-build']];
  const frozen = ['install', '--frozen-lockfile', '--ignore-scripts'];
  if (manager.name === 'yarn') return [['yarn', ...frozen, ...(isProduction ? ['--production'] : [])]];
  // Real files: links of pnpm lead to where it keeps them.
  const hoisted = ['--prod', '--config.node-linker=hoisted'];
  if (manager.name === 'pnpm') return [['pnpm', ...frozen, ...(isProduction ? hoisted : [])]];
  if (manager.name === 'bun')
    return [['bun', ...frozen, ...(isProduction ? ['--production', '--linker=hoisted'] : [])]];
  const clean = ['npm', 'ci', ...(isProduction ? ['--omit=dev'] : [])];
  const alone = isProduction && workspace !== null ? ['--workspace', posix.relative(path, workspace)] : [];
  return [[...clean, ...alone], ...apart.map((folder) => [...clean, '--prefix', posix.relative(path, folder)])];
}

/** A folder of the source; '' is all of it. */
export const folderOf = ({ source }: Pick<RunContext, 'source'>, path: string): Directory =>
  path === '' ? source : source.directory(path);

const OFFLINE = 'npm_config_offline';
const OFFLINE_YARN = 'YARN_ENABLE_NETWORK';

/** From what an earlier install fetched, and nothing else. */
function offline(node: Container, cache: Directory, { secrets }: PackageSet): Container {
  const known = secrets.reduce((to, name) => to.withEnvVariable(name, ''), node);
  return known.withDirectory(NPM_CACHE, cache).withEnvVariable(OFFLINE, 'true').withEnvVariable(OFFLINE_YARN, 'false');
}
