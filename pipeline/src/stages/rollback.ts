// Rollback: deploys the previous release, proves that it works and is what runs, and only then puts the tag back.
import { type Backing, NO_BACKING } from '../core/backing.ts';
import { nameOf, type Target } from '../core/delivery/target.ts';
import { PipelineError } from '../core/errors.ts';
import { isDigest } from '../oci/digest.ts';
import type { RunContext } from './context.ts';
import type { TargetOptions } from './delivery.ts';
import type { Keep } from './found.ts';
import { Registry } from './registry.ts';
import { type Asking, hasFailed, type Previous, recordOf, releaseOf, resolve } from './releases.ts';
import { checkDeployment, smoke } from './smoke.ts';
import { repositoryIn } from './source.ts';
import { parseTarget } from './target.ts';
import { timedStage } from './timed.ts';

export type RollbackOptions = TargetOptions & {
  /** The tag that is put back. */
  tag: string;
  /** A digest; empty for what the release record under the tag says came before. */
  to: string;
};

export async function runRollback(context: RunContext, options: RollbackOptions, keep: Keep): Promise<void> {
  const target = parseTarget(options.registry, options.repository);
  if (options.to !== '' && !isDigest(options.to))
    throw new PipelineError('BAD_OPTION', `--to ${options.to} is no digest`, 'write sha256: and 64 hexadecimal digits');
  await checkDeployment(context);
  const registry = new Registry(context, { ...options, target });
  const asking: Asking = { registry, stage: 'rollback', steps: [] };
  let back: Previous | null = null;
  const stage = await timedStage(context, 'rollback', async () => {
    const digest = options.to === '' ? await recordedBefore(asking, options.tag) : options.to;
    back = digest === null ? null : await releaseOf(asking, digest);
    return {
      steps: asking.steps,
      remark: back === null ? null : `${options.tag}: back to ${back.digest.slice(0, 19)}…`,
    };
  });
  keep({ stage });
  if (back === null || stage.status !== 'passed') return;
  await proveAndMove(context, { target, registry, tag: options.tag, back }, keep);
}

/** Null when a step failed, as its result says. Throws `BAD_RELEASE` where nothing came before. */
async function recordedBefore(asking: Asking, tag: string): Promise<string | null> {
  const current = await resolve(asking, tag);
  const release = current === null ? null : await recordOf(asking, current);
  if (hasFailed(asking)) return null;
  if (current === null) throw nothingBefore(`there is no tag ${tag}`);
  if (release === null) throw nothingBefore(`${tag} points at ${current}, which has no release record`);
  if (release.previous === null) throw nothingBefore(`${current} is the first release under ${tag}`);
  return release.previous;
}

function nothingBefore(message: string): PipelineError {
  return new PipelineError('BAD_RELEASE', message, 'name what to go back to: --to sha256:…');
}

/** Of several services the one that is delivered by this name. */
async function backingOf({ source }: RunContext, { repository }: Target): Promise<Backing> {
  const { services } = await repositoryIn(source);
  const named = services.find(({ name }) => repository.endsWith(`/${name}`));
  return (services.length === 1 ? services[0] : named) ?? NO_BACKING;
}

type Move = { target: Target; registry: Registry; tag: string; back: Previous };

async function proveAndMove(context: RunContext, { target, registry, tag, back }: Move, keep: Keep): Promise<void> {
  const { digest, archive, release } = back;
  const deployed = { commit: release?.source.commit ?? '', built: release?.built ?? '', digest };
  const smoked = await smoke(context, { archive, deployed, backing: await backingOf(context, target) });
  keep(smoked);
  if (smoked.stage.status === 'failed') return;
  const stage = await timedStage(context, 'promote', async () => {
    const { result } = await registry.do({
      stage: 'promote',
      step: 'tag',
      command: 'tag',
      args: ['--digest', digest, '--tag', tag],
    });
    return { steps: [result], remark: `${tag} → ${digest.slice(0, 19)}…` };
  });
  const tags = stage.status === 'passed' ? [tag] : [];
  keep({ stage, delivery: { image: nameOf(target), digest, rehearsal: target.isLoopback, tags } });
}
