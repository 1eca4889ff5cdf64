// Where images come from: a folder of archives, if one is given, else whatever the engine pulls them from. Always by the pin.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Container, type Directory, dag, type File, type Platform } from '@dagger.io/dagger';
import { COMMAND } from '../command.ts';
import { tagOf } from '../core/backing.ts';
import { PipelineError, reasonOf } from '../core/errors.ts';
import type { StandIn } from '../core/model.ts';
import { OciError } from '../oci/errors.ts';
import { openLayout, readBase } from '../oci/layout.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import { STAND_IN_LABEL } from '../oci/types.ts';
import { archiveOf, imageName, PINS, type PinName, pinned } from '../pins.ts';
import { notToBeHad } from './engine.ts';

export type ImageSource = {
  /** OCI archives, one for each pin, instead of any registry. */
  archives: Directory | undefined;
  /** `docker.io=host/prefix`: looked at instead of the registry itself. */
  mirrors: readonly string[];
  /** The pins of another time, by name; ours for what is not there. */
  pins?: ReadonlyMap<string, string> | undefined;
};

export type NamedImage = { container: Container; standIns: StandIn[] };

export class Images {
  readonly #source: ImageSource;
  /** One object for each image: the SDK asks for the identity of every new one. */
  readonly #containers = new Map<string, Container>();
  readonly #named = new Map<string, Promise<NamedImage>>();

  constructor(source: ImageSource) {
    this.#source = source;
  }

  get mirrors(): readonly string[] {
    return this.#source.mirrors;
  }

  /** A container of a pinned image; of the engine's own platform, if none is named. */
  container(name: PinName, platform?: string): Container {
    const key = `${name} ${platform ?? ''}`;
    const known = this.#containers.get(key);
    if (known !== undefined) return known;
    const empty = dag.container(platform === undefined ? {} : { platform: platform as Platform });
    const { archives, mirrors } = this.#source;
    const container =
      archives === undefined
        ? empty.from(mirrored(pinned(name), mirrors))
        : empty.import_(archives.file(archiveOf(name)));
    this.#containers.set(key, container);
    return container;
  }

  /** The image as an archive, for the assembler: the very bytes where the engine keeps them. */
  archive(name: PinName, platform: string): File {
    return this.#source.archives?.file(archiveOf(name)) ?? this.container(name, platform).asTarball();
  }

  /**
   * An image that the repository names: of the archives the one that is called after it, else as the engine pulls it. Where its digest cannot be
   * had, a substitute of its tag will do, but no other image of that tag. Of the engine's own platform, if none is named. Throws as `obtain` does.
   */
  async named(reference: string, platform?: string): Promise<NamedImage> {
    const key = `${reference} ${platform ?? ''}`;
    const known = this.#named.get(key) ?? this.#obtainNamed(reference, platform);
    this.#named.set(key, known);
    return await known;
  }

  async #obtainNamed(reference: string, platform?: string): Promise<NamedImage> {
    const empty = dag.container(platform === undefined ? {} : { platform: platform as Platform });
    const { archives, mirrors } = this.#source;
    if (archives !== undefined) return await asNamed(await namedArchive(empty, archives, reference), reference);
    const whole = formatReference(parseReference(reference));
    const pulled = (image: string) => asNamed(empty.from(image), reference);
    try {
      return await pulled(mirrored(whole, mirrors));
    } catch (error) {
      if (notToBeHad(error) === undefined) throw error;
      const found = await pulled(tagOf(whole) ?? whole).catch(() => null);
      if (found === null || found.standIns.length === 0) throw error;
      return found;
    }
  }

  /** What is only assembled in an image's place, one or none; it says so itself, by its label. */
  async standIns(name: PinName): Promise<StandIn[]> {
    const recipe = await this.container(name).label(STAND_IN_LABEL);
    return recipe ? [{ image: PINS[name].image, pin: pinned(name), recipe }] : [];
  }

  /** Make sure that an image can be had, and is what its pin says. Throws a `PipelineError`, or the engine's own error. */
  async obtain(name: PinName): Promise<void> {
    await this.verify([{ name, platform: await dag.defaultPlatform() }]);
    await this.container(name).sync();
  }

  /**
   * Check the archives against their pins, from the index down to each layer. Done in this process: an image that is
   * checked by a program inside it checks itself. Without a folder there is nothing to do; the engine pulls by digest.
   */
  async verify(wanted: readonly { name: PinName; platform: string }[]): Promise<void> {
    const { archives, pins } = this.#source;
    if (archives === undefined) return;
    const found = await archives.entries();
    const missing = wanted.filter(({ name }) => !found.includes(archiveOf(name)));
    if (missing.length > 0) {
      const names = [...new Set(missing.map(({ name }) => `${archiveOf(name)} (${PINS[name].image})`))];
      throw new PipelineError(
        'MISSING_IMAGE',
        `the --images folder lacks ${names.join(', ')}`,
        `fill it where the images are available: ${COMMAND} images --output DIR`,
      );
    }
    const folder = await mkdtemp(join(tmpdir(), 'drydock-images-'));
    try {
      for (const { name, platform } of wanted)
        await verifyArchive(archives, name, { pin: pins?.get(name) ?? pinned(name), platform, folder });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function asNamed(container: Container, reference: string): Promise<NamedImage> {
  await container.sync();
  const recipe = await container.label(STAND_IN_LABEL);
  const standIns = recipe ? [{ image: reference.replace(/@.*/, ''), pin: reference, recipe }] : [];
  return { container, standIns };
}

async function namedArchive(empty: Container, archives: Directory, reference: string): Promise<Container> {
  const file = archiveOf(imageName(reference));
  if (await archives.exists(file)) return empty.import_(archives.file(file));
  throw new PipelineError(
    'MISSING_IMAGE',
    `the --images folder lacks ${file} (${reference})`,
    `put it there: skopeo copy docker://${reference} oci-archive:DIR/${file}`,
  );
}

type Check = { pin: string; platform: string; folder: string };

async function verifyArchive(archives: Directory, name: PinName, { pin, platform, folder }: Check): Promise<void> {
  const path = await archives.file(archiveOf(name)).export(join(folder, archiveOf(name)));
  try {
    const source = await openLayout(path);
    try {
      await readBase(source, pin.slice(pin.indexOf('@') + 1), platform);
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new PipelineError(
      'BAD_IMAGES',
      `${archiveOf(name)} in the --images folder is not ${pin}: ${reasonOf(error).replaceAll(path, archiveOf(name))}`,
      `write the folder again: ${COMMAND} images --output DIR`,
      { cause: error },
    );
  }
}

/** The reference at its mirror: `docker.io=host/prefix` turns docker.io/library/node into host/prefix/library/node. */
function mirrored(reference: string, mirrors: readonly string[]): string {
  for (const mirror of mirrors) {
    const [registry, place] = mirror.split('=', 2);
    if (registry && place && reference.startsWith(`${registry}/`)) return `${place}${reference.slice(registry.length)}`;
  }
  return reference;
}
