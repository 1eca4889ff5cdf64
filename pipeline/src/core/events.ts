// What happens during a run, as data. Terminal and log are two tables of phrases over it; a new kind does not compile until both can say it.
import type { EngineFacts, RunResult, StageName, StageResult, StepResult } from './model.ts';

/** Of a run of several services: which of them it is about. */
type OfPart = { part?: string };

/** What goes on besides steps, and how far it is, where that is known. */
export type Activity = {
  id: string;
  name: 'engine' | 'upload' | 'image' | 'packages' | 'capsule' | 'results';
  /** The image, or the package that came last. */
  what: string;
  count?: number;
  counts?: number;
  bytes?: number;
  totalBytes?: number;
};

export type EngineEvent =
  | ({ kind: 'activity' } & Activity)
  | { kind: 'activity-ended'; id: string }
  /** The last line that a running step has written. */
  | { kind: 'step-output'; step: string; line: string };

export type RunEvent =
  | EngineEvent
  | { kind: 'engine'; engine: EngineFacts }
  | { kind: 'note'; text: string }
  | ({ kind: 'stage-started'; stage: StageName; atMs: number } & OfPart)
  | ({ kind: 'step-started'; stage: StageName; step: string; command: string; atMs: number } & OfPart)
  | ({ kind: 'step-finished'; stage: StageName; step: StepResult; log: string } & OfPart)
  | ({ kind: 'stage-finished'; stage: StageResult } & OfPart)
  | { kind: 'run-finished'; run: RunResult };

export type Listener = (event: RunEvent) => void;
