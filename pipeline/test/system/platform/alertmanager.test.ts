// A real Alertmanager with the shipped configuration, told of alerts as Prometheus would: who gets what, with which credentials, what
// is kept from them, and that they hear when it is over. Short waits, and receivers on loopback, take the place of the shipped ones.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { address, atEnd, eventually, startAlertmanager } from './neighbours.ts';

type Message = { path: string; authorization: string | undefined; body: Record<string, unknown> };
type Labels = Readonly<Record<string, string>>;
type Known = { labels: Labels; status: { state: string } };

const received: Message[] = [];
let url: string;
let receivers: string;

beforeAll(async () => {
  const host = address();
  receivers = `http://${host}:9095`;
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as Message['body'];
    received.push({ path: request.url ?? '', authorization: request.headers.authorization, body });
    // PagerDuty says 202, a webhook anything below 300.
    response.writeHead(202).end('{}');
  }).listen(9095, host);
  await once(server, 'listening');
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  ({ url } = await startAlertmanager({
    changes: [
      ['http://webhook:9095', receivers],
      ['- routing_key_file', `- url: ${receivers}/pagerduty\n        routing_key_file`],
      ['group_wait: 30s', 'group_wait: 200ms'],
      ['group_interval: 5m', 'group_interval: 1s'],
    ],
    secrets: { 'webhook-token': 'token-of-the-webhook\n', 'pagerduty-routing-key': 'key-of-pagerduty\n' },
  }));
  await eventually(async () => expect((await fetch(`${url}/-/ready`)).status).toBe(200));
});

async function tell(alerts: readonly Labels[], endsAt?: Date, summaryOf = (_: Labels) => 'The summary'): Promise<void> {
  const annotations = { description: 'What it is', runbook_url: 'https://runbook.example' };
  const body = alerts.map((labels) => ({
    labels,
    annotations: { ...annotations, summary: summaryOf(labels) },
    ...(endsAt === undefined ? {} : { endsAt }),
  }));
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(200);
}

/** The message about an alert at a path, once it has come. */
const messageTo = (path: string, alertname: string, state: string) =>
  eventually(() => {
    const found = received.find((message) => {
      const text = JSON.stringify(message.body);
      return message.path === path && text.includes(`"${alertname}`) && text.includes(`"${state}"`);
    });
    if (found === undefined) throw new Error(`nothing of ${alertname} at ${path}`);
    return found;
  });

const appDown = { alertname: 'AppDown', severity: 'critical', job: 'app' };

test('what is critical goes to the webhook and to PagerDuty, and so does its end', async () => {
  await tell([appDown]);
  const toWebhook = await messageTo('/alerts', 'AppDown', 'firing');
  expect(toWebhook.authorization).toBe('Bearer token-of-the-webhook');
  expect(toWebhook.body).toMatchObject({ status: 'firing', receiver: 'webhook', commonLabels: appDown });
  const toPagerDuty = await messageTo('/pagerduty', 'AppDown', 'trigger');
  expect(toPagerDuty.body).toMatchObject({
    routing_key: 'key-of-pagerduty',
    event_action: 'trigger',
    payload: {
      summary: 'AppDown: The summary',
      severity: 'critical',
      custom_details: { description: 'What it is ', runbook: 'https://runbook.example' },
    },
  });

  await tell([appDown], new Date());
  expect((await messageTo('/alerts', 'AppDown', 'resolved')).body).toMatchObject({ commonLabels: appDown });
  const over = await messageTo('/pagerduty', 'AppDown', 'resolve');
  expect(over.body).toMatchObject({ event_action: 'resolve', dedup_key: toPagerDuty.body.dedup_key });
});

test('a page of two alerts has a summary, though their annotations differ', async () => {
  const lost = (integration: string) => ({
    alertname: 'NotificationsFail',
    severity: 'critical',
    job: 'b',
    integration,
  });
  await tell([lost('email'), lost('slack')], undefined, ({ integration }) => `by ${integration}`);
  const { body } = await messageTo('/pagerduty', 'NotificationsFail', 'trigger');
  expect(body).toMatchObject({
    payload: { summary: expect.stringMatching(/^NotificationsFail: by (email|slack) \(2 alerts\)$/) },
  });
});

test('a warning goes to the webhook only, all of its kind in one message', async () => {
  const warning = (instance: string) => ({ alertname: 'TargetDown', severity: 'warning', job: 'other', instance });
  await tell([warning('a'), warning('b')]);
  const { body } = await messageTo('/alerts', 'TargetDown', 'firing');
  expect(body.alerts).toHaveLength(2);
  expect(
    received.filter(({ path, body }) => path === '/pagerduty' && JSON.stringify(body).includes('TargetDown')),
  ).toEqual([]);
});

test('the dead man’s switch goes to a receiver of its own', async () => {
  await tell([{ alertname: 'Watchdog', severity: 'none' }]);
  const { authorization } = await messageTo('/watchdog', 'Watchdog', 'firing');
  expect(authorization).toBe('Bearer token-of-the-webhook');
});

const burning = (speed: 'Fast' | 'Slowly', slo: string): Labels => ({
  alertname: `BudgetBurns${speed}`,
  severity: speed === 'Fast' ? 'critical' : 'warning',
  job: 'app',
  slo,
});
const lags = { alertname: 'EventLoopLags', severity: 'warning', job: 'app', instance: 'app:8000' };
const inhibitions: [name: string, source: Labels, target: Labels, state: string][] = [
  ['a slow burn while the fast one fires', burning('Fast', 'latency'), burning('Slowly', 'latency'), 'suppressed'],
  ['not one of another objective', burning('Fast', 'latency'), burning('Slowly', 'availability'), 'active'],
  ['not what is no burn', burning('Fast', 'latency'), lags, 'active'],
  ['what else the service has while it is down', appDown, lags, 'suppressed'],
  ['not in another namespace', { ...appDown, namespace: 'staging' }, { ...lags, namespace: 'production' }, 'active'],
  ['not what others have', appDown, { ...lags, job: 'other' }, 'active'],
];
test.for(inhibitions)('kept still: %s', async ([, source, target, state]) => {
  await tell([source, target]);
  await eventually(async () => {
    const known = (await (await fetch(`${url}/api/v2/alerts`)).json()) as Known[];
    const found = known.find(({ labels }) => JSON.stringify(labels) === JSON.stringify(sorted(target)));
    expect(found?.status.state).toBe(state);
  });
  await tell([source, target], new Date());
});

const sorted = (labels: Labels) => Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

test('without its credentials it starts, and counts what it could not send', async () => {
  // It tries again for as long as a group's interval, and at least ten seconds, before it counts a failure.
  const bare = await startAlertmanager({
    changes: [
      ['group_wait: 30s', 'group_wait: 0s'],
      ['group_interval: 5m', 'group_interval: 1s'],
    ],
  });
  await eventually(async () => expect((await fetch(`${bare.url}/-/ready`)).status).toBe(200));
  await fetch(`${bare.url}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify([{ labels: appDown }]),
  });
  await eventually(async () => {
    const metrics = await (await fetch(`${bare.url}/metrics`)).text();
    const failed = [...metrics.matchAll(/^alertmanager_notifications_failed_total\{.*integration="(\w+)".*\} [1-9]/gm)];
    expect(failed.map(([, integration]) => integration).sort()).toEqual(['pagerduty', 'webhook']);
  });
});
