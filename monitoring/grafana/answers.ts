// What the dashboards' queries returned in a smoke run, as a page: `npm run dashboards:answers` reads the run's log, and writes README.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Answer } from '../../pipeline/src/probes/metrics.ts';

const LOG = fileURLToPath(new URL('../../out/logs/smoke-metrics.log', import.meta.url));
const PAGE = fileURLToPath(new URL('README.md', import.meta.url));

const HEAD = `# Dashboards

[dashboards.ts](dashboards.ts) makes [dashboards/](dashboards) (\`npm run dashboards\`), from where Grafana is provisioned. This is what their queries returned
in a run of \`npx tsx pipeline/ci.ts smoke\`, which asks all of them: \`npm run dashboards:answers\` writes this page from that run's log. A query with many
series shows the first; \`$__rate_interval\` was 1m. The service had run for seconds, so long windows hold just these.
`;

/** The lines of the log that are answers. */
export function answersIn(log: string): Answer[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Answer);
}

export function pageOf(answers: readonly Answer[]): string {
  const dashboards = [...new Set(answers.map(({ dashboard }) => dashboard))];
  const sections = dashboards.map((name) => {
    const rows = answers.filter(({ dashboard }) => dashboard === name).map(rowOf);
    return [`## ${name}`, '', '| panel | query | series | first |', '| --- | --- | --- | --- |', ...rows, ''].join(
      '\n',
    );
  });
  return [HEAD, ...sections].join('\n');
}

function rowOf({ panel, query, series, labels, value }: Answer): string {
  const first = labels === '' ? shown(value) : `\`{${labels}}\` ${shown(value)}`;
  return `| ${[panel, `\`${query}\``, String(series), first].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** Four digits are what a panel shows. */
function shown(value: string): string {
  return String(Number(Number(value).toPrecision(4)));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(PAGE, pageOf(answersIn(readFileSync(LOG, 'utf8'))));
