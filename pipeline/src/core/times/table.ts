// The times of past runs as a table, by kind of engine: they are not comparable with each other.
import { phraseSeconds } from '../phrases.ts';
import { overrun, phraseOverrun, type Timing } from './budgets.ts';
import { samplesOf, stageTimes, type TimedRun } from './ledger.ts';

const HEAD = ['stage', 'runs', 'cached', 'median', 'p95', 'budget'];

export function renderTimes(timing: Timing): string {
  const engines = [...new Set(timing.past.map(({ engine }) => engine))];
  return engines.map((engine) => renderEngine(timing, engine)).join('\n');
}

function renderEngine({ past, budgets }: Timing, engine: TimedRun['engine']): string {
  const times = stageTimes(past, engine);
  const rows = times.map(({ stage, runs, cached, median, p95 }) => {
    const budget = budgets.stages[stage];
    const took = runs === 0 ? ['–', '–'] : [phraseSeconds(median), phraseSeconds(p95)];
    return [stage, String(runs), String(cached), ...took, budget === undefined ? '' : phraseSeconds(budget)];
  });
  const warnings = times.flatMap(({ stage }) => {
    const budget = budgets.stages[stage];
    const found = budget === undefined ? null : overrun(samplesOf(past, stage, engine), budget, budgets.runs);
    return found === null ? [] : [`${stage}: ${phraseOverrun(found)}`];
  });
  return [`${engine ?? 'unknown'} engine`, ...aligned([HEAD, ...rows]), ...warnings, ''].join('\n');
}

/** The first column to the left, figures to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
