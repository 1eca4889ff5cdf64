// Finds the image that a reference means: in the store, in a folder of archives, at a mirror or registry, or assembled from packages.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND } from '../../src/command.ts';
import { OciError } from '../../src/oci/errors.ts';
import { type Descriptor, openLayout, readBase } from '../../src/oci/layout.ts';
import { pullToLayout } from '../../src/oci/pull.ts';
import { formatReference, isLoopback, type Reference } from '../../src/oci/registry.ts';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { packageFolder } from '../store/store.ts';
import type { ContainerState, RegistryRights } from '../values.ts';
import { assembleImage, isCurrent, recipeOf, taggedNames } from './assembled/index.ts';
import type { Recipe, TagRecipe } from './assembled/recipe.ts';
import { imageState, isComplete, keepImage } from './import.ts';
import type { ImageRecord } from './record.ts';
import { isUnreachable, NO_RIGHTS, referenceOf, registryClient, registryFault } from './registry.ts';

/** How long a substitute serves before a registry is asked again for the image itself. */
const STAND_IN_MS = 24 * 60 * 60 * 1000;

export async function resolveImage(
  session: Session,
  address: string,
  platform: string,
  rights = NO_RIGHTS,
): Promise<ContainerState> {
  const reference = referenceOf(address);
  const key = `${encodeURIComponent(formatReference(reference))}-${platform.replaceAll('/', '-')}`;
  const find = () =>
    session.once(`image ${key}`, async () => {
      const known = await fromStore(session, key, reference, platform);
      if (known !== undefined) return known;
      const found =
        (await fromFolder(session, reference, platform)) ?? (await fromRegistry(session, reference, platform, rights));
      await session.store.keep('images', key, found);
      return found;
    });
  const image = await find();
  if (image.standIn !== undefined) announce(session, address, reference, image.standIn);
  return imageState(session, image, find, formatReference({ ...reference, digest: image.top.digest }));
}

/** Where a tag was asked for, whoever wrote the program may not know that there are substitutes. */
function announce(session: Session, address: string, { digest }: Reference, standIn: string): void {
  session.progress({ kind: 'substitute', reference: address, standIn });
  if (digest === undefined)
    session.sayOnce(`warning: no registry could give ${address}; a substitute runs in its place: ${standIn}`);
}

async function fromStore(
  session: Session,
  key: string,
  reference: Reference,
  platform: string,
): Promise<ImageRecord | undefined> {
  const known = session.store.record<ImageRecord>('images', key);
  if (known === undefined || !(await isComplete(session, known))) return undefined;
  // A registry of this machine is asked in no time, and what its tags mean changes with each try.
  if (reference.digest === undefined && isLoopback(reference.registry) && !session.options.offline) return undefined;
  const { standIn } = known;
  if (standIn === undefined) return known;
  if (!session.options.substitutes) return undefined;
  const recipe = await recipeOf(reference);
  const isOfRecipe = recipe !== undefined && isCurrent(recipe, platform, known.top.digest);
  if (!session.options.offline) return isOfRecipe && isRecent(known) ? known : undefined;
  if (!isOfRecipe)
    session.sayOnce(
      `warning: the substitute of ${formatReference(reference)} was made by another version of drydock, and images built on it may differ; a run with a network makes it again`,
    );
  return known;
}

function isRecent({ importedAt }: ImageRecord): boolean {
  // One from the future was made by a clock that was wrong: how old it is nobody knows.
  const age = Date.now() - importedAt;
  return age >= 0 && age < STAND_IN_MS;
}

/** `--images`: a folder with an archive for each pin. */
async function fromFolder(session: Session, reference: Reference, platform: string): Promise<ImageRecord | undefined> {
  const { images } = session.options;
  if (images === undefined || reference.digest === undefined) return undefined;
  const archives = existsSync(images) ? readdirSync(images).filter((name) => name.endsWith('.tar')) : [];
  for (const name of archives.sort()) {
    const found = await fromLayout(session, join(images, name), reference.digest, platform, reference);
    if (found !== undefined) return found;
  }
  throw new EngineError(
    `no archive in ${images} holds ${formatReference(reference)}`,
    `write it with \`${COMMAND} images --output DIR\` where there is a network`,
    { lack: 'MISSING_IMAGE' },
  );
}

async function fromLayout(
  session: Session,
  path: string,
  pin: string,
  platform: string,
  reference?: Reference,
): Promise<ImageRecord | undefined> {
  const source = await openLayout(path);
  try {
    const isPinned = (await source.sizeOf(pin)) !== undefined;
    const entries = await source.entries();
    // A substitute is told apart by the name that its archive gives it: any would do for `readBase`.
    if (
      !isPinned &&
      reference !== undefined &&
      !entries.some(
        ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === formatReference(reference),
      )
    )
      return undefined;
    const base = await readBase(source, pin, platform);
    const top: Descriptor = isPinned
      ? { mediaType: base.descriptor.mediaType, digest: pin, size: (await source.sizeOf(pin)) as number }
      : base.descriptor;
    return await keepImage(session, source, base, top, platform);
  } finally {
    await source.close();
  }
}

async function fromRegistry(
  session: Session,
  reference: Reference,
  platform: string,
  rights: RegistryRights,
): Promise<ImageRecord> {
  const folder = session.store.scratch('pull');
  try {
    if (session.options.offline)
      throw new OciError('UNREACHABLE', 'the network is off', 'run once with a network, which fills the cache');
    const client = await registryClient(session, reference.registry, rights);
    const what = nameOf(reference);
    const top = await session.during({ id: `image ${what}`, name: 'image', what }, (went) =>
      pullToLayout(client, reference, folder, {
        platforms: [platform],
        most: session.store.budget,
        onBytes: (bytes, totalBytes) => went({ bytes, totalBytes }),
      }),
    );
    return (await fromLayout(session, folder, top.digest, platform)) as ImageRecord;
  } catch (error) {
    const fault = registryFault(session, 'cannot have', formatReference(reference), error);
    if (!isUnreachable(error) || !session.options.substitutes) throw fault;
    const recipe = await recipeOf(reference);
    if (recipe !== undefined) return await assembled(session, recipe, platform);
    throw reference.digest === undefined ? await withNames(fault) : fault;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without the digest, which says nothing to a person. */
const nameOf = ({ registry, repository, tag, digest = '' }: Reference) =>
  `${registry}/${repository}${tag === undefined ? `@${digest.slice(0, 19)}` : `:${tag}`}`;

/** The fault, and what can be had here. */
async function withNames(fault: Error): Promise<Error> {
  if (!(fault instanceof EngineError)) return fault;
  return fault.hinted(`without a registry there are substitutes for ${(await taggedNames()).join(', ')}`);
}

async function assembled(session: Session, recipe: Recipe | TagRecipe, platform: string): Promise<ImageRecord> {
  const layout = session.store.scratchFolder('assembled');
  try {
    const doing = { id: `packages ${recipe.reference}`, name: 'packages', what: `for ${recipe.reference}` } as const;
    const made = await session.during(doing, (went) =>
      assembleImage(recipe, platform, {
        destination: layout,
        cache: packageFolder(),
        offline: session.options.offline,
        log: session.log,
        onPackage: ({ title, ...far }) => went({ ...far, what: `${doing.what}: ${title}` }),
      }),
    );
    const pin = 'digest' in recipe ? recipe.digest : made.manifestDigest;
    const found = (await fromLayout(session, layout, pin, platform)) as ImageRecord;
    return { ...found, standIn: made.label };
  } finally {
    rmSync(layout, { recursive: true, force: true });
  }
}
