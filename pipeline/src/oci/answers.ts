// Reads the documents that registries answer with: manifests held to their digest, and lists of tags, page by page.
import { digestFault, digestOf, isDigest } from './digest.ts';
import { OciError } from './errors.ts';
import { isIndexDocument, parseManifest } from './layout.ts';
import { isTag } from './reference.ts';
import type { Endpoint } from './refusals.ts';
import { MEDIA } from './types.ts';

/** A manifest or index as the registry holds it; the bytes hash to the digest. `host` is who answered: the registry or a mirror. */
export type Document = { bytes: Buffer; mediaType: string; digest: string; size: number; host: string };

/** `uploaded` is by digest, and empty where a registry does not say it (Google's does). */
export type Tags = { names: string[]; uploaded: ReadonlyMap<string, Date> };

export const ACCEPT = [MEDIA.index, MEDIA.manifest, MEDIA.dockerIndex, MEDIA.dockerManifest].join(', ');
export const MAX_TAGS = 1_000_000;

export function checkDocument(
  bytes: Buffer,
  response: Response,
  wanted: string,
  { host, repository }: Endpoint,
): Document {
  const where = `${host}/${repository}`;
  const digest = digestOf(bytes);
  if (isDigest(wanted) && digest !== wanted) throw digestFault(wanted, digest, where);
  const announced = response.headers.get('docker-content-digest');
  // By tag there is no digest to hold it to but the registry's own word, which has to be true at least.
  if (isDigest(announced) && announced !== digest) throw digestFault(announced, digest, where);
  const mediaType = mediaTypeOf(bytes, response, where);
  return { bytes, mediaType, digest, size: bytes.byteLength, host };
}

/** The type that the document itself states; the header's is only a fallback, as it isn't covered by the digest. */
function mediaTypeOf(bytes: Buffer, response: Response, where: string): string {
  const isIndex = isIndexDocument(bytes, where);
  const stated = (JSON.parse(bytes.toString('utf8')) as { mediaType?: unknown }).mediaType;
  if (typeof stated === 'string') return stated;
  const header = response.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
  if (ACCEPT.split(', ').includes(header)) return header;
  if (!isIndex) parseManifest(bytes, where);
  return isIndex ? MEDIA.index : MEDIA.manifest;
}

export function parseTags(bytes: Buffer, { host, repository }: Endpoint): Tags {
  const fault = (cause?: unknown) =>
    new OciError('REGISTRY_ERROR', `${host} lists no tags of ${repository}`, 'try again later', { cause });
  try {
    const { tags, manifest } = JSON.parse(bytes.toString('utf8')) as {
      tags: unknown;
      manifest?: Record<string, { timeUploadedMs?: string }>;
    };
    const names: unknown = tags ?? [];
    if (!Array.isArray(names) || !names.every(isTag)) throw fault();
    const uploaded = Object.entries(manifest ?? {}).flatMap(([digest, { timeUploadedMs }]): [string, Date][] => {
      const date = new Date(Number(timeUploadedMs));
      return date.getTime() > 0 ? [[digest, date]] : [];
    });
    return { names, uploaded: new Map(uploaded) };
  } catch (cause) {
    throw cause instanceof OciError ? cause : fault(cause);
  }
}

export function tooManyTags({ host, repository }: Endpoint): OciError {
  return new OciError('REGISTRY_ERROR', `${host} lists more than ${MAX_TAGS} tags of ${repository}`, 'name the tag');
}

/**
 * `</v2/name/tags/list?last=x&n=1000>; rel="next"`: the next part of what was asked for by the path `first`. Whatever host it names, ours is
 * asked; and for more of the same, which some write as `<?last=x>`.
 */
export function nextPage(link: string | null, first: string): string | undefined {
  const [, query] = /<[^>?]*(\?[^>]+)>\s*;[^,]*rel="?next"?/.exec(link ?? '') ?? [];
  return query === undefined ? undefined : `${first.replace(/\?.*/, '')}${query}`;
}
