// out/report.html: a run in one file that needs nothing else. Verdict first, then what blocks, when it all happened, and every log.
import { phraseReplay } from '../capsule/phrases.ts';
import { folderOf, isFailed, phrasePlace, placeOfTest } from '../failed-tests.ts';
import { phraseCounts } from '../gate/result.ts';
import type { SuiteCases } from '../junit.ts';
import type { GateResult, ReportTexts, RunResult, SmokeResult, StageResult, Status, StepResult } from '../model.ts';
import { partsOf, phrasePart } from '../parts.ts';
import {
  phraseCoverage,
  phraseDelivery,
  phraseDetails,
  phraseImage,
  phraseIsolation,
  phraseSeconds,
  phraseStandIns,
  phraseStep,
  phraseVerdict,
} from '../phrases.ts';
import { NOT_ASKED, phraseSubstitutes } from '../summary.ts';
import { html, Markup } from './markup.ts';
import { SCRIPT, SCRIPT_HASH } from './script.ts';
import { STYLE } from './style.ts';
import { type Bar, timelineOf } from './timeline.ts';

/** Of a log, what is in the page; the whole of it is beside it. */
const LINES = 400;
/** Of findings and tests that failed. */
const MOST = 200;
/** Of all tests: a page of some hundred kilobytes. */
const MOST_TESTS = 5000;

