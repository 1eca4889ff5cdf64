// Asks Prometheus what it knows: targets, rules, a request that was just made, and whatever the dashboards ask.
//
//   node metrics.ts --out FILE --prometheus URL --nginx URL --jobs app,… --dashboards FOLDER --seconds N
//
// What each query of the dashboards returned goes to stdout, a line of JSON each: an `Answer`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from './ask.ts';
import { expectThat, optionsOf, pause, probe, reasonOf, runAsProgram, until } from './program.ts';
import { Prometheus, type Samples, type Series } from './prometheus.ts';

/** A path that only this probe asks for, so that its requests can be counted. */
const COUNTED = '/version';
const REQUESTS = 5;

async function targetsUp(prometheus: Prometheus, jobs: readonly string[], seconds: number): Promise<string> {
  return await until(seconds, async () => {
    const targets = await prometheus.targets();
    const down = targets.filter(({ health }) => health !== 'up');
    expectThat(down.length === 0, down.map(({ labels, lastError }) => `${labels.job}: ${lastError}`).join('; '));
    const missing = jobs.filter((job) => !targets.some(({ labels }) => labels.job === job));
    expectThat(missing.length === 0, `no target of ${missing.join(', ')}`);
    return targets.map(({ labels }) => labels.job).join(', ');
  });
}

async function rulesEvaluated(prometheus: Prometheus, seconds: number): Promise<string> {
  return await until(seconds, async () => {
    const rules = await prometheus.rules();
    expectThat(rules.length > 0, 'there are no rules');
    const broken = rules.filter(({ health }) => health !== 'ok');
    expectThat(
      broken.length === 0,
      broken.map(({ name, lastError }) => `${name}: ${lastError || 'not yet'}`).join('; '),
    );
    return `${rules.length} rules`;
  });
}

async function requestSeen(prometheus: Prometheus, nginx: string, seconds: number): Promise<string> {
  const selector = `http_requests_total{job="app",route="${COUNTED}",method="GET",status_code="200"}`;
  const count = async () => Number((await prometheus.query(selector))[0]?.value[1] ?? Number.NaN);
  await ask(`${nginx}${COUNTED}`);
  const before = await until(seconds, async () => {
    const [first, second] = [await count(), await pause(2000).then(count)];
    expectThat(first === second, `nothing of ${COUNTED} in its data`);
    return first;
  });
  for (let index = 0; index < REQUESTS; index += 1) await ask(`${nginx}${COUNTED}`);
  const asked = Date.now() / 1000;
  return await until(seconds, async () => {
    const scrapes = scrapesUntil(await prometheus.samples(`${selector}[1m]`), asked, before + REQUESTS);
    expectThat(scrapes <= 2, `they came with scrape ${scrapes} after them`);
    return `${REQUESTS} requests, with scrape ${scrapes} after them`;
  });
}

/** With which scrape after a time a count was reached. */
export function scrapesUntil(found: readonly Samples[], time: number, count: number): number {
  const after = (found[0]?.values ?? []).filter(([at]) => at >= time);
  const index = after.findIndex(([, value]) => Number(value) >= count);
  if (index < 0) throw new Error(`${after.length} scrapes after ${REQUESTS} requests there is nothing of them`);
  return index + 1;
}

/** Every query of every panel, by the name of its panel. Grafana's own variables get values. */
export function queriesOf(dashboard: unknown): [panel: string, query: string][] {
  type Panel = { title?: string; panels?: Panel[]; targets?: { expr?: string }[] };
  const { panels = [] } = dashboard as { panels?: Panel[] };
  const inside = (panel: Panel): [string, string][] => [
    ...(panel.targets ?? []).flatMap(({ expr }): [string, string][] =>
      expr === undefined ? [] : [[panel.title ?? '', expr.replaceAll(/\$__(rate_interval|interval|range)\b/g, '1m')]],
    ),
    ...(panel.panels ?? []).flatMap(inside),
  ];
  return panels.flatMap(inside);
}

