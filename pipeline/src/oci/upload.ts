// Pushes to an image registry: blobs that are there are not sent, uploads that were cut are taken up where they ended, tags are moved last.
import { digestFault, digestOf, type Expected, isDigest } from './digest.ts';
import { OciError } from './errors.ts';
import { type BlobSource, isIndexDocument, openBlob, parseIndex, parseManifest, readBlob } from './layout.ts';
import { formatReference, type Reference, type RegistryClient } from './registry.ts';
import { Passing, retried } from './retry.ts';
import { mayRead } from './rights.ts';
import type { Descriptor } from './types.ts';

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
  const pushed: Pushed = { digest: top.digest, sent: { blobs: 0, bytes: 0 }, there: { blobs: 0, bytes: 0 } };
  const isIndex = isIndexDocument(await readBlob(source, top), source.name);
  const seen = new Set<string>();
  const manifests = isIndex ? parseIndex(await readBlob(source, top), source.name).manifests : [top];
  for (const manifest of manifests) {
    const bytes = await readBlob(source, manifest);
    const { config, layers } = parseManifest(bytes, source.name);
    for (const blob of [config, ...layers]) {
      // Platforms share layers.
      if (seen.has(blob.digest)) continue;
      seen.add(blob.digest);
      // Also of one that is there already: an archive that is not whole is not what was built.
      for await (const _ of openBlob(source, blob));
      const count = (await pushBlob(client, repository, blob, await source.blob(blob.digest))) ? 'sent' : 'there';
      pushed[count] = { blobs: pushed[count].blobs + 1, bytes: pushed[count].bytes + blob.size };
    }
    await pushManifest(client, repository, bytes, manifest.mediaType);
  }
  if (isIndex) await pushManifest(client, repository, await readBlob(source, top), top.mediaType);
  return pushed;
}

/** Whether the blob had to be sent. */
export async function pushBlob(
  client: RegistryClient,
  repository: Reference,
  expected: Expected,
  bytes: Blob,
): Promise<boolean> {
  if (bytes.size !== expected.size) {
    throw new OciError(
      'BLOB_SIZE',
      `${expected.digest} should have ${expected.size} bytes but has ${bytes.size}`,
      'make the archive again',
    );
  }
  const isThere = async () => (await client.sizeOfBlob(repository, expected.digest)) === expected.size;
  if (await isThere()) return false;
  let upload: Upload | undefined;
  await retried(client.patience, async () => {
    // Whose answer got lost may have ended well.
    if (upload !== undefined && (await isThere())) return;
    upload = (upload && (await whereItStands(client, repository, upload))) ?? (await begin(client, repository));
    try {
      if (upload.offset < bytes.size) upload = await send(client, repository, upload, bytes);
      await finish(client, repository, upload, expected.digest);
    } catch (error) {
      // It holds other bytes than we sent, or was forgotten: there is nothing to go on from.
      if (error instanceof OciError && ['UPLOAD_REFUSED', 'NOT_FOUND'].includes(error.code)) {
        upload = undefined;
        throw new Passing(error);
      }
      throw error;
    }
  });
  await requireKept(client, repository, expected);
  return true;
}

/** Not what the registry says that it took: what it says that it has. */
async function requireKept(client: RegistryClient, repository: Reference, { digest, size }: Expected): Promise<void> {
  const kept = await client.sizeOfBlob(repository, digest);
  if (kept === size || kept === undefined) return;
  throw new OciError(
    'REGISTRY_ERROR',
    `${formatReference(repository)}: ${digest} was sent with ${size} bytes, and ${kept === null ? 'is not there' : `has ${kept} there`}`,
    'look at the registry or the proxy before it: it does not keep what it takes',
  );
}

/** An upload that has begun: where it goes on, and how much of it the registry has. */
type Upload = { url: string; offset: number };

async function begin(client: RegistryClient, repository: Reference): Promise<Upload> {
  const response = await client.write(repository, { method: 'POST', path: 'blobs/uploads/' });
  return { url: locationOf(response, repository), offset: 0 };
}

/** Undefined if the registry knows nothing of it any more. */
async function whereItStands(
  client: RegistryClient,
  repository: Reference,
  { url }: Upload,
): Promise<Upload | undefined> {
  try {
    const response = await client.write(repository, { method: 'GET', path: url });
    return { url: locationOf(response, repository, url), offset: offsetOf(response) };
  } catch (error) {
    if (error instanceof OciError && !(error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN')) return undefined;
    throw error;
  }
}

async function send(client: RegistryClient, repository: Reference, upload: Upload, bytes: Blob): Promise<Upload> {
  const { url, offset } = upload;
  const headers = {
    'content-type': 'application/octet-stream',
    // The first time as everybody does it; registries are particular about ranges, and most never see one.
    ...(offset === 0 ? {} : { 'content-range': `${offset}-${bytes.size - 1}` }),
  };
  const response = await client.write(repository, { method: 'PATCH', path: url, headers, body: bytes.slice(offset) });
  return { url: locationOf(response, repository, url), offset: bytes.size };
}

async function finish(client: RegistryClient, repository: Reference, upload: Upload, digest: string): Promise<void> {
  const url = `${upload.url}${upload.url.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
  await client.write(repository, { method: 'PUT', path: url });
}

/** Bytes `0-n`; a registry that has none yet may say `0-0`, which is sent again rather than left out. */
function offsetOf(response: Response): number {
  const [, last = '0'] = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '') ?? [];
  return last === '0' ? 0 : Number(last) + 1;
}

function locationOf(response: Response, repository: Reference, before?: string): string {
  const location = response.headers.get('location');
  if (location !== null && URL.canParse(location, response.url)) return new URL(location, response.url).href;
  if (location === null && before !== undefined) return before;
  throw new OciError(
    'REGISTRY_ERROR',
    `${repository.registry} takes an upload without saying where it goes`,
    'is it an image registry?',
  );
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
  const response = await retried(client.patience, () =>
    client.write(repository, {
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
      ? (await client.manifest({ ...repository, digest })).digest
      : await digestOfTag(client, repository, tag);
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

/** Point tags at what the repository has by this digest. */
export async function moveTags(
  client: RegistryClient,
  repository: Reference,
  digest: string,
  tags: readonly string[],
): Promise<void> {
  const { bytes, mediaType } = await client.manifest({ ...repository, digest });
  for (const tag of tags) await pushManifest(client, repository, bytes, mediaType, tag);
}

/** What all blobs without content have in common: an artifact has no configuration. */
export const EMPTY = { bytes: Buffer.from('{}'), mediaType: 'application/vnd.oci.empty.v1+json' } as const;

export function descriptorOf(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}
