// Makes ready what commands run with: the packages of a set, and those of the repository that they are linked to, built.
import type { Container } from '@dagger.io/dagger';
import { quoted } from '../command.ts';
import { NPM, scriptCommand } from '../core/manager.ts';
import type { StepResult } from '../core/model.ts';
import { placeOf } from '../core/package.ts';
import { type PackageSet, setAt } from '../core/package-sets.ts';
import type { RunContext } from './context.ts';
import { folderOf, install, PNP_FILES } from './install.ts';
import { secretFaults } from './install-secrets.ts';
import { commandOf } from './package.ts';
import { runStep } from './step.ts';

export type Prepared = {
  /** Null where a step failed. */
  container: Container | null;
  /** After the install, whatever came then. */
  installed: Container;
  steps: StepResult[];
  log: string;
  /** What is known of why the install failed. */
  faults: string[];
};

/** Install a set, and build the packages of the repository that it holds links to: each behind what it needs itself. */
export async function prepare(context: RunContext, node: Container, set: PackageSet): Promise<Prepared> {
  const { result, container: installed, log, steps: before } = await install(context, node, set);
  const steps = [...before];
  if (result.exitCode !== 0) return { container: null, installed, steps, log, faults: secretFaults(context, set, log) };
  const faults: string[] = [];
  let container = withLocals(context, installed, set);
  for (const { name, path, isCopied, isWorkspace } of set.locals.filter(({ hasBuild }) => hasBuild)) {
    const build = scriptCommand(isWorkspace ? set.manager : NPM, 'build');
    const command = commandOf(
      container,
      { path, project: { root: set.path } },
      isCopied ? `${build} && ${renewCopies(name, set)}` : build,
    );
    const built = await runStep(context, { stage: 'install', step: `build-${setAt(path)}`, ...command });
    steps.push(built.result);
    if (built.result.exitCode !== 0) return { container: null, installed, steps, log: built.log, faults };
    container = built.container;
  }
  return { container: container.withWorkdir(placeOf(set.path)), installed, steps, log, faults };
}

/** Of a package that was copied when it was installed, before it was built. */
const renewCopies = (name: string, { path }: PackageSet) =>
  `find ${quoted(placeOf(path))} -type d -path ${quoted(`*/node_modules/${name}`)} -prune -exec cp -R . {} ';'`;

/** With their sources, and the settings that lie beside the lock file, which those of a package may extend. */
function withLocals(context: RunContext, installed: Container, { path, locals, isShared }: PackageSet): Container {
  const settings = folderOf(context, path).filter({ include: ['*'], exclude: ['*/*', '*.md', ...PNP_FILES] });
  const shared = isShared ? installed.withDirectory(placeOf(path), settings) : installed;
  return locals.reduce((to, local) => to.withDirectory(placeOf(local.path), folderOf(context, local.path)), shared);
}
