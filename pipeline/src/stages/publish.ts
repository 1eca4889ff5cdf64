// Publish: push the archive's bytes by digest, after a last look at what was proved of them. Promote: move the tags, after all else held.
import { dag, type File } from '@dagger.io/dagger';
import { type Evidence, objections, objectionsBeyondLoopback } from '../core/delivery/evidence.ts';
import { RELEASE_FILE, type Release, renderRelease } from '../core/delivery/release.ts';
import { type Tags, withoutNewer } from '../core/delivery/tags.ts';
import { nameOf } from '../core/delivery/target.ts';
import type { StageResult, StepResult } from '../core/model.ts';
import { phraseBytes } from '../core/phrases.ts';
import type { Pushed } from '../oci/upload.ts';
import type { RunContext } from './context.ts';
import { outOf, type Registry } from './registry.ts';
import { type Asking, type Previous, previousOf, tagsThere } from './releases.ts';
import { timedStage } from './timed.ts';

/** `tags` are those that it is to have, now that the registry's own are known. */
export type Published = { stage: StageResult; pushed: Pushed | null; previous: Previous | null; tags: Tags };
export type PublishInputs = { registry: Registry; archive: File; evidence: Evidence; tags: Tags };

const ARCHIVE = '/delivery/image.tar';

export async function publish(context: RunContext, inputs: PublishInputs): Promise<Published> {
  const { registry, archive, evidence } = inputs;
  const output: Omit<Published, 'stage'> = { pushed: null, previous: null, tags: inputs.tags };
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
    const asking: Asking = { registry, stage: 'publish', steps };
    output.tags = withoutNewer(inputs.tags, await tagsThere(asking));
    output.previous = await previousOf(asking, output.tags.moving, evidence.digest);
    const { sent, there } = output.pushed;
    return {
      steps,
      remark: `${nameOf(registry.target)}@${output.pushed.digest.slice(0, 19)}… · ${sent.blobs} blobs sent (${phraseBytes(sent.bytes)}), ${there.blobs} were there`,
      details: [...output.tags.remarks, ...(isLoopback ? [rehearsal(beyond)] : [])],
    };
  });
  return { stage, ...output };
}

function rehearsal(beyond: readonly string[]): string {
  const why = beyond.length === 0 ? '' : `; elsewhere it would be refused: ${beyond.join('; ')}`;
  return `a rehearsal: the registry is this machine's own${why}`;
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
