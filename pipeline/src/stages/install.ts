// Installs what the stages need, each set of packages once, from its lock file: those of each folder, and those that the service ships with.
import { posix } from 'node:path';
import type { Container, Directory } from '@dagger.io/dagger';
import { quoted } from '../command.ts';
import { SOURCE } from '../core/ignore.ts';
import { filesOfManager, LOCK_FILES, type ManagerName } from '../core/manager.ts';
import type { StepResult } from '../core/model.ts';
import { fileOf, placeOf } from '../core/package.ts';
import type { PackageSet } from '../core/package-sets.ts';
import type { RunContext } from './context.ts';
import { type Ran, runStep } from './step.ts';

/** And packages that are kept beside them. */
const MANIFESTS: Readonly<Record<ManagerName, readonly string[]>> = {
  npm: ['package.json', LOCK_FILES.npm, '.npmrc', '**/*.tgz'],
  yarn: ['package.json', LOCK_FILES.yarn, '.npmrc', '.yarnrc', '**/*.tgz'],
  pnpm: [
    ...['package.json', LOCK_FILES.pnpm, 'pnpm-workspace.yaml', '.npmrc', '.pnpmfile.cjs', 'patches/**', '**/*.tgz'],
  ],
};

export const NPM_CACHE = '/var/cache/npm';

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
  const cached = context.packages === undefined ? node : offline(node, context.packages);
  const manager = set.manager.name === 'npm' ? null : await installManager(context, cached, set);
  const steps = manager === null ? [] : [manager.result];
  if (manager !== null && manager.result.exitCode !== 0) return { ...manager, steps };
  const ran = await installSet(context, manager?.container ?? cached, set);
  // Later steps see what they saw when there was a network.
  return { ...ran, container: ran.container.withoutEnvVariable(OFFLINE), steps: [...steps, ran.result] };
}

async function installSet(context: RunContext, node: Container, set: PackageSet): Promise<Ran> {
  const { name, path } = set;
  const container = withManifests(context, node, set).withWorkdir(placeOf(path));
  const [args, ...more] = commandsOf(set);
  const shown = [args, ...more].map((words) => words.map(quoted).join(' ')).join(' && ');
  const own = set.manager.name === 'npm' ? args : [...args, ...settingsOf(set.manager.name, context)];
  return await runStep(context, {
    ...{ stage: 'install', step: name, container },
    args: more.length === 0 ? own : ['sh', '-c', shown],
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
    .withEnvVariable('PATH', `${MANAGER}/node_modules/.bin:$PATH`, { expand: true })
    .withEnvVariable('YARN_IGNORE_PATH', '1')
    .withEnvVariable('npm_config_manage_package_manager_versions', 'false');
  return await runStep(context, {
    ...{ stage: 'install', step: `${name}-${manager.name}`, container, args: ['npm', 'ci'] },
    shown: `npm install ${manager.name}@${manager.version}`,
  });
}

/** Where it keeps what it fetches: beside npm's, so that capsules hold it. */
function settingsOf(name: 'yarn' | 'pnpm', { packages }: RunContext): string[] {
  const offline = packages === undefined ? [] : ['--offline'];
  if (name === 'yarn') return ['--non-interactive', '--cache-folder', `${NPM_CACHE}/yarn`, ...offline];
  // Links into a store would not be files of their own in what is kept of a step.
  return ['--store-dir', `${NPM_CACHE}/pnpm`, '--config.package-import-method=copy', ...offline];
}

function withManifests(context: RunContext, node: Container, { path, manager, members, apart }: PackageSet): Container {
  const include = [...MANIFESTS[manager.name]];
  const own = [path, ...apart].reduce(
    (to, folder) => to.withDirectory(placeOf(folder), folderOf(context, folder).filter({ include })),
    node,
  );
  const others = members.map((member) => fileOf({ path: member }, 'package.json'));
  return others.length === 0 ? own : own.withDirectory(SOURCE, context.source.filter({ include: others }));
}

/** The first where the lock file lies, the others for folders that it knows nothing of. */
function commandsOf({ path, manager, apart, workspace, isProduction }: PackageSet): [string[], ...string[][]] {
  const frozen = ['install', '--frozen-lockfile', '--ignore-scripts'];
  if (manager.name === 'yarn') return [['yarn', ...frozen, ...(isProduction ? ['--production'] : [])]];
  // Real files: links of pnpm lead to where it keeps them.
  const hoisted = ['--prod', '--config.node-linker=hoisted'];
  if (manager.name === 'pnpm') return [['pnpm', ...frozen, ...(isProduction ? hoisted : [])]];
  const clean = ['npm', 'ci', ...(isProduction ? ['--omit=dev'] : [])];
  const alone = isProduction && workspace !== null ? ['--workspace', posix.relative(path, workspace)] : [];
  return [[...clean, ...alone], ...apart.map((folder) => [...clean, '--prefix', posix.relative(path, folder)])];
}

/** A folder of the source; '' is all of it. */
export const folderOf = ({ source }: Pick<RunContext, 'source'>, path: string): Directory =>
  path === '' ? source : source.directory(path);

const OFFLINE = 'npm_config_offline';

/** From what an earlier install fetched, and nothing else. */
function offline(node: Container, cache: Directory): Container {
  return node.withDirectory(NPM_CACHE, cache).withEnvVariable(OFFLINE, 'true');
}
