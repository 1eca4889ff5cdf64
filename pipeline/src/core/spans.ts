// A run as spans of a trace: the run, each stage that ran, each step. What they are called follows OpenTelemetry's conventions for CI/CD.
import type { RunResult, StageResult, StepResult } from './model.ts';

type Attributes = Record<string, string | number | boolean>;

/** Times in milliseconds since the epoch. Children lie within their parent, and are in the order of their start. */
export type Span = {
  name: string;
  startMs: number;
  endMs: number;
  attributes: Attributes;
  /** Why it is an error; null where it is none. */
  error: string | null;
  children: Span[];
};

export function spansOf(run: RunResult): Span {
  const stages = run.stages.flatMap((stage) =>
    stage.startedAt === null ? [] : spanOfStage(stage, Date.parse(stage.startedAt)),
  );
  return {
    name: `drydock ${run.function}`,
    startMs: Date.parse(run.startedAt),
    endMs: Date.parse(run.finishedAt),
    attributes: present({
      'cicd.pipeline.name': run.function,
      'cicd.pipeline.result': run.verdict === 'passed' ? 'success' : run.verdict === 'failed' ? 'failure' : 'error',
      'drydock.exit_code': run.exitCode,
      'drydock.engine': run.engine?.kind ?? null,
      'vcs.ref.head.revision': run.source.commit,
      'vcs.ref.head.name': run.source.branch,
      'drydock.image.digest': run.image?.digest ?? null,
    }),
    error: run.verdict === 'passed' ? null : (run.error?.message ?? failedStages(run)),
    children: byStart(stages),
  };
}

const failedStages = ({ stages }: RunResult) =>
  stages
    .filter(({ status }) => status === 'failed')
    .map(({ name }) => `${name} failed`)
    .join(', ');

function spanOfStage(stage: StageResult, startMs: number): Span {
  const endMs = startMs + 1000 * stage.seconds;
  return {
    name: stage.name,
    startMs,
    endMs,
    attributes: {
      'cicd.pipeline.task.name': stage.name,
      'drydock.status': stage.status,
      'drydock.cached': stage.cached,
    },
    error: stage.status === 'failed' ? (stage.reason ?? 'failed') : null,
    children: byStart(stage.steps.map((step) => spanOfStep(step, startMs, endMs))),
  };
}

/** What the cache answered took no time of this run: it stands where its stage began. */
function spanOfStep(step: StepResult, stageStartMs: number, stageEndMs: number): Span {
  const within = (ms: number) => Math.min(Math.max(ms, stageStartMs), stageEndMs);
  const startMs = step.cached ? stageStartMs : within(Date.parse(step.startedAt));
  return {
    name: step.name,
    startMs,
    endMs: step.cached ? stageStartMs : within(startMs + 1000 * step.seconds),
    attributes: {
      'process.command_line': step.command,
      'process.exit.code': step.exitCode,
      'drydock.cached': step.cached,
    },
    error: step.exitCode === 0 ? null : (step.firstErrors[0] ?? `exit ${step.exitCode}`),
    children: [],
  };
}

const byStart = (spans: readonly Span[]) => [...spans].sort((a, b) => a.startMs - b.startMs);

function present(attributes: Record<string, string | number | null>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}
