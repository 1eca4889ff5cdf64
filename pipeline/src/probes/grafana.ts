// Asks Grafana whether what was provisioned is there: the dashboards, and the data source behind them.
//
//   node grafana.ts --out FILE --grafana URL --dashboards FOLDER --seconds N
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { askJson } from './ask.ts';
import { expectThat, optionsOf, probe, runAsProgram, until } from './program.ts';

runAsProgram('grafana.ts', async (args) => {
  const { out, grafana, dashboards, seconds } = optionsOf(
    args,
    ...(['out', 'grafana', 'dashboards', 'seconds'] as const),
  );
  const wanted = readdirSync(dashboards)
    .filter((name) => name.endsWith('.json'))
    .map((name) => (JSON.parse(readFileSync(join(dashboards, name), 'utf8')) as { uid: string }).uid);
  await probe(async (check) => {
    await check('Grafana has every dashboard', async () =>
      until(Number(seconds), async () => {
        const found = await askJson<{ uid: string }[]>(`${grafana}/api/search?type=dash-db`);
        const missing = wanted.filter((uid) => !found.some((other) => other.uid === uid));
        expectThat(missing.length === 0, `it lacks ${missing.join(', ')}`);
        return wanted.join(', ');
      }),
    );
    await check('Grafana reaches Prometheus', async () =>
      until(Number(seconds), async () => {
        const url = `${grafana}/api/datasources/proxy/uid/prometheus/api/v1/query?query=up`;
        const { data } = await askJson<{ data: { result: unknown[] } }>(url);
        expectThat(data.result.length > 0, 'it finds no data');
        return `${data.result.length} targets`;
      }),
    );
  }, out);
});
