// out/summary.md: what GitHub shows under a run. Ten lines, then folded detail.
import type { BlockingRow, GateResult, RunResult, SmokeResult, StageResult } from './model.ts';
import {
  phraseCoverage,
  phraseDelivery,
  phraseDetails,
  phraseImage,
  phraseSeconds,
  phraseStandIns,
  phraseStep,
  phraseVerdict,
} from './phrases.ts';

const MARKS: Record<StageResult['status'], string> = {
  passed: '✅',
  failed: '❌',
  skipped: '➖',
  'not evaluated': '⚠️',
};

export function renderSummary(run: RunResult): string {
  const shown = run.stages.filter(({ status, reason }) => status !== 'skipped' || reason !== NOT_ASKED);
  const [image, delivered] = [phraseImage(run), phraseDelivery(run)];
  return [
    `## ${run.verdict === 'passed' ? '✅' : '❌'} ${run.function}: ${escapeMarkdown(phraseVerdict(run))}`,
    '',
    '| stage | result | time | tests | covered |',
    '|---|---|---|---|---|',
    ...shown.map(row),
    '',
    ...(run.error === null
      ? []
      : [`**${escapeMarkdown(run.error.message)}**  `, `hint: ${escapeMarkdown(run.error.hint)}`, '']),
    ...(image === null ? [] : [`Image: \`${image}\``, '']),
    ...(delivered === null ? [] : [`Delivery: \`${delivered}\``, '']),
    ...(run.gate === null ? [] : gateSection(run.gate)),
    ...(run.smoke === null ? [] : smokeSection(run.smoke)),
    ...phraseDetails(shown).map((line) => `> ⚠️ ${escapeMarkdown(line)}\n`),
    ...phraseStandIns(run).map((line) => `> ⚠️ ${escapeMarkdown(line)}\n`),
    sourceLine(run),
    ...shown.filter(({ status }) => status === 'failed').flatMap(failure),
    ...(shown.length > 0 ? ['', '<details><summary>Steps</summary>', '', ...shown.flatMap(steps), '</details>'] : []),
    '',
  ].join('\n');
}

/** The reason of a stage that nobody asked for: not worth a line. */
export const NOT_ASKED = 'not asked for';

function row(stage: StageResult): string {
  const tests = stage.suites
    .map(({ name, tests: { total, failed } }) => `${name} ${total - failed}/${total}`)
    .join(', ');
  const covered = stage.suites.flatMap(({ name, coverage }) =>
    coverage ? [`${name} ${phraseCoverage(coverage)}`] : [],
  );
  const time = stage.cached ? 'cached' : phraseSeconds(stage.seconds);
  const reason = stage.reason === null ? '' : `: ${escapeMarkdown(stage.reason)}`;
  return `| ${stage.name} | ${MARKS[stage.status]} ${stage.status}${reason} | ${time} | ${tests} | ${covered.join(', ')} |`;
}

/** What blocks, where it comes from, what mends it: to be read in ten seconds. */
function gateSection(gate: GateResult): string[] {
  const counts = Object.entries(gate.outcomes).map(([outcome, count]) => `${count} ${outcome}`);
  const licences = Object.entries(gate.licences).map(([category, count]) => `${count} ${category}`);
  return [
    ...(gate.rehearsal ? ['**A rehearsal:** nobody vouches for the vulnerability database.', ''] : []),
    ...(gate.blocking.length === 0
      ? []
      : [
          '| severity | finding | in | from | mended in |',
          '|---|---|---|---|---|',
          ...gate.blocking.slice(0, MOST_ROWS).map(blockingRow),
          '',
          ...(gate.blocking.length > MOST_ROWS
            ? [`… and ${gate.blocking.length - MOST_ROWS} more in verdict.json`, '']
            : []),
        ]),
    ...(counts.length === 0
      ? []
      : [`Findings: ${counts.join(', ')}${licences.length === 0 ? '' : `. Licences: ${licences.join(', ')}`}`, '']),
    databaseLine(gate),
    '',
  ];
}

/** What was deployed, what was proved, and what the runtime left out: folded, but for what failed. */
function smokeSection({ rows, noted, runtime }: SmokeResult): string[] {
  const failed = rows.filter(({ status }) => status === 'failed');
  const table = (some: SmokeResult['rows']) => [
    '| proved | result | time | |',
    '|---|---|---|---|',
    ...some.map(({ name, status, seconds, detail }) => {
      const said = escapeMarkdown(detail).replaceAll('\n', '<br>');
      return `| ${escapeMarkdown(name)} | ${MARKS[status]} ${status} | ${phraseSeconds(seconds)} | ${said} |`;
    }),
    '',
  ];
  return [
    ...(failed.length === 0 ? [] : table(failed)),
    `<details><summary>Deployed ${DEPLOYED[runtime]}: ${rows.length} checks</summary>`,
    '',
    ...table(rows),
    ...(noted.length === 0 ? [] : ['Not enforced there:', '']),
    ...noted.map(({ key, services, why }) => `- \`${key}\` of ${services.join(', ')}: ${escapeMarkdown(why)}`),
    '',
    '</details>',
    '',
  ];
}

const DEPLOYED = { session: "in the engine's session", compose: 'by Docker Compose' } as const;

const MOST_ROWS = 20;

function blockingRow({ severity, id, url, thing, title, from, fixedIn }: BlockingRow): string {
  const link = url === null ? escapeMarkdown(id) : `[${escapeMarkdown(id)}](${encodeURI(url)})`;
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
  return `Vulnerability database: \`${database.digest}\` of ${database.updatedAt.slice(0, 10)}, ${database.origin}`;
}

function sourceLine(run: RunResult): string {
  const { commit, branch, dirty } = run.source;
  const at =
    commit === null ? 'an unknown commit' : `\`${commit.slice(0, 12)}\`${branch === null ? '' : ` on \`${branch}\``}`;
  const engine = run.engine === null ? '' : `, ${run.engine.kind} engine`;
  return `Source: ${at}${dirty === true ? ', with changes that are not committed' : ''}${engine}`;
}

function failure(stage: StageResult): string[] {
  const failed = stage.steps.filter(({ exitCode }) => exitCode !== 0);
  return failed.flatMap((step) => [
    '',
    `**${stage.name}**: \`${step.command}\` ended with ${step.exitCode}`,
    '',
    ...fenced(step.firstErrors),
  ]);
}

function steps(stage: StageResult): string[] {
  return stage.steps.map((step) => `- ${stage.name}: ${escapeMarkdown(phraseStep(step))} (\`${step.log}\`)`);
}

/** A fence longer than any in the text, so that no output of a tool can end it. */
function fenced(lines: readonly string[]): string[] {
  const longest = Math.max(2, ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}text`, ...lines, fence];
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_<>|[\]]/g, (character) => `\\${character}`);
}
