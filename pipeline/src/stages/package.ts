// A package's own commands, in a container that holds its packages and its folder.
import type { Container } from '@dagger.io/dagger';
import { quoted } from '../command.ts';
import { type Package, placeOf } from '../core/package.ts';
import type { Project } from '../core/project.ts';
import type { RunContext } from './context.ts';
import { folderOf, PNP_FILES } from './install.ts';

/** Said of a stage for which no package has a command or a script. */
export const NOTHING_TO_RUN = 'nothing was asked for: no package has a script or a command for it';

/** The packages that were installed for a package. */
export type Installed = (of: Package) => Container;

/** The folder as its commands see it, beside its packages. By a filter alone: a Dagger Engine knows what comes of one by its content, but what comes of a removal by all that it was removed from. */
export function withSource(context: RunContext, installed: Container, { path, ignore, project }: Package): Container {
  const folder = folderOf(context, path);
  const exclude = [...ignore, ...(project?.manager.name === 'yarn' ? PNP_FILES : [])];
  return installed.withDirectory(placeOf(path), exclude.length === 0 ? folder : folder.filter({ exclude }));
}

/** A command as npm runs a script: by a shell, which finds the programs of the folder's packages. */
export function commandOf(
  container: Container,
  { path, project }: Pick<Package, 'path'> & { project: Pick<Project, 'root'> | null },
  command: string,
): { container: Container; args: string[]; shown: string } {
  const programs = [...new Set([path, project?.root ?? path])].map((folder) => `${placeOf(folder)}/node_modules/.bin`);
  return {
    container: container
      .withWorkdir(placeOf(path))
      .withEnvVariable('PATH', `${programs.join(':')}:$PATH`, { expand: true })
      // What npm runs before and after a script of the package's own is a part of it. Packages were installed without any.
      .withEnvVariable('npm_config_ignore_scripts', 'false'),
    args: ['sh', '-c', command],
    shown: path === '' ? command : `(cd ${quoted(path)} && ${command})`,
  };
}
