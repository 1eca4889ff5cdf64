// Has our own program put an image together: a base, byte for byte, and a folder on it.
import type { Directory, File } from '@dagger.io/dagger';
import type { PackageContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { IMAGE_FILE } from './made.ts';
import { type Ran, runStep, stepFolder } from './step.ts';

/** Where things stand in the container that assembles. */
export const APP = '/assembly/app';
const SPEC = '/assembly/spec.json';
const PROGRAMS = '/assembly/oci';
const OUT = `${stepFolder('assemble')}/image`;

/** A base for a platform, and where it stands in the container that assembles. */
type Archive = { path: string; file: File };

export const placesOf = (bases: readonly (readonly [platform: string, archive: File])[]): Archive[] =>
  bases.map(([platform, file]) => ({ path: `/assembly/base/${platform.replaceAll('/', '-')}.tar`, file }));

type Assembly = { app: Directory; spec: Record<string, unknown>; archives: readonly Archive[] };

export async function assemble(context: PackageContext, { app, spec, archives }: Assembly): Promise<Ran> {
  const prepared = nodeContainer(context)
    .withMountedDirectory(PROGRAMS, context.programs.directory('oci'))
    .withMountedDirectory(APP, app)
    .withNewFile(SPEC, JSON.stringify(spec));
  return await runStep(context, {
    stage: 'build',
    step: 'assemble',
    container: archives.reduce((mounted, { path, file }) => mounted.withMountedFile(path, file), prepared),
    args: ['node', `${PROGRAMS}/assemble.ts`, '--spec', SPEC, '--out', `${OUT}/${IMAGE_FILE}`],
    shown: `node oci/assemble.ts --spec ${SPEC}`,
  });
}

/** The folder with the archive and its account; null where it could not be made. */
export const imageIn = ({ result, container }: Ran): Directory | null =>
  result.exitCode === 0 ? container.directory(OUT) : null;
