// out/summary.md: what GitHub shows under a run. Ten lines, then folded detail.
import { phraseReplay } from './capsule/phrases.ts';
import { phraseCounts } from './gate/result.ts';
import type { BlockingRow, GateResult, RunResult, SmokeResult, StageResult } from './model.ts';
import { partsOf, phrasePart } from './parts.ts';
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
} from './phrases.ts';
import { oneLine, safeLines, safeText } from './safe-text.ts';

const MARKS: Record<StageResult['status'], string> = {
  passed: '✅',
  failed: '❌',
  skipped: '➖',
  'not evaluated': '⚠️',
};

export function renderSummary(run: RunResult): string {
  const shown = run.stages.filter(({ status, reason }) => status !== 'skipped' || reason !== NOT_ASKED);
  const parts = partsOf(run);
  const paragraphs = [
    `## ${run.verdict === 'passed' ? '✅' : '❌'} ${run.function}: ${escapeMarkdown(phraseVerdict(run))}`,
    shown.map(({ name, status }) => `${MARKS[status]} ${name}`).join(' · '),
    reasonLines(run, shown).join('\n'),
    ...factLines(run),
  ];
  const details = [
    ...fold('What failed', [
      ...shown.filter(({ status }) => status === 'failed').flatMap(failure),
      ...parts.flatMap(({ capsule }) =>
        capsule === null ? [] : [`Capsule: ${escapeMarkdown(phraseReplay(capsule))}`],
      ),
    ]),
    ...fold('Stages', stagesSection(shown)),
    ...parts.flatMap((part) =>
      part.gate === null
        ? []
        : fold(`Findings${named(part)}: ${phraseCounts(part.gate.outcomes) || 'none'}`, gateSection(part.gate)),
    ),
    ...parts.flatMap(({ smoke }) => (smoke === null ? [] : smokeSection(smoke))),
    ...fold(
      'Substitutes',
      phraseStandIns(run).map((line) => `- ${escapeMarkdown(line)}`),
    ),
    ...fold('Steps', shown.flatMap(steps)),
  ];
  // Runners without a place for summaries have it printed, and obey commands in what is printed.
  return safeLines(`${[...paragraphs.filter((text) => text !== ''), ...details].join('\n\n')}\n`);
}

/** With the verdict, the stages and the four facts there are ten lines at most. */
const MOST_REASONS = 4;
/** A line is to be read, not to be scrolled through. */
const LONGEST_REASON = 240;

/** Why it could not be carried out, what failed, what was not evaluated, what a reviewer has to know: a line each, the worst first. */
function reasonLines(run: RunResult, shown: readonly StageResult[]): string[] {
  const { error } = run;
  const of = (wanted: StageResult['status']) => shown.filter(({ status }) => status === wanted);
  const reasons = [
    ...(error === null ? [] : [`**${clip(error.message)}**`, `hint: ${clip(error.hint)}`]),
    ...of('failed').map((stage) => `${MARKS.failed} **${stage.name}**: ${clip(whyFailed(stage))}`),
    ...of('not evaluated').map((stage) => `${MARKS['not evaluated']} **${stage.name}**: ${clip(stage.reason ?? '')}`),
    ...partsOf(run).flatMap(({ gate }) =>
      gate === null || gate.policyChanges.length === 0
        ? []
        : [
            `${MARKS['not evaluated']} this change decides otherwise than ${clip(gate.policyFrom)} in ${clip(gate.policyChanges.join(', '))}`,
          ],
    ),
  ];
  const left = reasons.length - MOST_REASONS;
  const kept = left > 0 ? [...reasons.slice(0, MOST_REASONS - 1), `… and ${left + 1} more, below`] : reasons;
  return kept.map((line) => `- ${line}`);
}

/** The reason, and the first line that a tool said of it. */
function whyFailed({ steps, reason }: StageResult): string {
  const said = steps.flatMap(({ firstErrors }) => firstErrors)[0];
  return said === undefined ? (reason ?? '') : `${reason} · ${said}`;
}

