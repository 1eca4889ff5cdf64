// Turns the work of a stage into its result, timed on this run's clock, and tells the listeners.

import { isShared } from '../core/isolation.ts';
import type { StageName, StageResult } from '../core/model.ts';
import { type StageFacts, seconds, stageResult } from '../core/verdict.ts';
import type { RunContext } from './context.ts';

export async function timedStage(
  context: RunContext,
  name: StageName,
  work: () => Promise<Omit<StageFacts, 'name' | 'startedMs' | 'seconds' | 'isShared'>>,
): Promise<StageResult> {
  const [startedMs, from] = [Date.now(), performance.now()];
  context.emit({ kind: 'stage-started', stage: name, atMs: startedMs });
  const facts = await work();
  const about = { name, startedMs, seconds: seconds(performance.now() - from), isShared: isShared(context.engine) };
  const stage = stageResult({ ...about, ...facts });
  context.emit({ kind: 'stage-finished', stage });
  return stage;
}
