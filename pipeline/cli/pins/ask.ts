// Asks the outside about one pin: image registries, GitHub, npm. Each answer is what `decide` wants to know.
import { type Decision, decide, type Pin, type Release } from '../../src/core/pins/decide.ts';
import type { ActionPin } from '../../src/core/pins/rewrite.ts';
import { isIndexDocument, parseConfig, parseIndex, parseManifest, pickPlatform } from '../../src/oci/layout.ts';
import { bytesOf, MOST } from '../../src/oci/pace.ts';
import { parseReference, type Reference, type RegistryClient } from '../../src/oci/registry.ts';
import { npm } from './npm.ts';

const PLATFORM = 'linux/amd64';
const TIMEOUT_MS = 20_000;

export async function askRegistry(
  client: RegistryClient,
  { image, digest }: { image: string; digest: string },
  now: Date,
): Promise<Decision> {
  const reference = parseReference(image);
  const { names, uploaded } = await client.tags(reference);
  const look = async (tag: string): Promise<Release> => {
    const { digest: identity } = await client.manifest({ ...reference, tag });
    const published = uploaded.get(identity) ?? (identity === digest ? null : await createdOf(client, reference, tag));
    return { identity, published };
  };
  const pin: Pin = { version: reference.tag ?? '', identity: digest };
  return await decide({ pin, versions: names, look, isRebuilt: true, now });
}

/** When an image says that it was made; null for one that is built to the same bytes at any time. */
async function createdOf(client: RegistryClient, reference: Reference, tag: string): Promise<Date | null> {
  const where = `${reference.repository}:${tag}`;
  let document = await client.manifest({ ...reference, tag });
  if (isIndexDocument(document.bytes, where)) {
    const { digest } = pickPlatform(parseIndex(document.bytes, where), PLATFORM, where);
    document = await client.manifest({ ...reference, digest });
  }
  const { config } = parseManifest(document.bytes, where);
  const { created } = parseConfig(await client.blob(reference, config), where);
  const date = new Date(created ?? 0);
  return date.getTime() > 0 ? date : null;
}

/** GitHub's own address is in every job's environment, as is that of a GitHub at home. */
export type GitHub = { api: string; token: string };

export async function askGitHub(github: GitHub, action: ActionPin, now: Date): Promise<Decision> {
  const releases = (await getJson(github, `repos/${action.repository}/releases?per_page=100`)) as {
    tag_name: string;
    draft: boolean;
    prerelease: boolean;
    published_at: string;
  }[];
  const dates = new Map(
    releases
      .filter(({ draft, prerelease }) => !draft && !prerelease)
      .map((release) => [release.tag_name, new Date(release.published_at)]),
  );
  // The day of a commit is whatever its author wrote; that of a release is GitHub's.
  const look = async (version: string): Promise<Release> => {
    const { sha } = (await getJson(github, `repos/${action.repository}/commits/${version}`)) as { sha: string };
    if (!/^[\da-f]{40}$/.test(sha)) throw new Error(`GitHub says of ${action.repository} ${version} what is no commit`);
    return { identity: sha, published: dates.get(version) ?? null };
  };
  const pin: Pin = { version: action.version, identity: action.commit };
  return await decide({ pin, versions: [...dates.keys()], look, isRebuilt: false, now });
}

async function getJson({ api, token }: GitHub, path: string): Promise<unknown> {
  const response = await fetch(`${api}/${path}`, {
    headers: {
      accept: 'application/vnd.github+json',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${new URL(api).host} answers ${response.status} to ${path}`);
  return JSON.parse((await bytesOf(response, MOST.index)).toString());
}

/** npm itself knows its registry, and the credentials for it. */
export async function askNpm({ name, version }: { name: string; version: string }, now: Date): Promise<Decision> {
  const stdout = await npm(['view', name, 'time', '--json']);
  const { created: _created, modified: _modified, ...times } = JSON.parse(stdout) as Record<string, string>;
  const look = async (wanted: string): Promise<Release> => ({
    identity: wanted,
    published: times[wanted] === undefined ? null : new Date(times[wanted]),
  });
  return await decide({
    pin: { version, identity: version },
    versions: Object.keys(times),
    look,
    isRebuilt: false,
    now,
  });
}
