// The drill's copies: quick, harmless, and otherwise what ships.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { drillAlertmanager, drillPrometheus, drillRules } from '../../../src/core/smoke/drill.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, 'monitoring', path), 'utf8');
const URL_OF_DRILL = 'http://webhook:9095';

test('Prometheus scrapes and evaluates every second, and nothing else is changed', () => {
  const shipped = read('prometheus/prometheus.yml');
  const { text, jobs, ruleFiles } = drillPrometheus('prometheus.yml', shipped);
  expect(parse(text)).toEqual({
    ...parse(shipped),
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
  });
  expect(jobs).toEqual(['app', 'prometheus', 'alertmanager']);
  expect(ruleFiles).toEqual(['rules/*.yml']);
});

test('a job’s own interval goes', () => {
  const { text } = drillPrometheus('p.yml', 'scrape_configs: [{ job_name: a, scrape_interval: 1m }]');
  expect(parse(text).scrape_configs).toEqual([{ job_name: 'a' }]);
});

test('only the drill’s alert fires sooner', () => {
  const shipped = read('prometheus/rules/alerts.yml');
  const { text, labels } = drillRules('alerts.yml', shipped);
  const expected = parse(shipped);
  expected.groups[0].rules[0].for = '2s';
  expect(parse(text)).toEqual(expected);
  expect(labels).toEqual({ alertname: 'AppDown', severity: 'critical' });
});

test('recording rules are evaluated every second, and carry no alert', () => {
  const { text, labels } = drillRules('slo.yml', read('prometheus/rules/slo.yml'));
  expect(text).not.toContain('interval');
  expect(labels).toBeNull();
});

test('nobody but the drill is told, with credentials from the same files', () => {
  const { text, paths, credentials } = drillAlertmanager('config.yml', read('alertmanager/config.yml'), URL_OF_DRILL);
  expect(Object.fromEntries(paths)).toEqual({
    webhook: ['/webhook/webhook'],
    'dead-mans-switch': ['/dead-mans-switch/webhook'],
    pagerduty: ['/pagerduty/pagerduty'],
  });
  const { receivers, route } = parse(text);
  expect(receivers[0]).toEqual({
    name: 'webhook',
    webhook_configs: [
      {
        url: `${URL_OF_DRILL}/webhook/webhook`,
        send_resolved: true,
        http_config: { authorization: { credentials_file: '/etc/alertmanager/secrets/webhook-token' } },
      },
    ],
  });
  expect(route).toMatchObject({ receiver: 'webhook', group_wait: '0s', group_interval: '1s' });
  expect(route.routes[0]).toMatchObject({ receiver: 'dead-mans-switch', group_wait: '0s', repeat_interval: '1h' });
  expect(credentials).toEqual([
    '/etc/alertmanager/secrets/webhook-token',
    '/etc/alertmanager/secrets/pagerduty-routing-key',
  ]);
});

const strangers: [kind: string, config: string][] = [
  ['mail', 'email_configs: [{ to: somebody@example.com }]'],
  ['a chat', 'slack_configs: [{ api_url: "https://hooks.example", channel: "#a" }]'],
];
test.for(strangers)('%s is never told, and cannot be drilled', ([, config]) => {
  const { text, paths } = drillAlertmanager(
    'config.yml',
    `route: { receiver: them }\nreceivers: [{ name: them, ${config} }]`,
    URL_OF_DRILL,
  );
  expect(parse(text).receivers).toEqual([{ name: 'them' }]);
  expect(paths.get('them')).toEqual([]);
});

test('an address in a file is replaced too', () => {
  const config = 'route: {}\nreceivers: [{ name: a, webhook_configs: [{ url_file: /x }] }]';
  const { text } = drillAlertmanager('config.yml', config, URL_OF_DRILL);
  expect(parse(text).receivers[0].webhook_configs).toEqual([{ url: `${URL_OF_DRILL}/a/webhook` }]);
});

const bad: [name: string, work: () => unknown, fault: string][] = [
  ['no receivers', () => drillAlertmanager('c.yml', 'route: {}', URL_OF_DRILL), 'c.yml has no receivers'],
  ['a list', () => drillPrometheus('p.yml', '[1]'), 'p.yml must be a mapping'],
  ['no YAML', () => drillRules('r.yml', 'groups: ['), 'r.yml is not YAML: '],
];
test.for(bad)('%s', ([, work, fault]) => {
  expect(work).toThrow(expect.objectContaining({ code: 'BAD_MONITORING' }));
  expect(work).toThrow(fault);
});
