// Test reports: reads JUnit as vitest, Node and jest write it, counts it, and writes one for the whole run.
import type { RunResult, SmokeRow, StageResult, TestCounts } from './model.ts';
import { partsOf, phrasePart } from './parts.ts';
import { safeText } from './safe-text.ts';
import { escapeXml, parseXml, type XmlElement } from './xml.ts';

export type TestCase = {
  suite: string;
  className: string;
  name: string;
  seconds: number;
  outcome: 'passed' | 'failed' | 'skipped';
  /** Of a failed one: what was said, first line and all. */
  message: string;
  detail: string;
};

/** Read a report. Throws on what is not one: a report that can't be read is not a passed test. */
export function parseJunit(text: string): TestCase[] {
  const root = parseXml(text);
  if (root.name !== 'testsuites' && root.name !== 'testsuite')
    throw new Error(`its root is <${root.name}>, not <testsuites>`);
  return casesOf(root, '');
}

function casesOf(element: XmlElement, suite: string): TestCase[] {
  const own = element.name === 'testsuite' ? (element.attributes.name ?? '') : '';
  const name = [suite, own].filter((part) => part !== '').join(' > ');
  return element.children.flatMap((child) => {
    if (child.name === 'testcase') return [toCase(child, name)];
    return child.name === 'testsuite' ? casesOf(child, name) : [];
  });
}

function toCase(element: XmlElement, suite: string): TestCase {
  const failure = element.children.find((child) => child.name === 'failure' || child.name === 'error');
  const isSkipped = element.children.some((child) => child.name === 'skipped');
  // Whoever wrote the tests chose them: a line of them is not to look like one of ours.
  const said = (text = '') => safeText(text);
  return {
    suite: said(suite),
    className: said(element.attributes.classname),
    name: said(element.attributes.name),
    seconds: Number(element.attributes.time) || 0,
    outcome: failure ? 'failed' : isSkipped ? 'skipped' : 'passed',
    message: said(failure?.attributes.message),
    detail: said(failure?.text.trim()),
  };
}

export function countTests(cases: readonly TestCase[]): TestCounts {
  const count = (outcome: TestCase['outcome']) => cases.filter((test) => test.outcome === outcome).length;
  return { total: cases.length, failed: count('failed'), skipped: count('skipped') };
}

/** Cases by the name of the suite (`service`, `pipeline`) that ran them. */
export type SuiteCases = ReadonlyMap<string, readonly TestCase[]>;

/** The run as one report: its tests, and each stage without tests as a test of its own, so that no failure is missing in it. */
export function renderJunit(run: RunResult, suites: SuiteCases): string {
  const tested = [...suites].map(([name, cases]) => [name, [...cases]] as const);
  const pipeline = run.stages
    .filter(({ status }) => status !== 'skipped')
    .flatMap((stage) => stageCases(stage, suites));
  const error: TestCase[] = run.error === null ? [] : [errorCase(run.error.message, run.error.hint)];
  const smoke = partsOf(run).flatMap((part) =>
    part.smoke === null ? [] : [[`smoke${phrasePart(part)}`, part.smoke.rows.map(rowCase)] as const],
  );
  const all = [...tested, ...smoke, ['stages', [...pipeline, ...error]] as const];
  const total = countTests(all.flatMap(([, cases]) => cases));
  const body = all.map(([name, cases]) => renderSuite(name, cases)).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="drydock" tests="${total.total}" failures="${total.failed}" errors="0" time="${run.seconds}">\n${body}</testsuites>\n`;
}

/** Steps of a stage as cases. A test step whose own cases say that it failed is not told twice. */
function stageCases(stage: StageResult, suites: SuiteCases): TestCase[] {
  const steps = stage.steps.map((step): TestCase => {
    const isTold = (suites.get(step.name) ?? []).some(({ outcome }) => outcome === 'failed');
    const isFailed = step.exitCode !== 0 && !(stage.name === 'test' && isTold);
    return {
      suite: 'stages',
      className: stage.name,
      name: step.name,
      seconds: step.seconds,
      outcome: isFailed ? 'failed' : 'passed',
      message: isFailed ? `${step.command}: exit ${step.exitCode}` : '',
      detail: isFailed ? [...step.firstErrors, `full log: ${step.log}`].join('\n') : '',
    };
  });
  const isQuiet = stage.status === 'failed' && stage.steps.every(({ exitCode }) => exitCode === 0);
  if (stage.status !== 'not evaluated' && !isQuiet) return steps;
  const outcome = isQuiet ? 'failed' : 'skipped';
  const reason = stage.reason ?? stage.status;
  return [
    ...steps,
    { suite: 'stages', className: stage.name, name: 'result', seconds: 0, outcome, message: reason, detail: reason },
  ];
}

function rowCase({ name, status, seconds, detail }: SmokeRow): TestCase {
  const outcome = status === 'not evaluated' ? 'skipped' : status;
  return { suite: 'smoke', className: 'smoke', name, seconds, outcome, message: detail.split('\n')[0] ?? '', detail };
}

function errorCase(message: string, hint: string): TestCase {
  return {
    suite: 'stages',
    className: 'run',
    name: 'run',
    seconds: 0,
    outcome: 'failed',
    message,
    detail: `hint: ${hint}`,
  };
}

function renderSuite(name: string, cases: readonly TestCase[]): string {
  const counts = countTests(cases);
  const time = cases.reduce((sum, test) => sum + test.seconds, 0).toFixed(3);
  const body = cases.map(renderCase).join('');
  return `  <testsuite name="${escapeXml(name)}" tests="${counts.total}" failures="${counts.failed}" errors="0" skipped="${counts.skipped}" time="${time}">\n${body}  </testsuite>\n`;
}

function renderCase(test: TestCase): string {
  const head = `    <testcase classname="${escapeXml(test.className || test.suite)}" name="${escapeXml(test.name)}" time="${test.seconds.toFixed(3)}"`;
  if (test.outcome === 'passed') return `${head}/>\n`;
  const message = test.message === '' ? '' : ` message="${escapeXml(test.message)}"`;
  if (test.outcome === 'skipped') return `${head}><skipped${message}/></testcase>\n`;
  return `${head}>\n      <failure${message}>${escapeXml(test.detail)}</failure>\n    </testcase>\n`;
}
