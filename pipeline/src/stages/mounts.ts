// The files of the repository that docker-compose.yml mounts into a service, put where it says.
import { posix } from 'node:path';
import type { Container, Directory } from '@dagger.io/dagger';
import type { ComposeService } from '../core/compose/model.ts';
import { PipelineError } from '../core/errors.ts';

/** Throws `BAD_COMPOSE` for what is not there: Docker would make an empty folder of it. */
export async function withBinds(container: Container, service: ComposeService, source: Directory): Promise<Container> {
  let mounted = container;
  for (const { source: path, target } of service.binds) {
    const [isFolder, isFile] = await Promise.all([
      source.glob(posix.join(path, '**')).then((inside) => inside.length > 0),
      source.glob(path).then((found) => found.length > 0),
    ]);
    if (isFolder) mounted = mounted.withMountedDirectory(target, source.directory(path));
    else if (isFile) mounted = mounted.withMountedFile(target, source.file(path));
    else {
      throw new PipelineError(
        'BAD_COMPOSE',
        `${service.place}: services.${service.name}.volumes names ./${path}, which is not there`,
        'add the file, or fix the path; git must not ignore it',
      );
    }
  }
  return mounted;
}

/** Where a file of a container comes from; undefined for what the image itself has. */
export function sourceOf(service: ComposeService, path: string): string | undefined {
  for (const { source, target } of service.binds) {
    if (path === target) return source;
    if (path.startsWith(`${target}/`)) return posix.join(source, path.slice(target.length));
  }
  return undefined;
}