/** As clients of Prometheus begin the names of metrics of a language's runtime, which services in another language do not have. */
const RUNTIME = /(?<![\w/"])(dotnet|go|jvm|nodejs|python|ruby)_(?=\w)/;

/** The runtime whose metrics a query asks for. */
export const runtimeOf = (query: string): string | undefined => RUNTIME.exec(query)?.[1];

/** Of the runtimes that queries ask for, those of which nothing that is scraped has a metric. */
async function otherRuntimes(prometheus: Prometheus, queries: readonly string[]): Promise<string[]> {
  const asked = [...new Set(queries.flatMap((query) => runtimeOf(query) ?? []))];
  const found = await Promise.all(asked.map((name) => prometheus.query(`{__name__=~"${name}_.+"}`)));
  return asked.filter((_, index) => found[index]?.length === 0);
}

/** A query of a dashboard, how many series it has, and the first of them. */
export type Answer = { dashboard: string; panel: string; query: string; series: number; labels: string; value: string };

async function dashboardsAnswer(prometheus: Prometheus, folder: string, seconds: number): Promise<string> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const all = files.flatMap((name) =>
    queriesOf(JSON.parse(readFileSync(join(folder, name), 'utf8'))).map(
      ([panel, query]) => [name, panel, query] as const,
    ),
  );
  expectThat(all.length > 0, 'the dashboards ask nothing');
  const others = await otherRuntimes(
    prometheus,
    all.map(([, , query]) => query),
  );
  const queries = all.filter(([, , query]) => !others.includes(runtimeOf(query) ?? ''));
  const faults: string[] = [];
  const end = performance.now() + seconds * 1000;
  for (const [file, panel, query] of queries) {
    const left = Math.max(0, (end - performance.now()) / 1000);
    try {
      const found = await until(left, async () => {
        const some = await prometheus.query(query);
        expectThat(some.length > 0 && some.every(({ value }) => !Number.isNaN(Number(value[1]))), 'no data');
        return some;
      });
      say({ dashboard: file, panel, query }, found);
    } catch (error) {
      faults.push(`${file}, ${panel}: ${query}: ${reasonOf(error)}`);
    }
  }
  expectThat(faults.length === 0, `${faults.length} of ${queries.length} queries have no answer: ${faults.join('\n')}`);
  if (others.length === 0) return `${queries.length} queries`;
  const names = others.map((name) => `${name}_*`).join(', ');
  return `${queries.length} queries; ${all.length - queries.length} not asked for: the service has no metrics ${names}`;
}

function say(asked: Pick<Answer, 'dashboard' | 'panel' | 'query'>, found: readonly Series[]): void {
  const [first] = found;
  // The query says the name.
  const { __name__: _, ...rest } = first?.metric ?? {};
  const labels = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const answer: Answer = { ...asked, series: found.length, labels: labels.join(', '), value: first?.value[1] ?? '' };
  console.log(JSON.stringify(answer));
}

/** Requests as users make them, until told to stop: a rate needs some. */
function traffic(nginx: string): () => void {
  const timer = setInterval(() => {
    for (const path of ['/', '/nothing']) ask(`${nginx}${path}`).catch(() => {}); // what counts is what Prometheus sees
  }, 250);
  return () => clearInterval(timer);
}

runAsProgram('metrics.ts', async (args) => {
  const options = optionsOf(args, ...(['out', 'prometheus', 'nginx', 'jobs', 'dashboards', 'seconds'] as const));
  const [prometheus, seconds] = [new Prometheus(options.prometheus), Number(options.seconds)];
  const stop = traffic(options.nginx);
  await probe(async (check) => {
    await check('Prometheus sees every target up', () => targetsUp(prometheus, options.jobs.split(','), seconds));
    await check('Prometheus evaluates every rule', () => rulesEvaluated(prometheus, seconds));
    await check('Requests are in its data within two scrapes', () => requestSeen(prometheus, options.nginx, seconds));
    await check('Every dashboard’s query answers', () => dashboardsAnswer(prometheus, options.dashboards, seconds));
  }, options.out);
  stop();
});
