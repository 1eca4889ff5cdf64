// Publish: push the archive's bytes by digest, after a last look at what was proved of them. Promote: move the tags, after all else held.
import { dag, type File } from '@dagger.io/dagger';
import { type Evidence, objections, objectionsBeyondLoopback } from '../core/delivery/evidence.ts';
import { parseRelease, RELEASE_FILE, type Release, renderRelease } from '../core/delivery/release.ts';
import { movingTags, nameOf } from '../core/delivery/target.ts';
import type { StageName, StageResult, StepResult } from '../core/model.ts';
import { phraseBytes } from '../core/phrases.ts';
import type { Pushed } from '../oci/upload.ts';
import type { RunContext } from './context.ts';
import { contentsIfAny } from './engine.ts';
import { outOf, type Registry } from './registry.ts';
import { timedStage } from './timed.ts';

/** What the tags pointed at before, as far as the registry can tell. */
export type Previous = { digest: string; archive: File; release: Release | null };

export type Published = { stage: StageResult; pushed: Pushed | null; previous: Previous | null };
export type PublishInputs = { registry: Registry; archive: File; evidence: Evidence; tags: readonly string[] };

const ARCHIVE = '/delivery/image.tar';

export async function publish(context: RunContext, inputs: PublishInputs): Promise<Published> {
  const { registry, archive, evidence, tags } = inputs;
  const output: Omit<Published, 'stage'> = { pushed: null, previous: null };
  const stage = await timedStage(context, 'publish', async () => {
    const { isLoopback } = registry.target;
    const beyond = objectionsBeyondLoopback(evidence);
    const against = [...objections(evidence), ...(isLoopback ? [] : beyond)];
    const [first = null, ...more] = against;
    if (first !== null) return { steps: [], fault: `not pushed: ${first}`, details: more };
    const steps: StepResult[] = [];
    const file = outOf('push', 'pushed.json');
    const pushing = await registry.do({
      stage: 'publish',
      step: 'push',
      command: 'push',
      args: ['--archive', ARCHIVE, '--out', file],
      files: new Map([[ARCHIVE, archive]]),
    });
    steps.push(pushing.result);
    if (pushing.result.exitCode !== 0) return { steps };
    output.pushed = JSON.parse(await pushing.container.file(file).contents()) as Pushed;
    const before = await previousOf(registry, movingTags(tags, evidence.source.commit), evidence.digest, steps);
    output.previous = before;
    const { sent, there } = output.pushed;
    return {
      steps,
      remark: `${nameOf(registry.target)}@${output.pushed.digest.slice(0, 19)}… · ${sent.blobs} blobs sent (${phraseBytes(sent.bytes)}), ${there.blobs} were there`,
      details: isLoopback ? [rehearsal(beyond)] : [],
    };
  });
  return { stage, ...output };
}

function rehearsal(beyond: readonly string[]): string {
  const why = beyond.length === 0 ? '' : `; elsewhere it would be refused: ${beyond.join('; ')}`;
  return `a rehearsal: the registry is this machine's own${why}`;
}

/** The release before this one, as the first of the tags tells: what it points at, or, where that is this image already, what its record says. */
export async function previousOf(
  registry: Registry,
  tags: readonly string[],
  digest: string,
  steps: StepResult[],
): Promise<Previous | null> {
  const [tag] = tags;
  if (tag === undefined) return null;
  const current = await resolve(registry, 'publish', tag, steps);
  if (current === null) return null;
  const record =
    current === digest ? await recordOf(registry, digest, { stage: 'publish', step: 'record' }, steps) : null;
  const before = current === digest ? (record?.previous ?? null) : current;
  return before === null ? null : await releaseOf(registry, before, 'publish', steps);
}

/** What a tag points at; null for nothing, or when the step failed, as its result says. */
export async function resolve(
  registry: Registry,
  stage: StageName,
  tag: string,
  steps: StepResult[],
): Promise<string | null> {
  const file = outOf('resolve', 'tags.json');
  const asked = await registry.do({
    stage,
    step: 'resolve',
    command: 'resolve',
    args: ['--tag', tag, '--out', file],
  });
  steps.push(asked.result);
  if (asked.result.exitCode !== 0) return null;
  return (JSON.parse(await asked.container.file(file).contents()) as Record<string, string | null>)[tag] ?? null;
}

/** An image of the registry, and the record of its release, where it has one. Null when a step failed, as its result says. */
export async function releaseOf(
  registry: Registry,
  digest: string,
  stage: StageName,
  steps: StepResult[],
): Promise<Previous | null> {
  const archive = outOf('fetch', 'image.tar');
  const fetched = await registry.do({
    stage,
    step: 'fetch',
    command: 'fetch',
    args: ['--digest', digest, '--archive', archive],
  });
  steps.push(fetched.result);
  const release = await recordOf(registry, digest, { stage, step: 'record-before' }, steps);
  if (steps.some(({ exitCode }) => exitCode !== 0)) return null;
  return { digest, archive: fetched.container.file(archive), release };
}

/** The record of an image's release; null where it has none, or when the step failed. */
export async function recordOf(
  registry: Registry,
  digest: string,
  { stage, step }: { stage: StageName; step: string },
  steps: StepResult[],
): Promise<Release | null> {
  const folder = outOf(step, 'referrers');
  const args = ['--digest', digest, '--folder', folder];
  const { result, container } = await registry.do({ stage, step, command: 'referrers', args });
  steps.push(result);
  const text = result.exitCode === 0 ? await contentsIfAny(container.file(`${folder}/${RELEASE_FILE}`)) : null;
  return text === null ? null : parseRelease(text, `the release record of ${digest}`);
}

export type PromoteInputs = { registry: Registry; release: Release };

/** The record first, so that no tag ever points at an image without one. */
export async function promote(context: RunContext, { registry, release }: PromoteInputs): Promise<StageResult> {
  return await timedStage(context, 'promote', async () => {
    const { digest, tags } = release.image;
    const file = `/delivery/${RELEASE_FILE}`;
    const record = dag.directory().withNewFile(RELEASE_FILE, renderRelease(release)).file(RELEASE_FILE);
    const attached = await registry.do({
      stage: 'promote',
      step: 'record',
      command: 'attach',
      args: ['--digest', digest, '--release', file],
      files: new Map([[file, record]]),
    });
    if (attached.result.exitCode !== 0) return { steps: [attached.result] };
    const moved = await registry.do({
      stage: 'promote',
      step: 'tag',
      command: 'tag',
      args: ['--digest', digest, ...tags.flatMap((tag) => ['--tag', tag])],
    });
    return { steps: [attached.result, moved.result], remark: `${tags.join(', ')} → ${digest.slice(0, 19)}…` };
  });
}
