// What happens during a run, as data. Terminal and log are two tables of phrases over it; a new kind does not compile until both can say it.
import type { EngineFacts, RunResult, StageName, StageResult, StepResult } from './model.ts';

/** Of a run of several services: which of them it is about. */
type OfPart = { part?: string };

export type RunEvent =
  | { kind: 'engine'; engine: EngineFacts }
  | { kind: 'note'; text: string }
  | ({ kind: 'step-started'; stage: StageName; step: string; command: string; atMs: number } & OfPart)
  | ({ kind: 'step-finished'; stage: StageName; step: StepResult; log: string } & OfPart)
  | ({ kind: 'stage-finished'; stage: StageResult } & OfPart)
  | { kind: 'run-finished'; run: RunResult };

export type Listener = (event: RunEvent) => void;
