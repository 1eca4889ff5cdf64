// What happens during a run, as data. Terminal and log are two tables of phrases over it; a new kind does not compile until both can say it.
import type { EngineFacts, RunResult, StageName, StageResult, StepResult } from './model.ts';

export type RunEvent =
  | { kind: 'engine'; engine: EngineFacts }
  | { kind: 'note'; text: string }
  | { kind: 'step-started'; stage: StageName; step: string; command: string; atMs: number }
  | { kind: 'step-finished'; stage: StageName; step: StepResult; log: string }
  | { kind: 'stage-finished'; stage: StageResult }
  | { kind: 'run-finished'; run: RunResult };

export type Listener = (event: RunEvent) => void;
