// What of a function is to run once more, because it failed.
import { stagesOf } from '../../src/core/functions.ts';
import type { RunResult } from '../../src/core/model.ts';
import type { StageInvocation } from '../arguments.ts';

/** The stages that failed, and of several services those that did; all where it is not known which. Null where nothing failed. */
export function failedOnly(run: StageInvocation, last: RunResult | null): StageInvocation | null {
  if (last === null) return run;
  if (last.exitCode === 0) return null;
  const failed = last.stages.filter(({ status }) => status === 'failed').map(({ name }) => name);
  const only = stagesOf(run.function).filter((stage) => failed.includes(stage));
  // A failed install is no stage that can be chosen, and an error is of none.
  const isKnown = only.length > 0 && failed.length === only.length;
  const services = (last.parts ?? []).filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
  return {
    ...run,
    options: {
      ...run.options,
      ...(isKnown ? { selection: { ...run.options.selection, only } } : {}),
      ...(services.length > 0 ? { services } : {}),
    },
  };
}
