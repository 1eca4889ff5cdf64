// Makes ready what commands run with: the packages of a set, and those of the repository that they are linked to, built.
import type { Container } from '@dagger.io/dagger';
import type { StepResult } from '../core/model.ts';
import { placeOf } from '../core/package.ts';
import { type PackageSet, setAt } from '../core/package-sets.ts';
import type { RunContext } from './context.ts';
import { folderOf, install } from './install.ts';
import { commandOf } from './package.ts';
import { runStep } from './step.ts';

export type Prepared = {
  /** Null where a step failed. */
  container: Container | null;
  /** After the install, whatever came then. */
  installed: Container;
  steps: StepResult[];
  log: string;
};

/** Install a set, and build the packages of the repository that it holds links to: each behind what it needs itself. */
export async function prepare(context: RunContext, node: Container, set: PackageSet): Promise<Prepared> {
  const { result, container: installed, log, steps: before } = await install(context, node, set);
  const steps = [...before];
  if (result.exitCode !== 0) return { container: null, installed, steps, log };
  let container = withLocals(context, installed, set);
  for (const { path } of set.locals.filter(({ hasBuild }) => hasBuild)) {
    const command = commandOf(container, { path, project: { root: set.path } }, BUILD);
    const built = await runStep(context, { stage: 'install', step: `build-${setAt(path)}`, ...command });
    steps.push(built.result);
    if (built.result.exitCode !== 0) return { container: null, installed, steps, log: built.log };
    container = built.container;
  }
  return { container: container.withWorkdir(placeOf(set.path)), installed, steps, log };
}

const BUILD = 'npm run --silent build';

/** With their sources, and the settings that lie beside the lock file, which those of a package may extend. */
function withLocals(context: RunContext, installed: Container, { path, locals, isShared }: PackageSet): Container {
  const settings = folderOf(context, path).filter({ include: ['*'], exclude: ['*/*', '*.md'] });
  const shared = isShared ? installed.withDirectory(placeOf(path), settings) : installed;
  return locals.reduce((to, local) => to.withDirectory(placeOf(local.path), folderOf(context, local.path)), shared);
}