/** `logs` by the paths that the steps name; of a large one only the path is known. */
export function renderHtml(run: RunResult, suites: SuiteCases, logs: ReportTexts): string {
  const shown = run.stages.filter(({ status, reason }) => status !== 'skipped' || reason !== NOT_ASKED);
  const title = `${run.function}: ${phraseVerdict(run)}`;
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '${SCRIPT_HASH}'">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
<a class="skip" href="#stages">To the stages</a>
<header class="${run.verdict}"><h1>${title}</h1><p>${about(run)}</p></header>
<main>
${run.error === null ? null : html`<section><h2>It could not be carried out</h2><p>${run.error.message}<br>hint: ${run.error.hint}</p></section>`}
${failedTests(run, suites)}
${shown.filter(({ status }) => status === 'failed').map(failure)}
<section id="stages"><h2>Stages</h2>${stages(shown)}${remarks(shown)}</section>
${partsOf(run).map((part) => (part.gate === null ? null : findings(part.gate, phrasePart(part))))}
${partsOf(run).map((part) => (part.smoke === null ? null : smoke(part.smoke, phrasePart(part))))}
${timeline(run)}
${allTests(suites)}
<section><h2>Run details</h2>${facts(run)}${standIns(run)}</section>
${logSection(shown, logs)}
</main>
<script>${new Markup(SCRIPT)}</script>
</html>
`.text;
}

function about({ source, startedAt, engine, tool }: RunResult): string {
  const { commit, branch, dirty } = source;
  const at =
    commit === null ? 'an unknown commit' : `commit ${commit.slice(0, 12)}${branch === null ? '' : ` on ${branch}`}`;
  const changes = dirty === true ? ', with changes that are not committed' : '';
  const by = engine === null ? '' : ` · ${engine.kind} engine`;
  return `${at}${changes} · ${startedAt.replace('T', ' ').slice(0, 19)} UTC${by} · ${tool.name} ${tool.version}`;
}

/** The class and the word: a colour alone says nothing to many. */
const CLASSES: Record<Status, string> = {
  passed: 'passed',
  failed: 'failed',
  skipped: 'skipped',
  'not evaluated': 'open',
};
/** Of what counts. */
const SEVERITIES: Readonly<Record<string, string>> = { CRITICAL: 'failed', HIGH: 'failed', MEDIUM: 'open' };
const status = (value: Status): Markup => html`<span class="${CLASSES[value]}"><b>${value}</b></span>`;

function failure(stage: StageResult): Markup {
  const failed = stage.steps.filter(({ exitCode }) => exitCode !== 0);
  return html`<section><h2>${stage.name} failed</h2>${failed.length === 0 ? html`<p>${stage.reason}</p>` : null}${failed.map(
    (
      step,
    ) => html`<p><code>${step.command}</code> ended with ${step.exitCode}: <a href="#${anchorOf(step)}">log of ${step.name}</a></p>
${step.firstErrors.length === 0 ? null : html`<pre>${step.firstErrors.join('\n')}</pre>`}`,
  )}</section>
`;
}

/** What stages have to say beside their line. */
function remarks(shown: readonly StageResult[]): Markup | null {
  const lines = phraseDetails(shown);
  return lines.length === 0 ? null : html`<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

function standIns(run: RunResult): Markup | null {
  const lines = phraseStandIns(run);
  if (lines.length === 0) return null;
  return html`<details><summary><b>${phraseSubstitutes(lines.length)}</b>: what was built with one is never published</summary><ul>${lines.map((line) => html`<li>${line}</li>`)}</ul></details>`;
}

function stages(shown: readonly StageResult[]): Markup {
  return html`<table><thead><tr><th scope="col">stage</th><th scope="col">result</th><th scope="col">tests</th><th scope="col" class="number">time</th></tr></thead><tbody>
${shown.map(
  (
    stage,
  ) => html`<tr><th scope="row">${stage.name}</th><td>${status(stage.status)}${stage.reason === null ? null : `: ${stage.reason}`}</td><td>${suitesOf(stage)}</td><td class="number">${stage.cached ? 'cached' : phraseSeconds(stage.seconds)}</td></tr>
`,
)}</tbody></table>`;
}

function suitesOf({ suites }: StageResult): string {
  return suites
    .map(({ name, tests, coverage }) => {
      const covered = coverage === null ? '' : `, ${phraseCoverage(coverage)} covered`;
      return `${name} ${tests.total - tests.failed - tests.skipped} of ${tests.total}${covered}`;
    })
    .join('; ');
}

function findings({ blocking, outcomes, database, rehearsal, policyFrom }: GateResult, of: string): Markup {
  const told =
    database === null
      ? 'no vulnerability database'
      : `database of ${database.updatedAt.slice(0, 10)}, ${database.origin}`;
  return html`<section><h2>Findings${of}</h2><p>${phraseCounts(outcomes) || 'none'} · ${told} · policy of ${policyFrom}${rehearsal ? ' · a rehearsal' : null}</p>${
    blocking.length === 0
      ? null
      : html`<table><caption>What counts</caption><thead><tr><th scope="col">severity</th><th scope="col">finding</th><th scope="col">in</th><th scope="col">from</th><th scope="col">fixed in</th></tr></thead><tbody>
${blocking.slice(0, MOST).map(
  ({
    severity,
    id,
    url,
    title,
    thing,
    from,
    fixedIn,
  }) => html`<tr><td class="word ${SEVERITIES[severity] ?? 'skipped'}"><b>${severity}</b></td><td>${/^https:/.test(url ?? '') ? html`<a href="${url}">${id}</a>` : id} ${title}</td><td data-name="in">${thing}</td><td data-name="from">${from}</td><td data-name="fixed in">${fixedIn ?? 'nothing yet'}</td></tr>
`,
)}</tbody></table>`
  }</section>`;
}

/** Each with its place in the repository, and what its runner said of it. */
function failedTests(run: RunResult, suites: SuiteCases): Markup | null {
  const steps = run.stages.filter(({ name }) => name === 'test').flatMap((stage) => stage.steps);
  const failed = [...suites].flatMap(([suite, cases]) => {
    const folder = folderOf(steps.find(({ name }) => name === suite)?.command ?? '');
    return cases.filter(isFailed).map((test) => ({ suite, test, place: placeOfTest(test, folder) }));
  });
  if (failed.length === 0) return null;
  return html`<section><h2>Tests that failed: ${failed.length}</h2>${failed.slice(0, MOST).map(
    ({
      suite,
      test,
      place,
    }) => html`<h3>${suite}: ${test.className} ${test.name}</h3>${place === null ? null : html`<p><code>${phrasePlace(place)}</code></p>`}<pre>${coloured(test.detail || test.message)}</pre>
`,
  )}</section>`;
}

/** As test runners colour what was expected, and what came. */
const coloured = (text: string): Markup[] =>
  text
    .split('\n')
    .map((line) =>
      /^\s*-(?!-)/.test(line)
        ? html`<ins>${line}</ins>\n`
        : /^\s*\+(?!\+)/.test(line)
          ? html`<del>${line}</del>\n`
          : html`${line}\n`,
    );

/** The slowest first: a page that is opened to see where the time goes shows it at the top. */
function allTests(suites: SuiteCases): Markup | null {
  const all = [...suites].flatMap(([suite, cases]) => cases.map((test) => ({ suite, test })));
  if (all.length === 0) return null;
  const sorted = all.toSorted((one, other) => other.test.seconds - one.test.seconds);
  const left = sorted.length - MOST_TESTS;
  return html`<section><h2>Tests</h2><details><summary>${sorted.length} tests, the slowest first</summary><p class="filter" hidden><label>Filter: <input type="search"></label></p><table class="tests"><thead><tr><th scope="col">test</th><th scope="col">result</th><th scope="col" class="number">time</th></tr></thead><tbody>
${sorted.slice(0, MOST_TESTS).map(
  ({
    suite,
    test,
  }) => html`<tr><th scope="row">${suite}: ${test.className} ${test.name}</th><td>${status(test.outcome)}</td><td class="number">${phraseSeconds(test.seconds)}</td></tr>
`,
)}</tbody></table>${left > 0 ? html`<p>… and ${left} more in junit.xml</p>` : null}</details></section>`;
}

function smoke({ rows, noted }: SmokeResult, of: string): Markup {
  return html`<section><h2>Deployment checks${of}</h2><table><thead><tr><th scope="col">check</th><th scope="col">result</th><th scope="col" class="number">time</th></tr></thead><tbody>
${rows.map(
  (
    row,
  ) => html`<tr><th scope="row">${row.name}</th><td>${status(row.status)}: ${row.detail.split('\n').map((line) => html`${line}<br>`)}</td><td class="number">${phraseSeconds(row.seconds)}</td></tr>
`,
)}</tbody></table>${
    noted.length === 0
      ? null
      : html`<details><summary>Not enforced there: ${noted.length}</summary><ul>${noted.map(({ key, services, why }) => html`<li><code>${key}</code> of ${services.join(', ')}: ${why}</li>`)}</ul></details>`
  }</section>`;
}

function timeline(run: RunResult): Markup | null {
  const { seconds, bars, cached } = timelineOf(run);
  if (bars.length + cached.length === 0) return null;
  const percent = (value: number) => `${((100 * value) / Math.max(seconds, 0.001)).toFixed(2)}%`;
  const row = ({
    stage,
    step,
    from,
    to,
    isCritical,
  }: Bar) => html`<tr${isCritical ? html` class="critical"` : null}><th scope="row">${stage}: ${step.name}</th><td class="number" data-name="after">${phraseSeconds(from)}</td><td class="number">${phraseSeconds(step.seconds)}</td><td class="lane"><i title="${phraseSeconds(from)} – ${phraseSeconds(to)}" style="left:${percent(from)};width:${percent(to - from)}"></i></td></tr>
`;
  return html`<section id="when"><h2>Timeline</h2>${
    bars.length === 0
      ? null
      : html`<table class="when"><caption>Bold is what the end waited for, by the clock.</caption><thead><tr><th scope="col">step</th><th scope="col" class="number">began after</th><th scope="col" class="number">took</th><th scope="col" class="lane">of ${phraseSeconds(seconds)}</th></tr></thead><tbody>
${bars.map(row)}</tbody></table>`
  }${cached.length === 0 ? null : html`<p>From the cache: ${cached.map(({ stage, step }) => `${stage}: ${step.name}`).join(', ')}</p>`}</section>`;
}

function facts(run: RunResult): Markup {
  const rows: [name: string, value: string | null][] = [
    ...partsOf(run).flatMap((part): typeof rows => [
      [`image${phrasePart(part)}`, phraseImage(part)],
      ['built on', part.image?.base ?? null],
      ['delivery', phraseDelivery(part)],
      ['released before', part.delivery?.previous ?? null],
      ['database', part.gate?.database?.digest ?? null],
      ['capsule', part.capsule === null ? null : phraseReplay(part.capsule)],
    ]),
    ...run.scanners.map(({ name, version, image }): [string, string] => [name, `${version}, ${image}`]),
    ['commit', run.source.commit],
    ['engine', run.engine === null ? null : `${run.engine.kind}: ${run.engine.why}`],
    ['isolation', phraseIsolation(run.engine)[0] ?? null],
    ['strict', run.strict ? 'yes' : 'no'],
    ['exit code', String(run.exitCode)],
  ];
  return html`<dl>${rows.filter(([, value]) => value !== null).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function logSection(shown: readonly StageResult[], logs: ReportTexts): Markup | null {
  const steps = shown.flatMap((stage) => stage.steps.map((step) => ({ stage, step })));
  if (steps.length === 0) return null;
  return html`<section><h2>Logs</h2>${steps.map(
    ({
      stage,
      step,
    }) => html`<details id="${anchorOf(step)}"${step.exitCode === 0 ? null : html` open`}><summary>${stage.name}: ${phraseStep(step)}</summary><p><code>${step.command}</code></p>${logOf(step, logs)}</details>
`,
  )}</section>`;
}

function logOf(step: StepResult, logs: ReportTexts): Markup {
  const text = logs.get(step.log);
  const whole = html`<p><a href="${step.log}">Full log</a></p>`;
  if (text === undefined) return whole;
  if (text.trim() === '') return html`<p>It said nothing.</p>`;
  const lines = text.trimEnd().split('\n');
  return html`${lines.length > LINES ? html`${whole}<p>Its last ${LINES} lines:</p>` : null}<pre>${lines.slice(-LINES).join('\n')}</pre>`;
}

const anchorOf = ({ log }: StepResult) => log.replace(/[^\w-]+/g, '-');
