// What the dashboards show. `npm run dashboards` writes them to dashboards/, from where Grafana is provisioned.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Dashboard, render, type Step } from './panels.ts';

/** The same that the objectives count: monitoring/prometheus/rules/slo.yml. */
const USERS = 'job="app", route!~"/health|/metrics"';
const APP = 'job="app"';

const quantile = (q: number) =>
  `histogram_quantile(${q}, sum by (le) (rate(http_request_duration_seconds_bucket{${USERS}}[$__rate_interval])))`;

/** Red while nothing is left, orange below a quarter. */
const BUDGET: readonly Step[] = [
  { from: null, color: 'red' },
  { from: 0, color: 'orange' },
  { from: 0.25, color: 'green' },
];
/** A ratio that may be at most this. */
const atMost = (limit: number): readonly Step[] => [
  { from: null, color: 'green' },
  { from: limit, color: 'red' },
];

/** What the burn-rate alerts look at, in alerts.yml. */
const BURNS: readonly Step[] = [
  { from: null, color: 'green' },
  { from: 6, color: 'orange' },
  { from: 14.4, color: 'red' },
];

const WINDOWS = ['5m', '1h', '6h', '3d'] as const;
const burnRates = (series: string, budget: number) =>
  WINDOWS.map((window) => ({ expr: `${series}:ratio${window} / ${budget}`, legend: window }));

