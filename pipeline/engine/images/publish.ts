// `Container.publish`: sends an image to a registry by its digest, and moves the tag to it when all of it is there.
import { type BlobSource, openLayout } from '../../src/oci/layout.ts';
import { formatReference, isLoopback, type Reference } from '../../src/oci/registry.ts';
import { withRights } from '../../src/oci/rights.ts';
import { moveTags, pushImage } from '../../src/oci/upload.ts';
import { EngineError } from '../errors.ts';
import { REFUSAL } from '../run/isolation.ts';
import type { Session } from '../session.ts';
import type { RegistryRights } from '../values.ts';
import { referenceOf, registryClient, registryFault } from './registry.ts';

export interface Publishing {
  readonly address: string;
  readonly rights: RegistryRights;
  /** The recipe of what took the place of a pinned image below it. */
  readonly standIn: string | undefined;
}

/** Gives the reference of what was published, with its digest. `archive` writes the image and gives its path. */
export async function publishImage(
  session: Session,
  { address, rights, standIn }: Publishing,
  archive: () => Promise<string>,
): Promise<string> {
  const { digest, ...place } = referenceOf(address);
  // Of a name alone the tag is understood; a digest that is named says which image is meant to be there.
  const reference: Reference = digest === undefined ? { tag: 'latest', ...place } : place;
  refuseBeyondLoopback(session, reference, standIn);
  const path = await archive();
  const source = await openLayout(path);
  try {
    const published = await push(session, reference, rights, source);
    return formatReference({ ...reference, digest: published });
  } catch (error) {
    throw registryFault(session, 'cannot publish', formatReference(reference), error);
  } finally {
    await source.close();
  }
}

async function push(
  session: Session,
  reference: Reference,
  rights: RegistryRights,
  source: BlobSource,
): Promise<string> {
  const client = await registryClient(session, reference.registry, rights);
  return withRights(client, reference, async () => {
    const { digest } = await pushImage(client, reference, source);
    if (reference.tag !== undefined) await moveTags(client, reference, digest, [reference.tag]);
    return digest;
  });
}

/** What others would take for the image that it only stands for, or for the work of steps that nobody could alter, stays on this machine. */
function refuseBeyondLoopback({ options }: Session, reference: Reference, standIn: string | undefined): void {
  const named = formatReference(reference);
  if (isLoopback(reference.registry)) return;
  if (options.offline)
    throw new EngineError(`cannot publish ${named}: the network is off`, undefined, { lack: 'OFFLINE' });
  if (standIn !== undefined)
    throw new EngineError(
      `cannot publish ${named}: it is built on a substitute (${standIn}), which is for this machine alone`,
      'run it where a registry has the image itself',
    );
  if (REFUSAL !== undefined)
    throw new EngineError(
      `cannot publish ${named}: steps are not isolated from each other here`,
      'run it where the engine may make namespaces',
    );
}
