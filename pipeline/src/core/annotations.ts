// out/annotations.txt: what failed, as commands to GitHub Actions, which shows them on the lines of a pull request.
// See https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
import { folderOf, inRepository, isFailed, placeOfTest } from './failed-tests.ts';
import { type DiagnosticPlace, diagnosticsOf, stripColours } from './first-errors.ts';
import type { SuiteCases, TestCase } from './junit.ts';
import type { BlockingRow, ReportTexts, RunResult, StageResult, StepResult } from './model.ts';
import { partsOf } from './parts.ts';
import { safeText } from './safe-text.ts';
import { phraseExit } from './verdict.ts';

/** An error, and where in the repository it is, if it is known. */
export type Annotation = { title: string; message: string; place: DiagnosticPlace | null };

/** GitHub shows so many errors of a step, and drops the others without a word. */
const MOST = 10;
/** A message is for a place beside a line; the whole is in the report. */
const LONGEST = 1000;

/** `logs` by the paths that the steps name; of a large one the first errors have to do. Empty where nothing failed. */
export function renderAnnotations(run: RunResult, suites: SuiteCases, logs: ReportTexts): string {
  const all = inTurns([
    runAnnotations(run),
    ...run.stages.flatMap((stage) => stageAnnotations(stage, run, suites, logs)),
  ]);
  const left = all.length - MOST;
  const more = left > 0 ? [`::notice title=drydock::${left} more of them in the summary and in report.html`] : [];
  return [...all.slice(0, MOST).map(renderAnnotation), ...more].map((line) => `${line}\n`).join('');
}

/** One command: neither text nor name of a file can end it, or begin another. */
export function renderAnnotation({ title, message, place }: Annotation): string {
  const named = { file: place?.file, line: place?.line, col: place?.column, title };
  const properties = Object.entries(named).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`],
  );
  const shown = message.length > LONGEST ? `${message.slice(0, LONGEST - 1)}…` : message;
  return `::error ${properties.join(',')}::${escapeData(shown)}`;
}

export const escapeData = (text: string) => safeText(text).replaceAll('%', '%25').replaceAll('\n', '%0A');
const escapeProperty = (text: string) => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** The first of each, then the second of each: fifty lines that are not formatted do not hide a test that failed. */
function inTurns(groups: readonly Annotation[][]): Annotation[] {
  const longest = Math.max(0, ...groups.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) => groups.flatMap((group) => group[index] ?? [])).flat();
}

/** Of a policy that cannot be meant, the message begins with its place. */
function runAnnotations({ error }: RunResult): Annotation[] {
  if (error === null) return [];
  const [, file, line] = /^([\w./-]+):(\d+)(?::\d+)?: /.exec(error.message) ?? [];
  const place = file === undefined ? null : { file, line: Number(line) };
  return [{ title: error.code, message: `${error.message}\nhint: ${error.hint}`, place }];
}

/** What is to be told of a stage, by step. */
function stageAnnotations(stage: StageResult, run: RunResult, suites: SuiteCases, logs: ReportTexts): Annotation[][] {
  const isRed = stage.status === 'failed' || (run.strict && stage.status === 'not evaluated');
  if (!isRed) return [];
  const failed = stage.steps.filter(({ exitCode }) => exitCode !== 0);
  if (failed.length > 0) return failed.map((step) => stepAnnotations(stage, step, suites, logs));
  const blocking = stage.name === 'gate' ? partsOf(run).flatMap(({ gate }) => gate?.blocking ?? []) : [];
  if (blocking.length > 0) return [blocking.map(findingAnnotation)];
  return [[{ title: `${stage.name}: ${stage.status}`, message: stage.reason ?? stage.status, place: null }]];
}

function stepAnnotations(stage: StageResult, step: StepResult, suites: SuiteCases, logs: ReportTexts): Annotation[] {
  const title = `${stage.name}: ${step.name}`;
  const folder = folderOf(step.command);
  const broken = (stage.name === 'test' ? (suites.get(step.name) ?? []) : []).filter(isFailed);
  if (broken.length > 0) return broken.map((test) => testAnnotation(test, folder));
  const told = diagnosticsOf(logs.get(step.log) ?? '').map(({ message, place }) => ({
    title,
    message,
    place: inRepository(place, folder),
  }));
  // Lines without a place belong together: each by itself says little.
  if (told.some(({ place }) => place !== null)) return told;
  const message = [`${step.command}: ${phraseExit(step.exitCode)}`, ...step.firstErrors].join('\n');
  return [{ title, message, place: null }];
}

function testAnnotation(test: TestCase, folder: string): Annotation {
  const { className, name, message, detail } = test;
  const title = [className, name].filter((part) => part !== '').join(' > ');
  return { title, message: stripColours(message || detail || 'it failed'), place: placeOfTest(test, folder) };
}

function findingAnnotation({ severity, id, thing, title, url, from, fixedIn, place }: BlockingRow): Annotation {
  const fixed = fixedIn === null ? 'no fixed version yet' : `fixed in ${fixedIn}`;
  const lines = [`${severity} ${title}`, `from ${from}; ${fixed}`, ...(url === null ? [] : [url])];
  const at = place && { file: place.file, ...(place.line === null ? {} : { line: place.line }) };
  return { title: `${id} in ${thing}`, message: lines.join('\n'), place: inRepository(at, '') };
}
