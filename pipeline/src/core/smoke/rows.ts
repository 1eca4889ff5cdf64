// What the rows of a smoke mean for the stage.
import type { SmokeRow, StepResult } from '../model.ts';
import type { StageFacts } from '../verdict.ts';

export function judgeRows(
  rows: readonly SmokeRow[],
  steps: readonly StepResult[],
): Pick<StageFacts, 'fault' | 'notEvaluated' | 'remark'> {
  const named = (status: SmokeRow['status']) => rows.filter((row) => row.status === status).map(({ name }) => name);
  const [passed, failed, missing] = [named('passed'), named('failed'), named('not evaluated')];
  const held = `${passed.length} of ${rows.length} checks passed`;
  if (failed.length > 0) return { fault: `${held}; failed: ${failed.join(', ')}` };
  // A probe that could not run has no rows that would say so; its step does.
  if (rows.length === 0 && steps.every(({ exitCode }) => exitCode === 0)) return { fault: 'nothing was verified' };
  if (missing.length > 0) return { notEvaluated: `${held}; not evaluated: ${missing.join(', ')}` };
  return { remark: held };
}
