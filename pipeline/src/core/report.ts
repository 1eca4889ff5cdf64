// The files of a run's report, as texts by path. All of them are rendered from the one result.
import { renderAnnotations } from './annotations.ts';
import { renderHtml } from './html/page.ts';
import { renderJunit, type SuiteCases } from './junit.ts';
import type { ReportTexts, RunResult } from './model.ts';
import { renderSummary } from './summary.ts';

/** `logs` by the paths that the steps name. */
export function renderReport(run: RunResult, suites: SuiteCases, logs: ReportTexts): Map<string, string> {
  return new Map([
    ['result.json', `${JSON.stringify(run, null, 2)}\n`],
    ['junit.xml', renderJunit(run, suites)],
    ['summary.md', renderSummary(run)],
    ['report.html', renderHtml(run, suites, logs)],
    ['annotations.txt', renderAnnotations(run, suites, logs)],
    ['exit-code', `${run.exitCode}\n`],
    ...logs,
  ]);
}
