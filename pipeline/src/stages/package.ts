// A package's own commands, in a container that holds its packages and its folder.
import type { Container } from '@dagger.io/dagger';
import { type Package, placeOf } from '../core/subject.ts';
import type { RunContext } from './context.ts';
import { folderOf } from './install.ts';

/** The packages that were installed for a package. */
export type Installed = (of: Package) => Container;

/** The folder as its commands see it, beside its packages. By a filter alone: a Dagger Engine knows what comes of one by its content, but what comes of a removal by all that it was removed from. */
export function withSource(context: RunContext, installed: Container, { path, ignore }: Package): Container {
  const folder = folderOf(context, path);
  return installed.withDirectory(placeOf(path), ignore.length === 0 ? folder : folder.filter({ exclude: ignore }));
}

/** A command as npm runs a script: by a shell, which finds the programs of the folder's packages. */
export function commandOf(
  container: Container,
  { path }: Package,
  command: string,
): { container: Container; args: string[]; shown: string } {
  return {
    container: container.withEnvVariable('PATH', `${placeOf(path)}/node_modules/.bin:$PATH`, { expand: true }),
    args: ['sh', '-c', command],
    shown: path === '' ? command : `(cd ${/^[\w./-]+$/.test(path) ? path : `'${path}'`} && ${command})`,
  };
}
