// Rollback: deploys the release before, proves that it works and is what runs, and only then puts the tag back.
import type { Target } from '../core/delivery/target.ts';
import { PipelineError } from '../core/errors.ts';
import type { StepResult } from '../core/model.ts';
import { isDigest } from '../oci/digest.ts';
import type { RunContext } from './context.ts';
import type { TargetOptions } from './delivery.ts';
import type { Known } from './known.ts';
import { type Previous, recordOf, releaseOf, resolve } from './publish.ts';
import { Registry } from './registry.ts';
import { checkDeployment, smoke } from './smoke.ts';
import { parseTarget } from './target.ts';
import { timedStage } from './timed.ts';

export type RollbackOptions = TargetOptions & {
  /** The tag that is put back. */
  tag: string;
  /** A digest; empty for what the release record under the tag says came before. */
  to: string;
};

export async function runRollback(context: RunContext, options: RollbackOptions, known: Known): Promise<void> {
  const target = parseTarget(options.registry, options.repository);
  if (options.to !== '' && !isDigest(options.to))
    throw new PipelineError('BAD_OPTION', `--to ${options.to} is no digest`, 'write sha256: and 64 hexadecimal digits');
  await checkDeployment(context);
  const registry = new Registry(context, { ...options, target });
  const steps: StepResult[] = [];
  let back: Previous | null = null;
  const found = await timedStage(context, 'rollback', async () => {
    back = await releaseToGoBackTo(registry, options, steps);
    return { steps, remark: back === null ? null : `${options.tag}: back to ${back.digest.slice(0, 19)}…` };
  });
  known.stages.set('rollback', found);
  if (back === null || found.status !== 'passed') return;
  await proveAndMove(context, { target, registry, tag: options.tag, back }, known);
}

/** Null when a step failed, as its result says. Throws `BAD_RELEASE` where nothing came before. */
async function releaseToGoBackTo(
  registry: Registry,
  { tag, to }: RollbackOptions,
  steps: StepResult[],
): Promise<Previous | null> {
  const digest = to === '' ? await recordedBefore(registry, tag, steps) : to;
  return digest === null ? null : await releaseOf(registry, digest, 'rollback', steps);
}

async function recordedBefore(registry: Registry, tag: string, steps: StepResult[]): Promise<string | null> {
  const current = await resolve(registry, 'rollback', tag, steps);
  if (steps.some(({ exitCode }) => exitCode !== 0)) return null;
  const hint = 'name what to go back to: --to sha256:…';
  if (current === null) throw new PipelineError('BAD_RELEASE', `there is no tag ${tag}`, hint);
  const release = await recordOf(registry, current, { stage: 'rollback', step: 'record' }, steps);
  if (steps.some(({ exitCode }) => exitCode !== 0)) return null;
  if (!release)
    throw new PipelineError('BAD_RELEASE', `${tag} points at ${current}, which has no release record`, hint);
  if (release.previous === null)
    throw new PipelineError('BAD_RELEASE', `${current} is the first release under ${tag}`, hint);
  return release.previous;
}

type Move = { target: Target; registry: Registry; tag: string; back: Previous };

async function proveAndMove(context: RunContext, { target, registry, tag, back }: Move, known: Known): Promise<void> {
  const { digest, archive, release } = back;
  const deployed = { commit: release?.source.commit ?? '', built: release?.built ?? '', digest };
  const smoked = await smoke(context, { archive, deployed });
  known.stages.set('smoke', smoked.stage);
  known.smoke = smoked.smoke;
  known.standIns.push(...smoked.standIns);
  if (smoked.stage.status === 'failed') return;
  const moved = await timedStage(context, 'promote', async () => {
    const { result } = await registry.do({
      stage: 'promote',
      step: 'tag',
      command: 'tag',
      args: ['--digest', digest, '--tag', tag],
    });
    return { steps: [result], remark: `${tag} → ${digest.slice(0, 19)}…` };
  });
  known.stages.set('promote', moved);
  known.delivery = {
    image: `${target.registry}/${target.repository}`,
    digest,
    rehearsal: target.isLoopback,
    pushed: null,
    previous: null,
    tags: moved.status === 'passed' ? [tag] : [],
    statements: [],
  };
}
