// Installs what the stages need, each set once, from its lock file: the tools, the service's packages, and those it ships with.
import type { Container, Directory } from '@dagger.io/dagger';
import { SOURCE } from '../core/ignore.ts';
import { SERVICE } from '../core/service.ts';
import type { RunContext } from './context.ts';
import { type Ran, runStep } from './step.ts';

export const SERVICE_SOURCE = `${SOURCE}/${SERVICE.folder}`;

const MANIFESTS = ['package.json', 'package-lock.json', '.npmrc'];

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

export const INSTALLS = {
  /** Compiler, linter, test runner: the root package. */
  tools: { folder: SOURCE, args: ['npm', 'ci'] },
  /** The service with all it is developed with. */
  service: { folder: SERVICE_SOURCE, args: ['npm', 'ci'] },
  /** The service with what it ships only. */
  production: { folder: SERVICE_SOURCE, args: ['npm', 'ci', '--omit=dev'] },
} as const;

export type InstallName = keyof typeof INSTALLS;

/** Install one set. Manifests go in before sources: an edit to a source must not install every package again. */
export async function install(context: RunContext, node: Container, name: InstallName): Promise<Ran> {
  const { folder, args } = INSTALLS[name];
  const from = folder === SOURCE ? context.source : context.source.directory(SERVICE.folder);
  const cached = context.packages === undefined ? node : offline(node, context.packages);
  const container = cached.withDirectory(folder, from.filter({ include: MANIFESTS })).withWorkdir(folder);
  const where = folder === SOURCE ? '' : ` --prefix ${SERVICE.folder}`;
  const shown = `${args.join(' ')}${where}`;
  const ran = await runStep(context, { stage: 'install', step: name, container, args, shown });
  // Later steps see what they saw when there was a network.
  return { ...ran, container: ran.container.withoutEnvVariable(OFFLINE) };
}

const OFFLINE = 'npm_config_offline';

/** From what an earlier install fetched, and nothing else. */
function offline(node: Container, cache: Directory): Container {
  return node.withDirectory(NPM_CACHE, cache).withEnvVariable(OFFLINE, 'true');
}
