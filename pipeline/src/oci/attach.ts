// What is said about an image, beside it in the registry as OCI referrers: Sigstore bundles, where cosign looks for them, and our records.
import { OciError } from './errors.ts';
import { parseIndex, parseManifest } from './layout.ts';
import type { Reference, RegistryClient } from './registry.ts';
import { type Descriptor, MEDIA } from './types.ts';
import { descriptorOf, EMPTY, pushBlob, pushManifest } from './upload.ts';

export const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const RELEASE = 'application/vnd.drydock.release.v1+json';

/** One file beside an image; its type is the artifact's, too. */
export type Attachment = { type: string; bytes: Buffer; annotations: Readonly<Record<string, string>> };

/** A signed statement. What it states is read from its own envelope: a file's name could say otherwise. */
export function bundleOf(bytes: Buffer): Attachment {
  const { dsseEnvelope } = JSON.parse(bytes.toString('utf8')) as { dsseEnvelope: { payload: string } };
  const statement = JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString('utf8')) as {
    predicateType: string;
  };
  const annotations = {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': statement.predicateType,
  };
  return { type: BUNDLE, bytes, annotations };
}

/** Put it beside the image with this digest; returns the digest of the artifact. The same content is there once. */
export async function attach(
  client: RegistryClient,
  repository: Reference,
  subjectDigest: string,
  { type, bytes, annotations }: Attachment,
): Promise<string> {
  const { mediaType, digest, size } = await client.manifest({ ...repository, digest: subjectDigest });
  const layer = descriptorOf(bytes, type);
  const config = descriptorOf(EMPTY.bytes, EMPTY.mediaType);
  for (const [descriptor, content] of [[layer, bytes] as const, [config, EMPTY.bytes] as const])
    await pushBlob(client, repository, descriptor, new Blob([new Uint8Array(content)]));
  const artifact = { artifactType: type, annotations };
  const subject = { mediaType, digest, size };
  const manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, ...artifact, config, layers: [layer], subject };
  const document = Buffer.from(JSON.stringify(manifest));
  const descriptor = descriptorOf(document, MEDIA.manifest);
  const response = await pushManifest(client, repository, document, MEDIA.manifest);
  // A registry that knows of referrers says so; for others the list is kept under a tag, as the specification has it.
  if (response.headers.get('oci-subject') !== digest)
    await list(client, repository, digest, { ...descriptor, ...artifact });
  return descriptor.digest;
}

/** All of these types beside an image, the oldest first. */
export async function attachments(
  client: RegistryClient,
  repository: Reference,
  subjectDigest: string,
  types: readonly string[],
): Promise<Attachment[]> {
  const found: Attachment[] = [];
  for (const { digest, artifactType } of await referrers(client, repository, subjectDigest)) {
    // Some registries don't list types; the artifact itself has one.
    if (artifactType !== undefined && !types.includes(artifactType)) continue;
    const where = `${repository.registry}/${repository.repository}@${digest}`;
    const { layers, annotations = {} } = parseManifest((await client.manifest({ ...repository, digest })).bytes, where);
    const [layer] = layers;
    if (layer === undefined || !types.includes(layer.mediaType)) continue;
    found.push({ type: layer.mediaType, bytes: await client.blob(repository, layer), annotations });
  }
  return found;
}

type Referrer = Descriptor & { artifactType?: string };

async function referrers(client: RegistryClient, repository: Reference, digest: string): Promise<Referrer[]> {
  const where = `the referrers of ${digest}`;
  const listed = await orNothing(() => client.document(repository, `referrers/${digest}`));
  if (listed !== undefined) return parseIndex(listed, where).manifests;
  const kept = await orNothing(() => client.manifest({ ...repository, tag: fallbackTag(digest) }));
  return kept === undefined ? [] : parseIndex(kept.bytes, where).manifests;
}

async function list(client: RegistryClient, repository: Reference, digest: string, entry: Referrer): Promise<void> {
  const tag = fallbackTag(digest);
  const kept = await orNothing(() => client.manifest({ ...repository, tag }));
  const manifests = kept === undefined ? [] : parseIndex(kept.bytes, tag).manifests;
  if (manifests.some((other) => other.digest === entry.digest)) return;
  const index = { schemaVersion: 2, mediaType: MEDIA.index, manifests: [...manifests, entry] };
  await pushManifest(client, repository, Buffer.from(JSON.stringify(index)), MEDIA.index, tag);
}

const fallbackTag = (digest: string) => digest.replace(':', '-');

async function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OciError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
