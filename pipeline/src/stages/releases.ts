// What a registry has of a release: the digest under a tag, the image, what is beside it, and the record of how it came there.
import type { Directory, File } from '@dagger.io/dagger';
import { parseRelease, RELEASE_FILE, type Release } from '../core/delivery/release.ts';
import type { StageName, StepResult } from '../core/model.ts';
import { contentsIfAny } from './engine.ts';
import { IMAGE_FILE } from './made.ts';
import { type Doing, outOf, type Registry } from './registry.ts';
import type { Ran } from './step.ts';

/** A stage that asks a registry. Each question's step is added to `steps`; one that failed answers null, as its result says why. */
export type Asking = { registry: Registry; stage: StageName; steps: StepResult[] };

/** A release that another one replaced, or is to replace. */
export type Previous = { digest: string; archive: File; release: Release | null };

async function ask({ registry, stage, steps }: Asking, doing: Omit<Doing, 'stage'>): Promise<Ran | null> {
  const ran = await registry.do({ stage, ...doing });
  steps.push(ran.result);
  return ran.result.exitCode === 0 ? ran : null;
}

export const hasFailed = ({ steps }: Asking) => steps.some(({ exitCode }) => exitCode !== 0);

/** What a tag points at; null for a tag that is not there, too. */
export async function resolve(asking: Asking, tag: string): Promise<string | null> {
  const file = outOf('resolve', 'tags.json');
  const asked = await ask(asking, { step: 'resolve', command: 'resolve', args: ['--tag', tag, '--out', file] });
  if (asked === null) return null;
  const found = JSON.parse(await asked.container.file(file).contents()) as Record<string, string | null>;
  return Object.hasOwn(found, tag) ? (found[tag] ?? null) : null; // a tag may be called as any object's own things are
}

/** Every tag of the repository. */
export async function tagsThere(asking: Asking): Promise<string[]> {
  const file = outOf('tags', 'tags.json');
  const asked = await ask(asking, { step: 'tags', command: 'tags', args: ['--out', file] });
  return asked === null ? [] : (JSON.parse(await asked.container.file(file).contents()) as string[]);
}

export async function fetchImage(asking: Asking, digest: string): Promise<File | null> {
  const archive = outOf('fetch', IMAGE_FILE);
  const args = ['--digest', digest, '--archive', archive];
  const fetched = await ask(asking, { step: 'fetch', command: 'fetch', args });
  return fetched?.container.file(archive) ?? null;
}

/** Bundles and release record beside an image, as files. */
export async function referrersOf(asking: Asking, digest: string, step = 'referrers'): Promise<Directory | null> {
  const folder = outOf(step, 'found');
  const listed = await ask(asking, { step, command: 'referrers', args: ['--digest', digest, '--folder', folder] });
  return listed?.container.directory(folder) ?? null;
}

/** The record of an image's release; null where it has none, too. */
export async function recordOf(asking: Asking, digest: string, step = 'record'): Promise<Release | null> {
  const found = await referrersOf(asking, digest, step);
  const text = found === null ? null : await contentsIfAny(found, RELEASE_FILE);
  return text === null ? null : parseRelease(text, digest);
}

/** An image with its record. */
export async function releaseOf(asking: Asking, digest: string): Promise<Previous | null> {
  const archive = await fetchImage(asking, digest);
  const release = await recordOf(asking, digest, 'record-before');
  return archive === null || hasFailed(asking) ? null : { digest, archive, release };
}

/** The release before this one, as the first of the tags tells: what it points at, or, where that is this image already, what its record says. */
export async function previousOf(asking: Asking, tags: readonly string[], digest: string): Promise<Previous | null> {
  const [tag] = tags;
  const current = tag === undefined ? null : await resolve(asking, tag);
  const before = current === digest ? ((await recordOf(asking, digest))?.previous ?? null) : current;
  return before === null ? null : await releaseOf(asking, before);
}
