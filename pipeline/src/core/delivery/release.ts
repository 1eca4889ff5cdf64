// The release record: what was shipped, from which commit, on which evidence, and what it replaced.
import { PipelineError } from '../errors.ts';
import type { SourceFacts, Status } from '../model.ts';

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

/** Throws `BAD_RELEASE`. */
export function parseRelease(text: string, file: string): Release {
  const bad = (why: string, cause?: unknown) =>
    new PipelineError('BAD_RELEASE', `${file} is no release record: ${why}`, 'it is written by `cd`', { cause });
  let value: Partial<Release>;
  try {
    value = JSON.parse(text) as Partial<Release>;
  } catch (cause) {
    throw bad('it is not JSON', cause);
  }
  if (value?.schemaVersion !== RELEASE_SCHEMA)
    throw bad(`its version is ${value?.schemaVersion}, not ${RELEASE_SCHEMA}`);
  if (typeof value.image?.digest !== 'string') throw bad('it names no image');
  return value as Release;
}
