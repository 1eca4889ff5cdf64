// Sends one blob to an image registry: what is there is not sent, what another repository has is mounted, what was cut is taken up where it ended.
import type { Expected } from './digest.ts';
import { OciError } from './errors.ts';
import { Refusal } from './refusals.ts';
import { formatReference, type Reference, type RegistryClient } from './registry.ts';
import { Passing, retried } from './retry.ts';

/** Whether the blob had to be sent. `from` is another repository of the same registry that may have it. */
export async function pushBlob(
  client: RegistryClient,
  repository: Reference,
  expected: Expected,
  bytes: Blob,
  from?: string,
): Promise<boolean> {
  if (bytes.size !== expected.size) {
    throw new OciError(
      'BLOB_SIZE',
      `${expected.digest} should have ${expected.size} bytes but has ${bytes.size}`,
      'make the archive again',
    );
  }
  const place: Place = { client: client.pusher, repository };
  const isThere = async () => (await place.client.sizeOfBlob(repository, expected.digest)) === expected.size;
  if (await isThere()) return false;
  let upload = from === undefined ? undefined : await mountOrBegin(place, expected, from);
  if (upload === 'mounted' && (await isThere())) return false;
  if (upload === 'mounted') upload = undefined;
  await sendWhole(place, expected, bytes, upload, isThere);
  await requireKept(place, expected);
  return true;
}

type Place = { client: RegistryClient; repository: Reference };

/** An upload that has begun: where it goes on, and how much of it the registry has. */
type Upload = { url: string; offset: number };

async function sendWhole(
  place: Place,
  { digest }: Expected,
  bytes: Blob,
  begun: Upload | undefined,
  isThere: () => Promise<boolean>,
): Promise<void> {
  let upload = begun;
  let hasFailed = false;
  await retried(place.client.patience, async () => {
    // Whose answer got lost may have ended well.
    if (hasFailed && (await isThere())) return;
    if (hasFailed && upload !== undefined) upload = await whereItStands(place, upload);
    upload ??= await begin(place);
    try {
      while (upload.offset < bytes.size) upload = await sendChunk(place, upload, bytes);
      await finish(place, upload, digest);
    } catch (error) {
      hasFailed = true;
      // It holds other bytes than we sent, or was forgotten: there is nothing to go on from.
      if (error instanceof OciError && ['UPLOAD_REFUSED', 'NOT_FOUND'].includes(error.code)) {
        upload = undefined;
        throw new Passing(error);
      }
      throw error;
    }
  });
}

/** Not what the registry says that it took: what it says that it has. */
async function requireKept({ client, repository }: Place, { digest, size }: Expected): Promise<void> {
  const kept = await client.sizeOfBlob(repository, digest);
  if (kept === size || kept === undefined) return;
  throw new OciError(
    'REGISTRY_ERROR',
    `${formatReference(repository)}: ${digest} was sent with ${size} bytes, and ${kept === null ? 'is not there' : `has ${kept} there`}`,
    'look at the registry or the proxy before it: it does not keep what it takes',
  );
}

async function begin({ client, repository }: Place): Promise<Upload> {
  const response = await client.write(repository, { method: 'POST', path: 'blobs/uploads/' });
  return { url: locationOf(response, repository), offset: 0 };
}

/** A registry that cannot mount it, or does not let us read there, begins an upload; some (Harbor, GitLab) refuse the question instead. */
async function mountOrBegin(
  { client, repository }: Place,
  { digest }: Expected,
  from: string,
): Promise<Upload | 'mounted' | undefined> {
  const path = `blobs/uploads/?${new URLSearchParams({ mount: digest, from })}`;
  try {
    const response = await retried(client.patience, () => client.write(repository, { method: 'POST', path, from }));
    return response.status === 201 ? 'mounted' : { url: locationOf(response, repository), offset: 0 };
  } catch (error) {
    if (error instanceof Refusal && error.status < 500) return undefined;
    throw error;
  }
}

/** Undefined if the registry knows nothing of it any more. */
async function whereItStands({ client, repository }: Place, { url }: Upload): Promise<Upload | undefined> {
  try {
    const response = await client.write(repository, { method: 'GET', path: url });
    return { url: locationOf(response, repository, url), offset: offsetOf(response) };
  } catch (error) {
    if (error instanceof OciError && !(error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN')) return undefined;
    throw error;
  }
}

/** As much as the registry takes at once: all of it, until one says that it is too much. The address of an upload changes with each answer. */
async function sendChunk({ client, repository }: Place, upload: Upload, bytes: Blob): Promise<Upload> {
  const { url, offset } = upload;
  const end = Math.min(bytes.size, offset + client.bodies.of(repository.registry));
  const headers = {
    'content-type': 'application/octet-stream',
    // All at once as everybody does it; registries are particular about ranges, and most never see one.
    ...(end - offset === bytes.size ? {} : { 'content-range': `${offset}-${end - 1}` }),
  };
  const body = bytes.slice(offset, end);
  try {
    const response = await client.write(repository, { method: 'PATCH', path: url, headers, body });
    return { url: locationOf(response, repository, url), offset: end };
  } catch (error) {
    const isTooMuch = error instanceof Refusal && error.status === 413;
    if (!isTooMuch || !client.bodies.refused(repository.registry, body.size)) throw error;
    // Who refused it stands before the registry, which has seen none of it.
    return upload;
  }
}

async function finish({ client, repository }: Place, upload: Upload, digest: string): Promise<void> {
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