function clip(text: string): string {
  const line = oneLine(text);
  return escapeMarkdown(line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON - 1)}…` : line);
}

function factLines(run: RunResult): string[] {
  const standIns = run.standIns.length;
  const lines = (what: string, phrase: (part: Pick<RunResult, 'image' | 'delivery'>) => string | null) =>
    partsOf(run).flatMap((part) => {
      const phrased = phrase(part);
      return phrased === null ? [] : [`${what}${named(part)}: ${code(phrased)}`];
    });
  return [
    ...lines('Image', phraseImage),
    ...lines('Delivery', phraseDelivery),
    standIns === 0 ? '' : `⚠️ ${phraseSubstitutes(standIns)}: what was built with one is never published`,
    sourceLine(run),
  ];
}

export const phraseSubstitutes = (count: number) => `${count} substitute image${count === 1 ? '' : 's'}`;

/** What is read by those alone who open it; nothing, where there is nothing. */
function fold(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`<details><summary>${title}</summary>`, lines.join('\n').trimEnd(), '</details>'];
}

function stagesSection(shown: readonly StageResult[]): string[] {
  if (shown.length === 0) return [];
  return [
    '| stage | result | time | tests | covered |',
    '|---|---|---|---|---|',
    ...shown.map(row),
    ...phraseDetails(shown).map((line) => `\n> ⚠️ ${escapeMarkdown(line)}`),
  ];
}

/** The reason of a stage that nobody asked for: not worth a line. */
export const NOT_ASKED = 'not asked for';

function row(stage: StageResult): string {
  const tests = stage.suites
    .map(
      ({ name, tests: { total, failed, skipped } }) => `${escapeMarkdown(name)} ${total - failed - skipped}/${total}`,
    )
    .join(', ');
  const covered = stage.suites.flatMap(({ name, coverage }) =>
    coverage ? [`${escapeMarkdown(name)} ${phraseCoverage(coverage)}`] : [],
  );
  const time = stage.cached ? 'cached' : phraseSeconds(stage.seconds);
  const reason = stage.reason === null ? '' : `: ${escapeMarkdown(stage.reason)}`;
  return `| ${stage.name} | ${MARKS[stage.status]} ${stage.status}${reason} | ${time} | ${tests} | ${covered.join(', ')} |`;
}

/** What blocks, where it comes from, how to fix it: to be read in ten seconds. */
function gateSection(gate: GateResult): string[] {
  const licences = Object.entries(gate.licences).map(([category, count]) => `${count} ${escapeMarkdown(category)}`);
  return [
    ...(gate.rehearsal ? ['**A rehearsal:** the vulnerability database is from an unverified source.', ''] : []),
    ...(gate.blocking.length === 0
      ? []
      : [
          '| severity | finding | in | from | fixed in |',
          '|---|---|---|---|---|',
          ...gate.blocking.slice(0, MOST_ROWS).map(blockingRow),
          '',
          ...(gate.blocking.length > MOST_ROWS
            ? [`… and ${gate.blocking.length - MOST_ROWS} more in verdict.json`, '']
            : []),
        ]),
    ...(licences.length === 0 ? [] : [`Licences: ${licences.join(', ')}`, '']),
    databaseLine(gate),
  ];
}

/** What was deployed, what was proved, those that failed first, and what the runtime left out. */
function smokeSection({ rows, noted, runtime }: SmokeResult): string[] {
  const table = [...rows]
    .sort((a, b) => Number(b.status === 'failed') - Number(a.status === 'failed'))
    .map(({ name, status, seconds, detail }) => {
      const said = detail.split('\n').map(escapeMarkdown).join('<br>');
      return `| ${escapeMarkdown(name)} | ${MARKS[status]} ${status} | ${phraseSeconds(seconds)} | ${said} |`;
    });
  return fold(`Deployed ${DEPLOYED[runtime]}: ${rows.length} checks`, [
    '| check | result | time | |',
    '|---|---|---|---|',
    ...table,
    ...(noted.length === 0 ? [] : ['', 'Not enforced there:', '']),
    ...noted.map(
      ({ key, services, why }) => `- ${code(key)} of ${escapeMarkdown(services.join(', '))}: ${escapeMarkdown(why)}`,
    ),
  ]);
}

const DEPLOYED = { session: "in the engine's session", compose: 'by Docker Compose' } as const;

const MOST_ROWS = 20;

function blockingRow({ severity, id, url, thing, title, from, fixedIn }: BlockingRow): string {
  const name = escapeMarkdown(id);
  const link = /^https?:/i.test(url ?? '') ? `[${name}](${linkTarget(url ?? '')})` : name;
  const cells = [
    severity,
    `${link} ${escapeMarkdown(title)}`,
    escapeMarkdown(thing),
    escapeMarkdown(from),
    escapeMarkdown(fixedIn ?? 'nothing yet'),
  ];
  return `| ${cells.join(' | ')} |`;
}

function databaseLine({ database }: GateResult): string {
  if (database === null) return 'Vulnerability database: none';
  return `Vulnerability database: ${code(database.digest)} of ${escapeMarkdown(database.updatedAt.slice(0, 10))}, ${database.origin}`;
}

function sourceLine(run: RunResult): string {
  const { commit, branch, dirty } = run.source;
  const at =
    commit === null
      ? 'an unknown commit'
      : `${code(commit.slice(0, 12))}${branch === null ? '' : ` on ${code(branch)}`}`;
  const engine = run.engine === null ? '' : `, ${run.engine.kind} engine`;
  const source = `Source: ${at}${dirty === true ? ', with changes that are not committed' : ''}${engine}`;
  return [source, ...phraseIsolation(run.engine).map(escapeMarkdown)].join('\n\n');
}

function failure(stage: StageResult): string[] {
  const failed = stage.steps.filter(({ exitCode }) => exitCode !== 0);
  if (failed.length === 0) return [`**${stage.name}**: ${escapeMarkdown(stage.reason ?? '')}`, ''];
  return failed.flatMap((step) => [
    `**${stage.name}**: ${code(step.command)} ended with ${step.exitCode}`,
    '',
    ...fenced(step.firstErrors),
    '',
  ]);
}

function steps(stage: StageResult): string[] {
  return stage.steps.map((step) => `- ${stage.name}: ${escapeMarkdown(phraseStep(step))} (${code(step.log)})`);
}

/** A fence longer than any in the text, so that no output of a tool can end it. */
function fenced(lines: readonly string[]): string[] {
  const fence = '`'.repeat(Math.max(3, longestRun(lines.join('\n')) + 1));
  return [`${fence}text`, ...lines.map(safeText), fence];
}

/** A code span that nothing in it can end: CommonMark ends one at as many backticks as began it, and takes one blank from both of its sides. */
function code(text: string): string {
  const shown = oneLine(safeText(text));
  const fence = '`'.repeat(longestRun(shown) + 1);
  return /^[^`\s](?:.*[^`\s])?$/.test(shown) ? `${fence}${shown}${fence}` : `${fence} ${shown} ${fence}`;
}

/** Of backticks. */
const longestRun = (text: string) => (text.match(/`+/g) ?? []).reduce((most, { length }) => Math.max(most, length), 0);

/** Parentheses would end it. */
const linkTarget = (url: string) => encodeURI(url.toWellFormed()).replaceAll('(', '%28').replaceAll(')', '%29');

const named = (part: object) => escapeMarkdown(phrasePart(part));

/** For a place in one line. */
function escapeMarkdown(text: string): string {
  return oneLine(safeText(text)).replace(/[\\`*_~<>|[\]]/g, (character) => `\\${character}`);
}
