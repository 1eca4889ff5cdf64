// Installs what the stages need, each set of packages once, from its lock file: those of each folder, and those that the service ships with.
import { posix } from 'node:path';
import type { Container, Directory } from '@dagger.io/dagger';
import { quoted } from '../command.ts';
import { SOURCE } from '../core/ignore.ts';
import { fileOf, type PackageSet, placeOf } from '../core/subject.ts';
import type { RunContext } from './context.ts';
import { type Ran, runStep } from './step.ts';

/** And packages that are kept beside them. */
const MANIFESTS = ['package.json', 'package-lock.json', '.npmrc', '**/*.tgz'];

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

/** Install one set. Manifests go in before sources: an edit to a source must not install every package again. */
export async function install(context: RunContext, node: Container, set: PackageSet): Promise<Ran> {
  const { name, path } = set;
  const cached = context.packages === undefined ? node : offline(node, context.packages);
  const container = withManifests(context, cached, set).withWorkdir(placeOf(path));
  const [args, ...more] = commandsOf(set);
  const shown = [args, ...more].map((words) => words.join(' ')).join(' && ');
  const ran = await runStep(context, {
    ...{ stage: 'install', step: name, container },
    args: more.length === 0 ? args : ['sh', '-c', shown],
    shown: `${shown}${path === '' ? '' : ` --prefix ${path}`}`,
  });
  // Later steps see what they saw when there was a network.
  return { ...ran, container: ran.container.withoutEnvVariable(OFFLINE) };
}

function withManifests(context: RunContext, node: Container, { path, members, apart }: PackageSet): Container {
  const own = [path, ...apart].reduce(
    (to, folder) => to.withDirectory(placeOf(folder), folderOf(context, folder).filter({ include: MANIFESTS })),
    node,
  );
  const others = members.map((member) => fileOf({ path: member }, 'package.json'));
  return others.length === 0 ? own : own.withDirectory(SOURCE, context.source.filter({ include: others }));
}

/** The first where the lock file lies, the others for folders that it knows nothing of. */
function commandsOf({ path, apart, workspace, isProduction }: PackageSet): [string[], ...string[][]] {
  const clean = ['npm', 'ci', ...(isProduction ? ['--omit=dev'] : [])];
  const alone = isProduction && workspace !== null ? ['--workspace', quoted(posix.relative(path, workspace))] : [];
  return [[...clean, ...alone], ...apart.map((folder) => [...clean, '--prefix', quoted(posix.relative(path, folder))])];
}

/** A folder of the source; '' is all of it. */
export const folderOf = ({ source }: Pick<RunContext, 'source'>, path: string): Directory =>
  path === '' ? source : source.directory(path);

const OFFLINE = 'npm_config_offline';

/** From what an earlier install fetched, and nothing else. */
function offline(node: Container, cache: Directory): Container {
  return node.withDirectory(NPM_CACHE, cache).withEnvVariable(OFFLINE, 'true');
}
