// Statements about an image, beside it in the registry: Sigstore bundles as OCI referrers, where cosign looks for them.
import { OciError } from './errors.ts';
import { parseIndex, parseManifest } from './layout.ts';
import type { Reference, RegistryClient } from './registry.ts';
import { type Descriptor, MEDIA } from './types.ts';
import { descriptorOf, EMPTY, pushBlob, pushManifest } from './upload.ts';

export const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PREDICATE = 'dev.sigstore.bundle.predicateType';

/** A bundle, and what it states by its predicate's type. */
export type Attachment = { predicateType: string; bundle: Buffer };

/** Put a bundle beside the image with this digest; returns the digest of the artifact. One that is there already stays as it is. */
export async function attach(
  client: RegistryClient,
  repository: Reference,
  subjectDigest: string,
  { predicateType, bundle }: Attachment,
): Promise<string> {
  const document = await client.manifest({ ...repository, digest: subjectDigest });
  const subject: Descriptor = { mediaType: document.mediaType, digest: document.digest, size: document.size };
  const layer = descriptorOf(bundle, BUNDLE);
  const config = descriptorOf(EMPTY.bytes, EMPTY.mediaType);
  for (const [descriptor, bytes] of [[layer, bundle] as const, [config, EMPTY.bytes] as const])
    await pushBlob(client, repository, descriptor, new Blob([new Uint8Array(bytes)]));
  const annotations = { 'dev.sigstore.bundle.content': 'dsse-envelope', [PREDICATE]: predicateType };
  const artifactType = BUNDLE;
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType,
    config,
    layers: [layer],
    subject,
    annotations,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const response = await pushManifest(client, repository, bytes, MEDIA.manifest);
  // A registry that knows of referrers says so; for others the list is kept under a tag, as the specification has it.
  if (response.headers.get('oci-subject') !== subjectDigest)
    await list(client, repository, subjectDigest, {
      ...descriptorOf(bytes, MEDIA.manifest),
      artifactType,
      annotations,
    });
  return descriptorOf(bytes, MEDIA.manifest).digest;
}

/** All bundles beside an image. */
export async function attachments(
  client: RegistryClient,
  repository: Reference,
  subjectDigest: string,
): Promise<Attachment[]> {
  const found: Attachment[] = [];
  for (const { digest, artifactType } of await referrers(client, repository, subjectDigest)) {
    if (artifactType !== undefined && artifactType !== BUNDLE) continue;
    const where = `${repository.registry}/${repository.repository}@${digest}`;
    const manifest = parseManifest((await client.manifest({ ...repository, digest })).bytes, where);
    const [layer] = manifest.layers;
    if (layer?.mediaType !== BUNDLE) continue;
    const bundle = await client.blob(repository, layer);
    found.push({ predicateType: manifest.annotations?.[PREDICATE] ?? '', bundle });
  }
  return found;
}

type Referrer = Descriptor & { artifactType?: string };

async function referrers(client: RegistryClient, repository: Reference, digest: string): Promise<Referrer[]> {
  const listed = await orNothing(() => client.document(repository, `referrers/${digest}`));
  const where = `the referrers of ${digest}`;
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
