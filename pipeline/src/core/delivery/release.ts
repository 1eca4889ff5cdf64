// The release record: what was shipped, from which commit, on which evidence, and what it replaced.
import { PipelineError, reasonOf } from '../errors.ts';
import type { SourceFacts, Status } from '../model.ts';
import { sourceShape } from '../run-record.ts';
import { count, flag, listOf, objectOf, oneOf, orNull, readJson, text } from '../shape.ts';

export const RELEASE_FILE = 'release.json';
export const RELEASE_SCHEMA = 1;

export type Release = {
  schemaVersion: typeof RELEASE_SCHEMA;
  image: { name: string; digest: string; tags: string[] };
  source: SourceFacts;
  /** Time of the build, as the deployed service says it. */
  built: string;
  released: string;
  gate: { status: Status; policyFrom: string };
  smoke: { status: Status; passed: number; rows: number };
  signed: { by: 'key' | 'keyless'; statements: string[] } | null;
  /** What the tags pointed at before; null for a first release. */
  previous: string | null;
  rehearsal: boolean;
};

export function renderRelease(release: Release): string {
  return `${JSON.stringify(release, null, 2)}\n`;
}

/** A file that somebody keeps. Throws `BAD_RELEASE`. */
export function parseReleaseFile(json: string, file: string): Release {
  try {
    return readJson(json, release, ['schemaVersion', RELEASE_SCHEMA]);
  } catch (cause) {
    throw new PipelineError(
      'BAD_RELEASE',
      `${file} is no release record: ${reasonOf(cause)}`,
      'it is written by `cd`',
      { cause },
    );
  }
}

/** What a registry has beside the image with this digest, where whoever may push may put anything. Throws `BAD_RECORD`. */
export function parseRelease(json: string, digest: string): Release {
  try {
    const read = readJson(json, release, ['schemaVersion', RELEASE_SCHEMA]);
    const fault = faultOf(read, digest);
    if (fault !== null) throw new Error(fault);
    return read;
  } catch (cause) {
    throw new PipelineError(
      'BAD_RECORD',
      `the registry holds a release record of ${digest} that is none: ${reasonOf(cause)}`,
      'remove it there; `cd` writes a new one',
      { cause },
    );
  }
}

/** Why it is not of a release of this image: `cd` writes none of what failed. */
function faultOf({ image, gate, smoke, previous }: Release, digest: string): string | null {
  if (image.digest !== digest) return `it is about ${image.digest}`;
  const red = Object.entries({ gate, smoke }).find(
    ([, { status: found }]) => found === 'failed' || found === 'skipped',
  );
  if (red !== undefined) return `it says that the ${red[0]} ${red[1].status === 'failed' ? 'failed' : 'did not run'}`;
  return previous === null || /^sha256:[\da-f]{64}$/.test(previous) ? null : 'previous is no digest';
}

const status = oneOf<Status>(['passed', 'failed', 'skipped', 'not evaluated']);
const release = objectOf<Release>({
  schemaVersion: oneOf([RELEASE_SCHEMA]),
  image: objectOf<Release['image']>({ name: text, digest: text, tags: listOf(text) }),
  source: sourceShape,
  built: text,
  released: text,
  gate: objectOf<Release['gate']>({ status, policyFrom: text }),
  smoke: objectOf<Release['smoke']>({ status, passed: count, rows: count }),
  signed: orNull(
    objectOf<NonNullable<Release['signed']>>({ by: oneOf(['key', 'keyless'] as const), statements: listOf(text) }),
  ),
  previous: orNull(text),
  rehearsal: flag,
});