export const DASHBOARDS: readonly Dashboard[] = [
  {
    uid: 'service',
    title: 'Service',
    since: '1h',
    rows: [
      {
        title: 'Now',
        panels: [
          {
            kind: 'labels',
            title: 'Deployed',
            width: 12,
            columns: ['version', 'commit', 'digest', 'node_version'],
            queries: [{ expr: `app_build_info{${APP}}` }],
          },
          {
            kind: 'figure',
            title: 'Instances up',
            unit: 'none',
            width: 4,
            steps: [
              { from: null, color: 'red' },
              { from: 1, color: 'green' },
            ],
            queries: [{ expr: `sum(up{${APP}})` }],
          },
          {
            kind: 'figure',
            title: 'Requests',
            unit: 'reqps',
            width: 4,
            queries: [{ expr: 'sum(job:http_requests:rate5m)' }],
          },
          {
            kind: 'figure',
            title: 'Failed',
            unit: 'percentunit',
            width: 4,
            decimals: 2,
            steps: atMost(0.005),
            queries: [{ expr: 'job:http_requests_failed:ratio5m' }],
          },
        ],
      },
      {
        title: 'Requests',
        panels: [
          {
            kind: 'graph',
            title: 'By route',
            unit: 'reqps',
            width: 8,
            stacked: true,
            queries: [
              { expr: `sum by (route) (rate(http_requests_total{${USERS}}[$__rate_interval]))`, legend: '{{route}}' },
            ],
          },
          {
            kind: 'graph',
            title: 'By status',
            unit: 'reqps',
            width: 8,
            stacked: true,
            queries: [
              {
                expr: `sum by (status_code) (rate(http_requests_total{${USERS}}[$__rate_interval]))`,
                legend: '{{status_code}}',
              },
            ],
          },
          {
            kind: 'graph',
            title: 'Failed and refused',
            description: 'Of all requests: 5xx, and 4xx without 499 (the client left).',
            unit: 'percentunit',
            width: 8,
            queries: [
              { expr: 'job:http_requests_failed:ratio5m', legend: '5xx' },
              {
                expr:
                  `(sum(rate(http_requests_total{${USERS}, status_code=~"4..", status_code!="499"}[$__rate_interval])) or vector(0))` +
                  ` / (sum(rate(http_requests_total{${USERS}}[$__rate_interval])) > 0)`,
                legend: '4xx',
              },
            ],
          },
        ],
      },
      {
        title: 'Latency',
        panels: [
          {
            kind: 'graph',
            title: 'Percentiles',
            description: 'The objective is 250 ms.',
            unit: 's',
            width: 12,
            limits: atMost(0.25),
            queries: [
              { expr: quantile(0.5), legend: 'p50' },
              { expr: quantile(0.95), legend: 'p95' },
              { expr: quantile(0.99), legend: 'p99' },
            ],
          },
          {
            kind: 'heat map',
            title: 'Distribution',
            unit: 's',
            width: 12,
            queries: [
              {
                expr: `sum by (le) (increase(http_request_duration_seconds_bucket{${USERS}}[$__rate_interval]))`,
                legend: '{{le}}',
              },
            ],
          },
        ],
      },
      {
        title: 'Saturation',
        panels: [
          {
            kind: 'graph',
            title: 'Event-loop lag',
            unit: 's',
            width: 6,
            queries: [
              { expr: `nodejs_eventloop_lag_p50_seconds{${APP}}`, legend: 'p50' },
              { expr: `nodejs_eventloop_lag_p99_seconds{${APP}}`, legend: 'p99' },
            ],
          },
          {
            kind: 'graph',
            title: 'Processor',
            description: 'Seconds a second; the container may have 1.',
            unit: 'percentunit',
            width: 6,
            queries: [{ expr: `rate(process_cpu_seconds_total{${APP}}[$__rate_interval])`, legend: 'processor' }],
          },
          {
            kind: 'graph',
            title: 'Memory',
            description: 'The container may have 256 MiB.',
            unit: 'bytes',
            width: 6,
            limits: atMost(256 * 1024 * 1024),
            queries: [
              { expr: `process_resident_memory_bytes{${APP}}`, legend: 'resident' },
              { expr: `nodejs_heap_size_used_bytes{${APP}}`, legend: 'heap' },
            ],
          },
          {
            kind: 'graph',
            title: 'In flight',
            unit: 'short',
            width: 6,
            queries: [
              { expr: `http_requests_in_flight{${APP}}`, legend: 'requests' },
              { expr: `process_open_fds{${APP}}`, legend: 'open files' },
            ],
          },
        ],
      },
    ],
  },
  {
    uid: 'slo',
    title: 'Objectives and error budgets',
    since: '7d',
    rows: [
      {
        title: 'Availability: 99.5 % of requests succeed, over 30 days',
        panels: [
          {
            kind: 'figure',
            title: 'Availability: budget left',
            unit: 'percentunit',
            width: 4,
            steps: BUDGET,
            queries: [{ expr: 'job:slo_availability:budget_left' }],
          },
          {
            kind: 'figure',
            title: 'Failed in three days',
            unit: 'percentunit',
            width: 4,
            decimals: 2,
            steps: atMost(0.005),
            queries: [{ expr: 'job:http_requests_failed:ratio3d' }],
          },
          {
            kind: 'graph',
            title: 'Availability: burn rate',
            description: 'At 1 the budget lasts 30 days. Wakes somebody at 14.4 over 1 h, or 6 over 6 h.',
            unit: 'short',
            width: 10,
            limits: BURNS,
            queries: burnRates('job:http_requests_failed', 0.005),
          },
          {
            kind: 'graph',
            title: 'Availability: budget over time',
            unit: 'percentunit',
            width: 6,
            max: 1,
            queries: [{ expr: 'job:slo_availability:budget_left', legend: 'left' }],
          },
        ],
      },
      {
        title: 'Latency: 99 % of requests are answered within 250 ms, over 30 days',
        panels: [
          {
            kind: 'figure',
            title: 'Latency: budget left',
            unit: 'percentunit',
            width: 4,
            steps: BUDGET,
            queries: [{ expr: 'job:slo_latency:budget_left' }],
          },
          {
            kind: 'figure',
            title: 'Slow in three days',
            unit: 'percentunit',
            width: 4,
            decimals: 2,
            steps: atMost(0.01),
            queries: [{ expr: 'job:http_requests_slow:ratio3d' }],
          },
          {
            kind: 'graph',
            title: 'Latency: burn rate',
            description: 'At 1 the budget lasts 30 days. Wakes somebody at 14.4 over 1 h, or 6 over 6 h.',
            unit: 'short',
            width: 10,
            limits: BURNS,
            queries: burnRates('job:http_requests_slow', 0.01),
          },
          {
            kind: 'graph',
            title: 'Latency: budget over time',
            unit: 'percentunit',
            width: 6,
            max: 1,
            queries: [{ expr: 'job:slo_latency:budget_left', legend: 'left' }],
          },
        ],
      },
      {
        title: 'Alerts',
        panels: [
          {
            kind: 'labels',
            title: 'Firing and pending',
            width: 24,
            columns: ['alertname', 'alertstate', 'severity', 'job', 'slo'],
            queries: [{ expr: 'ALERTS' }],
          },
        ],
      },
    ],
  },
];

/** The file of a dashboard, and the text that belongs into it. */
export function fileOf(dashboard: Dashboard): { path: string; text: string } {
  const path = fileURLToPath(new URL(`./dashboards/${dashboard.uid}.json`, import.meta.url));
  return { path, text: `${JSON.stringify(render(dashboard), null, 2)}\n` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of DASHBOARDS.map(fileOf)) writeFileSync(path, text);
}
