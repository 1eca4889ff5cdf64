// What the probes make of answers, row by row.
import { expect, test } from 'vitest';
import { eventOf, labelsOf } from '../../src/probes/alerts.ts';
import { queriesOf, runtimeOf, scrapesUntil } from '../../src/probes/metrics.ts';
import { judge as judgePath } from '../../src/probes/paths.ts';
import type { Message } from '../../src/probes/receiver.ts';
import { judge as judgeRestart, type Outcome } from '../../src/probes/restart.ts';

const deployed = { commit: 'abc', built: '', digest: 'sha256:1' };
const headers = {
  'content-type': 'application/json; charset=utf-8',
  'x-request-id': 'smoke.1',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  server: 'nginx',
};
const version = { commit: 'abc', built: null, digest: 'sha256:1' };
const answer = (body: unknown, over: object = {}, status = 200) => ({
  status,
  headers: { ...headers, ...over },
  text: JSON.stringify(body),
});

test('the version that was deployed is right', () => {
  expect(judgePath('/version', answer(version), deployed)).toBe('200, application/json, sha256:1');
});

const wrong: [name: string, path: string, answer: ReturnType<typeof answer>, fault: string][] = [
  ['a status', '/', answer({}, {}, 502), 'it answers 502, not 200'],
  ['metrics for everybody', '/metrics', answer({}), 'it answers 200, not 404'],
  ['a header', '/', answer({}, { 'x-frame-options': undefined }), 'its header x-frame-options is missing, not DENY'],
  ['a header twice', '/', answer({}, { 'x-content-type-options': 'nosniff, nosniff' }), 'not nosniff'],
  ['the version of nginx', '/', answer({}, { server: 'nginx/1.30.5' }), 'its header server is nginx/1.30.5, not nginx'],
  ['a type', '/health', answer({ status: 'ok' }, { 'content-type': 'text/plain' }), 'its content type is text/plain'],
  ['a body', '/health', answer({ status: 'draining' }), 'it says that status is "draining", not "ok"'],
  ['another commit', '/version', answer({ ...version, commit: 'def' }), 'it says that commit is "def", not "abc"'],
  ['another image', '/version', answer({ ...version, digest: null }), 'it says that digest is null, not "sha256:1"'],
];
test.for(wrong)('%s is wrong', ([, path, given, fault]) => {
  expect(() => judgePath(path, given, deployed)).toThrow(fault);
});

/** A request each second; the service is back after two of them. */
const BACK_MS = 2000;
const eachSecond = (answers: readonly Outcome['answer'][]) =>
  answers.map((answer, second): Outcome => ({ answer, atMs: second * 1000 }));
const restarts: [answers: Outcome['answer'][], said: string][] = [
  [[200, 200], '2 requests, all answered 200'],
  [[200, 502, 504, 200], '4 requests, none cut off; 2 were answered 502 while there was no service'],
  // One worker of nginx knows the new address before the other.
  [[200, 502, 200, 502, 200, 502, 200], '7 requests, none cut off; 3 were answered 502 while there was no service'],
];
test.for(restarts)('a restart: %j', ([answers, said]) => expect(judgeRestart(eachSecond(answers), BACK_MS)).toBe(said));

const losses: [answers: Outcome['answer'][], fault: string][] = [
  [[200, 'socket hang up', 200], '1 of 3 requests had no answer: socket hang up'],
  [[200, 500, 200], 'a request was answered 500'],
  [[200, 502, 200, 200, 200, 200, 502], '1 requests were refused more than 3 s after the service was back'],
];
test.for(losses)('a loss: %j', ([answers, fault]) =>
  expect(() => judgeRestart(eachSecond(answers), BACK_MS)).toThrow(fault),
);

const samples = (...values: [number, string][]) => [{ metric: {}, values }];
test('with which scrape after it something is seen', () => {
  expect(scrapesUntil(samples([1, '5'], [2, '5'], [3, '8']), 1.5, 8)).toBe(2);
  expect(() => scrapesUntil(samples([1, '5'], [2, '7']), 1.5, 8)).toThrow('1 scrapes after');
});

test('queries are found in rows and panels, with values for Grafana’s variables', () => {
  const panels = [
    { title: 'a', targets: [{ expr: 'rate(x[$__rate_interval])' }, { refId: 'text' }] },
    { title: 'row', panels: [{ title: 'b', targets: [{ expr: 'y' }] }] },
  ];
  expect(queriesOf({ panels })).toEqual([
    ['a', 'rate(x[1m])'],
    ['b', 'y'],
  ]);
});

const runtimes: [query: string, runtime: string | undefined][] = [
  ['nodejs_eventloop_lag_p99_seconds{job="app"}', 'nodejs'],
  ['sum(rate(go_gc_duration_seconds_count[5m]))', 'go'],
  ['rate(process_cpu_seconds_total{job="app"}[1m])', undefined],
  ['sum by (route) (rate(http_requests_total{route!~"/go_on|/metrics"}[1m]))', undefined],
];
test.for(runtimes)('whose metrics it asks for: %s', ([query, runtime]) => expect(runtimeOf(query)).toBe(runtime));

const message = (body: unknown): Message => ({ path: '/x', authorization: null, body });

test('a webhook’s message carries the labels of the alert in its state', () => {
  const labels = { alertname: 'AppDown', job: 'app' };
  const told = message({ status: 'firing', alerts: [{ status: 'firing', labels }] });
  expect(labelsOf(told, 'AppDown', 'firing')).toEqual(labels);
  expect(labelsOf(told, 'AppDown', 'resolved')).toBeUndefined();
  expect(labelsOf(told, 'Watchdog', 'firing')).toBeUndefined();
});

test('PagerDuty’s incident ends by the key with which it began', () => {
  const trigger = { event_action: 'trigger', dedup_key: '1', payload: { summary: 'AppDown: it is gone' } };
  const other = { event_action: 'resolve', dedup_key: '2' };
  const end = { event_action: 'resolve', dedup_key: '1' };
  expect(eventOf([message(trigger)], 'AppDown', 'firing')).toEqual(trigger);
  expect(eventOf([message(trigger), message(other)], 'AppDown', 'resolved')).toBeUndefined();
  expect(eventOf([message(trigger), message(other), message(end)], 'AppDown', 'resolved')).toEqual(end);
});
