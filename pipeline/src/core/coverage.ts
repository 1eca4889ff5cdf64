// Reads the totals of a coverage report (istanbul's json-summary, which vitest, c8 and nyc write).
import type { Coverage } from './model.ts';

const MEASURES = ['lines', 'statements', 'functions', 'branches'] as const;

/** The totals in percent. Throws on what is not such a report. */
export function parseCoverage(text: string): Coverage {
  const raw = JSON.parse(text) as { total?: Record<string, { pct?: unknown }> } | null;
  const percent = (measure: string): number => {
    const value = raw?.total?.[measure]?.pct;
    // Nothing to cover is written as "Unknown", and counts as covered.
    if (value === 'Unknown') return 100;
    if (typeof value !== 'number') throw new Error(`it has no percentage of ${measure}`);
    return value;
  };
  const [lines, statements, functions, branches] = MEASURES.map(percent) as [number, number, number, number];
  return { lines, statements, functions, branches };
}
