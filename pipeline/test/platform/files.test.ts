// The platform's files say in several places what must be the same: images and pins, limits and alerts, alerts and their
// runbooks and tests, dashboards and what they are made from.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DASHBOARDS, fileOf } from '../../../monitoring/grafana/dashboards.ts';
import { type PinName, pinned } from '../../src/pins.ts';
import { queriesOf } from '../../src/probes/metrics.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, group = '']) => group);

const compose = read('docker-compose.yml');
const template = read('nginx/templates/default.conf.template');
const alerts = read('monitoring/prometheus/rules/alerts.yml');
const alertTests = read('monitoring/prometheus/tests/alerts.yml');
const ALERTS = matches(alerts, /- alert: (\w+)/g);

/** The lines of a service in docker-compose.yml. */
const service = (name: string) => new RegExp(`^ {2}${name}:\\n((?: {3,}.*\\n|\\n)+)`, 'm').exec(compose)?.[1] ?? '';

for (const name of ['nginx', 'prometheus', 'alertmanager', 'grafana'] satisfies PinName[]) {
  test(`${name} is the pinned image`, () => expect(service(name)).toContain(`    image: ${pinned(name)}\n`));
}

test('every image but the service’s is there by its digest', () => {
  const images = matches(compose, /^ {4}image: (.+)$/gm);
  expect(images).toHaveLength(5);
  expect(images.filter((image) => !/@sha256:[0-9a-f]{64}$/.test(image))).toEqual([
    '${APP_IMAGE:-localhost/drydock-service:built}',
  ]);
});

test('only nginx is published beyond the loopback address', () => {
  const ports = matches(compose, /^ {6}- "([^"]+:\d+)"$/gm);
  expect(ports).toHaveLength(4);
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual(['${HTTP_PORT:-8080}:8080']);
});

test('the template has these variables, and only they are rendered', () => {
  const variables = new Set(matches(template, /\$\{(\w+)\}/g));
  expect([...variables].sort()).toEqual([
    'NGINX_RESOLVER',
    'NGINX_STREAM_PATHS',
    'NGINX_TRUSTED_PROXIES',
    'NGINX_UPSTREAM',
  ]);
  const filter = /NGINX_ENVSUBST_FILTER: "(.+)"/.exec(service('nginx'))?.[1] ?? '';
  for (const name of variables) expect(name).toMatch(new RegExp(filter.replaceAll('$$', '$')));
});

test('the alert on memory, its text, its dashboard and its runbook know the container’s limit', () => {
  expect(service('app')).toContain('memory: 256M');
  expect(alerts).toContain('0.85 * 256 * 1024 * 1024');
  for (const path of [
    'monitoring/prometheus/rules/alerts.yml',
    'monitoring/runbooks.md',
    'monitoring/grafana/dashboards.ts',
  ])
    expect(read(path)).toContain('256 MiB');
});

test('there are alerts', () => expect(ALERTS.length).toBeGreaterThan(10));

for (const name of ALERTS) {
  test(`${name} has a runbook, a row in the documentation, a case that fires and one that does not`, () => {
    const rule = alerts.split('- alert: ').find((part) => part.startsWith(`${name}\n`)) ?? '';
    const severity = /severity: (\w+)/.exec(rule)?.[1];
    expect(rule).toContain(`/monitoring/runbooks.md#${name.toLowerCase()}\n`);
    expect(read('monitoring/runbooks.md')).toContain(`\n## ${name}\n`);
    expect(read('monitoring/README.md')).toMatch(
      new RegExp(`^\\| \\[${name}\\]\\(runbooks\\.md#${name.toLowerCase()}\\) +\\| ${severity} +\\|`, 'm'),
    );
    expect(alertTests).toContain(`- name: "${name} fires: `);
    if (name !== 'Watchdog') expect(alertTests).toContain(`- name: "${name} does not: `);
  });
}

test('no runbook is left over', () => {
  expect(matches(read('monitoring/runbooks.md'), /^## (\w+)$/gm).sort()).toEqual([...ALERTS].sort());
});

for (const dashboard of DASHBOARDS) {
  test(`dashboard ${dashboard.uid} is current (else: npm run dashboards)`, () => {
    const { path, text } = fileOf(dashboard);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
}

test('no two panels of a dashboard have the same title', () => {
  for (const { rows } of DASHBOARDS) {
    const titles = rows.flatMap(({ panels }) => panels.map(({ title }) => title));
    expect(titles).toEqual([...new Set(titles)]);
  }
});

test('the limits that dashboards draw are those that alerts have', () => {
  const limits = DASHBOARDS.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels)).flatMap((panel) =>
    panel.kind === 'graph' ? (panel.limits ?? []).flatMap(({ from }) => from ?? []) : [],
  );
  expect(limits).toEqual([0.25, 256 * 1024 * 1024, 6, 14.4, 6, 14.4]);
  for (const limit of ['14.4 * ', '> 6 * ', '256 * 1024 * 1024']) expect(alerts).toContain(limit);
  expect(read('monitoring/prometheus/rules/slo.yml')).toContain('le="0.25"');
});

test('no dashboard is left over', () => {
  const files = readdirSync(join(ROOT, 'monitoring/grafana/dashboards')).sort();
  expect(files).toEqual(DASHBOARDS.map(({ uid }) => `${uid}.json`).sort());
});

test('the page of the dashboards shows every query with what it returned, and no other', () => {
  const folder = 'monitoring/grafana/dashboards';
  const asked = readdirSync(join(ROOT, folder)).flatMap((file) =>
    queriesOf(JSON.parse(read(join(folder, file)))).map(([panel, query]) => `${panel} | \`${query}\``),
  );
  const page = read('monitoring/grafana/README.md').replaceAll('\\|', '|');
  const rows = matches(page, /^\| (.+ \| `.+`) \| [1-9]\d* \| .*\d \|$/gm);
  expect(rows).toEqual(asked);
});
