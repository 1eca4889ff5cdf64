// Puts a run's result together, from whatever is known when it ends: also when it could not even begin.
import type { PipelineError } from './errors.ts';
import { compareText } from './gate/finding.ts';
import type { ScannerFacts } from './gate/verdict.ts';
import {
  type AskedStage,
  type DeliveryResult,
  type EngineFacts,
  type GateResult,
  type ImageResult,
  type RunResult,
  SCHEMA_VERSION,
  type SmokeResult,
  type SourceFacts,
  STAGES,
  type StageName,
  type StageResult,
  type StandIn,
} from './model.ts';
import { NOT_ASKED } from './summary.ts';
import { decideVerdict, seconds, skippedStage } from './verdict.ts';
import { VERSION } from './version.ts';

export type RunFacts = {
  function: string;
  asked: readonly AskedStage[];
  engine: EngineFacts | null;
  strict: boolean;
  startedMs: number;
  finishedMs: number;
  error: PipelineError | null;
  source: SourceFacts;
  stages: ReadonlyMap<StageName, StageResult>;
  image: ImageResult | null;
  gate: GateResult | null;
  smoke: SmokeResult | null;
  delivery: DeliveryResult | null;
  scanners: ScannerFacts[];
  standIns: StandIn[];
};

export function runResult(facts: RunFacts): RunResult {
  const { error, startedMs, finishedMs } = facts;
  const runError = error === null ? null : { code: error.code, message: error.message, hint: error.hint };
  const stages = STAGES.map((name) => facts.stages.get(name) ?? skippedStage(name, whyNot(name, facts)));
  return {
    schemaVersion: SCHEMA_VERSION,
    tool: { name: 'drydock', version: VERSION },
    function: facts.function,
    startedAt: new Date(startedMs).toISOString(),
    finishedAt: new Date(finishedMs).toISOString(),
    seconds: seconds(finishedMs - startedMs),
    engine: facts.engine,
    source: facts.source,
    strict: facts.strict,
    ...decideVerdict(stages, facts.strict, runError),
    error: runError,
    stages,
    image: facts.image,
    gate: facts.gate,
    smoke: facts.smoke,
    delivery: facts.delivery,
    capsule: null,
    // Steps that run side by side end in any order.
    scanners: [...facts.scanners].sort((a, b) => compareText(a.name, b.name)),
    standIns: [...facts.standIns].sort((a, b) => compareText(a.image, b.image)),
  };
}

/** Installing is asked for by whatever needs it; where all that was asked for has ended without it, nothing did. */
function whyNot(name: StageName, { asked, stages }: RunFacts): string {
  const isAsked = name === 'install' ? stages.size === 0 : asked.includes(name);
  return isAsked ? 'not reached' : NOT_ASKED;
}
