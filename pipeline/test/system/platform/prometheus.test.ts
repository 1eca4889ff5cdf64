// A real Prometheus with the shipped rules that scrapes the real service under traffic, and tells a real Alertmanager: every query
// of every panel of the dashboards has an answer.
import { beforeAll, expect, test } from 'vitest';
import { DASHBOARDS } from '../../../../monitoring/grafana/dashboards.ts';
import { ask } from './ask.ts';
import { address, atEnd, eventually, startAlertmanager, startPrometheus, startService } from './neighbours.ts';

const DEPLOYED = { APP_COMMIT: 'abc1234', APP_DIGEST: 'sha256:1234' };

type Sample = { metric: Record<string, string>; value: [time: number, value: string] };

let prometheus: { url: string };
let alertmanager: { host: string; url: string };

async function data<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
  const response = await fetch(`${prometheus.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const answer = (await response.json()) as { data: T; error?: string };
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.data;
}
const query = async (text: string) => (await data<{ result: Sample[] }>('query', { query: text })).result;

beforeAll(async () => {
  const app = address();
  await startService(app, { ...DEPLOYED, LOG_LEVEL: 'warn' });
  alertmanager = await startAlertmanager();
  prometheus = await startPrometheus({ app, alertmanager: alertmanager.host });
  const traffic = setInterval(() => {
    for (const path of ['/', '/version', '/nothing']) ask(app, { path }, 8000).catch(() => {}); // not up yet
  }, 100);
  atEnd(() => clearInterval(traffic));
});

test('every target is up', async () => {
  await eventually(async () => {
    const { activeTargets } = await data<{ activeTargets: { labels: { job: string }; health: string }[] }>('targets');
    expect(activeTargets.map(({ labels, health }) => `${labels.job} ${health}`).sort()).toEqual([
      'alertmanager up',
      'app up',
      'prometheus up',
    ]);
  });
});

test('every rule can be evaluated', async () => {
  type Rule = { name: string; health: string; lastError?: string };
  await eventually(async () => {
    const { groups } = await data<{ groups: { rules: Rule[] }[] }>('rules');
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(20);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
  });
});

for (const { uid, rows } of DASHBOARDS) {
  const queries = rows.flatMap((row) =>
    row.panels.flatMap((panel) => panel.queries.map(({ expr }) => [row.title, panel.title, expr] as const)),
  );
  test.for(queries)(`dashboard ${uid}: %s: %s has data: %s`, async ([, , expr]) => {
    await eventually(async () => {
      const samples = await query(expr.replaceAll('$__rate_interval', '1m'));
      expect(samples.length).toBeGreaterThan(0);
      for (const { value } of samples) expect(Number(value[1])).not.toBeNaN();
    });
  });
}

test('the deployed version is what the deployment said', async () => {
  const [sample] = await query('app_build_info{job="app"}');
  expect(sample?.metric).toMatchObject({ version: '0.1.0', commit: DEPLOYED.APP_COMMIT, digest: DEPLOYED.APP_DIGEST });
});

test('the dead man’s switch is heard by Alertmanager, and routed to its receiver', async () => {
  await eventually(async () => {
    const response = await fetch(`${alertmanager.url}/api/v2/alerts`);
    const alerts = (await response.json()) as { labels: Record<string, string>; receivers: { name: string }[] }[];
    expect(alerts.map(({ labels, receivers }) => [labels.alertname, receivers.map(({ name }) => name)])).toEqual([
      ['Watchdog', ['dead-mans-switch']],
    ]);
  });
});

test('nothing else fires: all is well', async () => {
  const firing = await query('ALERTS{alertstate="firing", alertname!="Watchdog"}');
  expect(firing).toEqual([]);
});
