// Opens a capsule: its manifest, and all of its content in a folder, checked before anything uses it.
import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  badCapsule,
  type CapsuleManifest,
  DATABASE_INPUT,
  IMAGE_INPUT,
  imageFile,
  PACKAGES_FILE,
  parseManifest,
  SOURCE_FOLDER,
  VERDICT_INPUT,
} from '../../src/core/capsule/manifest.ts';
import { PipelineError, reasonOf } from '../../src/core/errors.ts';
import { expandFile, expandFolder, readManifest, unpackCapsule } from '../../src/oci/capsule-reader.ts';
import { OciError } from '../../src/oci/errors.ts';
import { archiveOf } from '../../src/pins.ts';

/** A capsule on disk. Whatever it does not hold is null. */
export type OpenCapsule = {
  /** How the person named it. */
  file: string;
  manifest: CapsuleManifest;
  source: string;
  /** OCI archives by pin. */
  images: string;
  packages: string | null;
  image: string | null;
  database: string | null;
  verdict: string | null;
};

/** Throws `BAD_OPTION` for what is no file, and `BAD_CAPSULE`. */
export async function openManifest(file: string): Promise<CapsuleManifest> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new PipelineError('BAD_OPTION', `${file} is not a file`, 'name the capsule-….tar of a run that failed');
  }
  return parseManifest(await told(file, async () => await readManifest(file)), basename(file));
}

/** Write all of it below a folder that is empty or not there. */
export async function openCapsule(file: string, folder: string): Promise<OpenCapsule> {
  const manifest = await openManifest(file);
  const content = join(folder, 'content');
  await mkdir(content, { recursive: true });
  return await told(file, async () => {
    await unpackCapsule(file, manifest.files, content);
    const images = join(folder, 'images');
    await mkdir(images);
    for (const name of imagesIn(manifest))
      await expandFile(join(content, imageFile(name)), join(images, archiveOf(name)));
    const expanded = async (path: string, to: string, expand: typeof expandFile) => {
      if (!existsSync(join(content, path))) return null;
      await expand(join(content, path), join(folder, to));
      return join(folder, to);
    };
    const source = join(content, SOURCE_FOLDER);
    await mkdir(source, { recursive: true });
    const verdict = join(content, VERDICT_INPUT);
    return {
      file,
      manifest,
      source,
      images,
      packages: await expanded(PACKAGES_FILE, 'packages', expandFolder),
      image: await expanded(IMAGE_INPUT, 'image.tar', expandFile),
      database: await expanded(DATABASE_INPUT, 'database', expandFolder),
      verdict: existsSync(verdict) ? verdict : null,
    };
  });
}

/** By the files that it has, and that were looked at: whatever else it says of images. */
function imagesIn({ files }: CapsuleManifest): string[] {
  return files
    .filter(({ link }) => link === null)
    .flatMap(({ path }) => /^images\/([a-z0-9][a-z0-9.-]*)\.tar\.br$/.exec(path)?.[1] ?? []);
}

/** The reader's errors as ours. */
export async function told<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    const why = cause.code.startsWith('TAR_') ? 'it is cut off, or no tar archive at all' : reasonOf(cause);
    throw badCapsule(`${basename(file)} is not a complete capsule: ${why}`, { cause });
  }
}
