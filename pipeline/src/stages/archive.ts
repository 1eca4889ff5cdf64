// An image that was given as an archive: looked at in this process, and refused in one sentence when it is none.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { File } from '@dagger.io/dagger';
import { PipelineError, reasonOf } from '../core/errors.ts';
import type { ScannedImage } from '../core/gate/verdict.ts';
import { OciError } from '../oci/errors.ts';
import { type ArchiveDescription, describeArchive } from '../oci/layout.ts';

export type Given = { image: ScannedImage; labels: string[] };

/** Digest, base and own layers of the image in an archive, for any of its platforms, and the labels of substitutes. Throws `BAD_ARCHIVE`. */
export async function describeGiven(archive: File, named = 'what --image names'): Promise<Given> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-archive-'));
  try {
    const path = await archive.export(join(folder, 'image.tar'));
    const description = await described(path, named);
    return { image: toScanned(description), labels: description.images.flatMap(({ standIn }) => standIn ?? []) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function described(path: string, named: string): Promise<ArchiveDescription> {
  try {
    return await describeArchive(path);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new PipelineError(
      'BAD_ARCHIVE',
      `${named} is not an OCI archive: ${reasonOf(cause).replaceAll(path, 'the file')}`,
      'give the image.tar that `build` wrote, or another OCI archive of one image',
      { cause },
    );
  }
}

function toScanned({ digest, images }: ArchiveDescription): ScannedImage {
  const [first] = images;
  return {
    digest,
    base: first?.standIn ?? first?.base ?? null,
    appLayers: [...new Set(images.flatMap(({ appDiffIds }) => appDiffIds))],
    platforms: images.map((image) => ({ platform: image.platform, digest: image.digest })),
  };
}
