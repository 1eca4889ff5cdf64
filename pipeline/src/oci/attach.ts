// What is said about an image, beside it in the registry as OCI referrers: Sigstore bundles, where cosign looks for them, and our records.
import { OciError } from './errors.ts';
import { isIndexDocument, isNullList, parseIndex, parseManifest } from './layout.ts';
import { pushBlob } from './push-blob.ts';
import { Refusal } from './refusals.ts';
import type { Reference, RegistryClient } from './registry.ts';
import { type Descriptor, MEDIA } from './types.ts';
import { descriptorOf, digestOfTag, EMPTY, pushManifest } from './upload.ts';

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
  const pusher = client.pusher;
  const { mediaType, digest, size } = await pusher.manifest({ ...repository, digest: subjectDigest });
  const layer = descriptorOf(bytes, type);
  const config = descriptorOf(EMPTY.bytes, EMPTY.mediaType);
  for (const [descriptor, content] of [[layer, bytes] as const, [config, EMPTY.bytes] as const])
    await pushBlob(pusher, repository, descriptor, new Blob([new Uint8Array(content)]));
  const artifact = { artifactType: type, annotations };
  const subject = { mediaType, digest, size };
  const manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, ...artifact, config, layers: [layer], subject };
  const document = Buffer.from(JSON.stringify(manifest));
  const descriptor = descriptorOf(document, MEDIA.manifest);
  const response = await pushManifest(pusher, repository, document, MEDIA.manifest);
  // A registry that knows of referrers says so; for others the list is kept under a tag, as the specification has it.
  if (response.headers.get('oci-subject') !== digest)
    await list(pusher, repository, digest, { ...descriptor, ...artifact });
  return descriptor.digest;
}

/** All of these types beside an image, in no order: registries have none. */
export async function attachments(
  client: RegistryClient,
  repository: Reference,
  subjectDigest: string,
  types: readonly string[],
): Promise<Attachment[]> {
  const found: Attachment[] = [];
  for (const { digest, artifactType } of await referrers(client, repository, subjectDigest)) {
    if (!isUntold(artifactType) && !types.includes(artifactType)) continue;
    // A list may outlive what it lists.
    const document = await orNothing(() => client.manifest({ ...repository, digest }));
    if (document === undefined || isIndexDocument(document.bytes, digest)) continue;
    const where = `${repository.registry}/${repository.repository}@${digest}`;
    const { layers, annotations = {} } = parseManifest(document.bytes, where);
    const [layer] = layers;
    if (layer === undefined || !types.includes(layer.mediaType)) continue;
    found.push({ type: layer.mediaType, bytes: await client.blob(repository, layer), annotations });
  }
  return found;
}

/** The record of the latest release, as the records say it; one that is none counts only where there is no other. */
export function latestRecord(found: readonly Attachment[]): Buffer | undefined {
  const records = found.filter(({ type }) => type === RELEASE).map(({ bytes }) => ({ bytes, at: releasedAt(bytes) }));
  return records.sort((a, b) => b.at - a.at)[0]?.bytes;
}

function releasedAt(bytes: Buffer): number {
  try {
    const { released } = JSON.parse(bytes.toString('utf8')) as { released?: unknown };
    const at = typeof released === 'string' ? Date.parse(released) : Number.NaN;
    return Number.isNaN(at) ? -Infinity : at;
  } catch {
    return -Infinity;
  }
}

type Referrer = Descriptor & { artifactType?: string };

/** Some registries list no types, or that of the configuration, which an artifact does not have; the artifact itself has one. */
const UNTOLD: readonly (string | undefined)[] = [undefined, '', EMPTY.mediaType, MEDIA.config];
const isUntold = (type: string | undefined): type is undefined => UNTOLD.includes(type);

/** What the registry lists, and what was listed under a tag before it learnt to. */
async function referrers(client: RegistryClient, repository: Reference, digest: string): Promise<Referrer[]> {
  const served = await servedReferrers(client, repository, digest);
  const all = [...served, ...(await keptReferrers(client, repository, digest))];
  return [...new Map(all.map((entry) => [entry.digest, entry])).values()];
}

/** How registries say that they do not know the end point; what they lead to elsewhere is none either. */
const NOT_SERVED = [400, 401, 403, 404, 405, 406, 410, 501];

/** None where the end point is not served: the tag has what there is. */
async function servedReferrers(client: RegistryClient, repository: Reference, digest: string): Promise<Referrer[]> {
  try {
    const pages = await client.referrers(repository, digest);
    return pages.flatMap((page) => entriesOf(page, `the referrers of ${digest}`));
  } catch (error) {
    // Any page of the site, with the status 200.
    if (error instanceof OciError && error.code === 'MANIFEST_INVALID') return [];
    if (error instanceof Refusal && (error.isElsewhere || NOT_SERVED.includes(error.status))) return [];
    throw error;
  }
}

async function keptReferrers(client: RegistryClient, repository: Reference, digest: string): Promise<Referrer[]> {
  const kept = await digestOfTag(client, repository, fallbackTag(digest));
  // GitLab takes the tag for the digest, and gives the image itself.
  if (kept === null || kept === digest) return [];
  const { bytes } = await client.manifest({ ...repository, digest: kept });
  return isIndexDocument(bytes, kept) ? entriesOf(bytes, fallbackTag(digest)) : [];
}

/** A list that is null is empty: so some write an empty one. */
function entriesOf(bytes: Buffer, where: string): Referrer[] {
  return isNullList(bytes, where) ? [] : parseIndex(bytes, where).manifests;
}

async function list(client: RegistryClient, repository: Reference, digest: string, entry: Referrer): Promise<void> {
  const manifests = await keptReferrers(client, repository, digest);
  if (manifests.some((other) => other.digest === entry.digest)) return;
  const index = { schemaVersion: 2, mediaType: MEDIA.index, manifests: [...manifests, entry] };
  await pushManifest(client, repository, Buffer.from(JSON.stringify(index)), MEDIA.index, fallbackTag(digest));
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
