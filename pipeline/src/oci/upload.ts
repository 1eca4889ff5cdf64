// Pushes to an image registry: the blobs first, several at once, then the manifests, by their digests; tags are moved last.
import { inParallel } from './at-once.ts';
import { digestFault, digestOf, isDigest } from './digest.ts';
import { OciError } from './errors.ts';
import { type BlobSource, isIndexDocument, openBlob, parseIndex, parseManifest, readBlob } from './layout.ts';
import { pushBlob } from './push-blob.ts';
import { parseReference } from './reference.ts';
import { formatReference, type Reference, type RegistryClient } from './registry.ts';
import { retried } from './retry.ts';
import { mayRead } from './rights.ts';
import { BASE_NAME, type Descriptor, type Manifest } from './types.ts';

/** What came of pushing: an image that was there whole has nothing sent. */
export type Pushed = {
  digest: string;
  /** Blobs and their bytes, by whether they had to be sent. */
  sent: { blobs: number; bytes: number };
  there: { blobs: number; bytes: number };
};

/** Push the one image that a layout or archive holds, by its digest: no tag is touched. */
export async function pushImage(client: RegistryClient, repository: Reference, source: BlobSource): Promise<Pushed> {
  const [top, ...more] = await source.entries();
  if (top === undefined || more.length > 0) {
    throw new OciError(
      'LAYOUT_INVALID',
      `${source.name} holds ${more.length + (top ? 1 : 0)} images, not one`,
      'push the image.tar that `build` wrote',
    );
  }
  const pusher = client.pusher;
  const isIndex = isIndexDocument(await readBlob(source, top), source.name);
  const descriptors = isIndex ? parseIndex(await readBlob(source, top), source.name).manifests : [top];
  const manifests = await Promise.all(
    descriptors.map(async ({ mediaType, ...manifest }) => ({
      mediaType,
      bytes: await readBlob(source, { mediaType, ...manifest }),
    })),
  );
  const pushed = await pushBlobs(
    pusher,
    repository,
    source,
    manifests.map(({ bytes }) => parseManifest(bytes, source.name)),
  );
  for (const { bytes, mediaType } of manifests) await pushManifest(pusher, repository, bytes, mediaType);
  if (isIndex) await pushManifest(pusher, repository, await readBlob(source, top), top.mediaType);
  return { digest: top.digest, ...pushed };
}

async function pushBlobs(
  client: RegistryClient,
  repository: Reference,
  source: BlobSource,
  manifests: readonly Manifest[],
): Promise<Omit<Pushed, 'digest'>> {
  const counts = { sent: { blobs: 0, bytes: 0 }, there: { blobs: 0, bytes: 0 } };
  // Platforms share layers.
  const blobs = new Map<string, { blob: Descriptor; from: string | undefined }>();
  for (const manifest of manifests) {
    const from = baseWithin(repository, manifest);
    for (const blob of [manifest.config, ...manifest.layers]) blobs.set(blob.digest, { blob, from });
  }
  await inParallel([...blobs.values()], async ({ blob, from }) => {
    // Also of one that is there already: an archive that is not whole is not what was built.
    for await (const _ of openBlob(source, blob));
    const count =
      counts[(await pushBlob(client, repository, blob, await source.blob(blob.digest), from)) ? 'sent' : 'there'];
    count.blobs += 1;
    count.bytes += blob.size;
  });
  return counts;
}

/** The repository of the base image, if the same registry has it: its layers are there already. */
function baseWithin({ registry, repository }: Reference, { annotations }: Manifest): string | undefined {
  const name = annotations?.[BASE_NAME];
  if (name === undefined) return undefined;
  try {
    const base = parseReference(name);
    return base.registry === registry && base.repository !== repository ? base.repository : undefined;
  } catch {
    return undefined; // anybody may annotate anything
  }
}

/** Under its digest, or under a tag; the registry's own word on the digest has to be ours, and so have the bytes that it then serves. */
export async function pushManifest(
  client: RegistryClient,
  repository: Reference,
  bytes: Buffer,
  mediaType: string,
  tag?: string,
): Promise<Response> {
  const digest = digestOf(bytes);
  const pusher = client.pusher;
  const response = await retried(client.patience, () =>
    pusher.write(repository, {
      method: 'PUT',
      path: `manifests/${tag ?? digest}`,
      headers: { 'content-type': mediaType },
      body: new Blob([new Uint8Array(bytes)]),
    }),
  );
  const stored = response.headers.get('docker-content-digest');
  if (isDigest(stored) && stored !== digest) throw digestFault(digest, stored, formatReference(repository));
  const served =
    tag === undefined
      ? (await pusher.manifest({ ...repository, digest })).digest
      : await digestOfTag(pusher, repository, tag);
  if (served !== digest) {
    throw digestFault(
      digest,
      served ?? 'nothing',
      `${formatReference(repository)}${tag === undefined ? '' : `:${tag}`}`,
    );
  }
  return response;
}

/** What a tag points to; null where there is no such tag yet. */
export async function digestOfTag(client: RegistryClient, repository: Reference, tag: string): Promise<string | null> {
  try {
    return (await client.manifest({ ...repository, tag })).digest;
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    if (error.code === 'NOT_FOUND') return null;
    // Some registries answer a tag that is not there as they answer a missing right: who may read the rest lacks no right.
    const isRefused = error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN';
    if (isRefused && (await mayRead(client, repository))) return null;
    throw error;
  }
}

/** Point tags at what the repository has by this digest. One that does already is left alone: a registry may refuse even that. */
export async function moveTags(
  client: RegistryClient,
  repository: Reference,
  digest: string,
  tags: readonly string[],
): Promise<void> {
  const pusher = client.pusher;
  const { bytes, mediaType } = await pusher.manifest({ ...repository, digest });
  for (const tag of tags) {
    if ((await digestOfTag(pusher, repository, tag)) === digest) continue;
    await pushManifest(pusher, repository, bytes, mediaType, tag);
  }
}

/** What all blobs without content have in common: an artifact has no configuration. */
export const EMPTY = { bytes: Buffer.from('{}'), mediaType: 'application/vnd.oci.empty.v1+json' } as const;

export function descriptorOf(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}
