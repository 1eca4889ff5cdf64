// Shows how long the stages of past runs took. Files in, text out: no engine is needed to read them.
import { COMMAND } from '../src/command.ts';
import { PipelineError } from '../src/core/errors.ts';
import { renderTimes } from '../src/core/times/table.ts';
import type { TimesInvocation } from './arguments.ts';
import { readBudgets, readTimes } from './ledger.ts';

export function showTimes({ output }: TimesInvocation, root: string): string {
  const timing = { past: readTimes(output), budgets: readBudgets(root) };
  if (timing.past.length > 0) return renderTimes(timing);
  throw new PipelineError(
    'BAD_OPTION',
    `${output} holds the times of no run`,
    `each run keeps its own in its output folder: ${COMMAND}`,
  );
}
