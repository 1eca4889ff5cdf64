// Smoke deploys for real: the image that was built, nginx, Prometheus and Alertmanager as services of a session, and an alarm that goes
// off. Then what is wrong with the files, one thing at a time: said in a sentence, with its place, and nothing stays.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { parseJunit } from '../../src/core/junit.ts';
import type { SmokeRow } from '../../src/core/model.ts';
import { PINS } from '../../src/pins.ts';
import { traces } from './processes.ts';
import { ci, copyOfRepository, type Ran, resultOf, whileEdited } from './support.ts';

let repository: string;
let before: ReturnType<typeof traces>;
let green: Ran;
beforeAll(async () => {
  repository = await copyOfRepository('smoke');
  before = traces();
  green = await ci(repository, ['smoke', '--verbose']);
});

const rowsOf = (ran: Ran): SmokeRow[] => resultOf(ran).smoke?.rows ?? [];
const named = (ran: Ran, name: string) => rowsOf(ran).find((row) => row.name === name);

describe('on this repository', () => {
  test('everything that can be had here holds', () => {
    expect(green.exitCode, green.stdout).toBe(0);
    expect(rowsOf(green).filter(({ status }) => status === 'failed')).toEqual([]);
    // Grafana has no substitute: where no registry answers, its rows say so.
    const missing = rowsOf(green).filter(({ status }) => status === 'not evaluated');
    for (const { name } of missing) expect(name).toMatch(/grafana/i);
    expect(rowsOf(green).length - missing.length).toBeGreaterThanOrEqual(24);
  });

  const proved: [name: string, detail: RegExp][] = [
    ['The rules do as their tests say', /SUCCESS/],
    ['nginx is healthy', /its own check says so/],
    ['/metrics through nginx', /^404, application\/problem\+json$/],
    ['Prometheus sees every target up', /^alertmanager, app, prometheus$/],
    ['Requests are in its data within two scrapes', /^5 requests, with scrape [12] after them$/],
    ['Every dashboard’s query answers', /^\d\d queries$/],
    ['A request in flight is answered while the service ends', /^HTTP\/1\.1 200 OK$/],
    ['A restart loses no request but while there is no service', /^\d+ requests, /],
    ['AppDown, firing, is sent to webhook', /alertname=AppDown .*severity=critical/],
    ['AppDown, firing, is sent to pagerduty', /^trigger: AppDown: The service cannot be scraped$/],
    ['AppDown, resolved, is sent to webhook', /alertname=AppDown .*job=app/],
    ['AppDown, resolved, is sent to pagerduty', /^resolve/],
  ];
  test.for(proved)('%s', ([name, detail]) => {
    expect(named(green, name)).toMatchObject({ status: 'passed', detail: expect.stringMatching(detail) });
  });

  test('what runs is what was built, and knows its commit', async () => {
    const commit = (await $({ cwd: repository })`git rev-parse HEAD`).stdout.trim();
    const { image, smoke } = resultOf(green);
    expect(smoke?.image).toBe(image?.digest);
    expect(named(green, '/version through nginx')?.detail).toContain(image?.digest);
    expect(readFileSync(join(green.output, 'logs/smoke-paths.log'), 'utf8')).toContain(image?.digest);
    expect(green.stdout).toContain(`--commit ${commit}`);
  });

  test('what a session does not enforce is noted', () => {
    const keys = resultOf(green).smoke?.noted.map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining(['read_only', 'cap_drop', 'restart', 'deploy', 'security_opt']));
    expect(readFileSync(join(green.output, 'summary.md'), 'utf8')).toContain('- `read_only` of app, nginx, ');
  });

  test('every row is on the terminal, in JUnit and in the summary; every service’s log is kept', () => {
    const cases = parseJunit(readFileSync(join(green.output, 'junit.xml'), 'utf8'));
    const summary = readFileSync(join(green.output, 'summary.md'), 'utf8');
    for (const { name } of rowsOf(green)) {
      expect(green.stdout).toContain(` ${name} · `);
      expect(cases.map((one) => one.name)).toContain(name);
      expect(summary).toContain(`| ${name} |`);
    }
    for (const name of ['app', 'nginx', 'prometheus', 'alertmanager'])
      expect(existsSync(join(green.output, `logs/smoke-${name}.log`)), name).toBe(true);
    expect(readFileSync(join(green.output, 'logs/smoke-app.log'), 'utf8')).toMatch(/"event":"stopped"/);
  });

  test('nothing stays', () => expect(traces()).toEqual(before));
});

type Change = (text: string) => string;
const replaced =
  (from: string, to: string): Change =>
  (text) =>
    text.replace(from, to);

const COMPOSE = 'docker-compose.yml';
const RULES = 'monitoring/prometheus/rules/alerts.yml';

/** A run on files with something wrong in them, with the image that is there; the files are fixed afterwards. */
const wrongly = (changes: Readonly<Record<string, Change>>, args: readonly string[] = []): Promise<Ran> =>
  whileEdited(repository, changes, () => ci(repository, ['smoke', '--image', 'out/image.tar', ...args]));

describe('a file that cannot be carried out', () => {
  const faults: [name: string, change: Change, fault: RegExp][] = [
    [
      'an unknown key',
      replaced('    depends_on:', '    depend_on:'),
      /docker-compose\.yml:\d+: there is no "services\.nginx\.depend_on"; did you mean depends_on\?/,
    ],
    [
      'an undefined variable',
      replaced('${LOG_LEVEL:-info}', '${LOG_LEVEL}'),
      /docker-compose\.yml:\d+: LOG_LEVEL is not defined; give it a value, or write \$\{LOG_LEVEL:-default\}/,
    ],
    [
      'a key that is refused',
      replaced('    stop_grace_period: 15s', '    privileged: true'),
      /docker-compose\.yml:\d+: services\.app\.privileged cannot be carried out; leave it out/,
    ],
    [
      'a missing file',
      replaced('./nginx/templates:', './nginx/nothing:'),
      /docker-compose\.yml:\d+: services\.nginx\.volumes names \.\/nginx\/nothing, which is not there/,
    ],
    [
      'an image that is not pinned',
      replaced('nginx-unprivileged:1.30.5', 'nginx-unprivileged:1.30.4'),
      /services\.nginx\.image is docker\.io\/nginxinc\/nginx-unprivileged:1\.30\.4-alpine@\S+, which is not pinned/,
    ],
  ];
  test.for(faults)('%s', async ([, change, fault]) => {
    const ran = await wrongly({ [COMPOSE]: change });
    expect(ran.stdout).toMatch(fault);
    expect(ran.stdout).toMatch(/^hint: /m);
    expect(ran.exitCode).toBe(2);
    expect(resultOf(ran).error?.code).toBe('BAD_COMPOSE');
  });
});

describe('a deployment that does not work', () => {
  const rows: [name: string, changes: Record<string, Change>, row: string, detail: RegExp][] = [
    [
      'a rule file that promtool refuses',
      { [RULES]: replaced('expr: up{job!="app"} == 0', 'expr: up{job!="app"} === 0') },
      'promtool accepts the rules',
      /exit 1\n(.|\n)*alerts\.yml/,
    ],
    [
      'an Alertmanager without receivers',
      { 'monitoring/alertmanager/config.yml': (text) => text.replace(/^receivers:\n(.|\n)*/m, 'receivers: []\n') },
      'amtool accepts the configuration',
      /exit 1\n(.|\n)*receiver/,
    ],
    [
      'an nginx that refuses its configuration',
      { 'nginx/templates/default.conf.template': replaced('proxy_read_timeout', 'proxy_reed_timeout') },
      'nginx accepts its configuration',
      /unknown directive "proxy_reed_timeout"/,
    ],
    [
      'a service that is not healthy: its last words',
      {
        [COMPOSE]: (text) =>
          text
            .replace('      PORT: "8000"', '      PORT: "8000"\n      HOST: 127.0.0.2')
            .replace('retries: 3, start_period: 10s', 'retries: 1, start_period: 0s'),
      },
      'app is healthy',
      /^not within 8 s; it listens to 127\.0\.0\.2:8000; it last said:\n.*"event":"listening","host":"127\.0\.0\.2"/,
    ],
    [
      'a service that ends at once',
      { [COMPOSE]: replaced('LOG_LEVEL: ${LOG_LEVEL:-info}', 'LOG_LEVEL: loud') },
      'app is healthy',
      /LOG_LEVEL is "loud"; allowed: info, warn, error/,
    ],
  ];
  test.for(rows)('%s', async ([, changes, name, detail]) => {
    const ran = await wrongly(changes);
    expect(ran.stderr).toBe('');
    expect(named(ran, name), ran.stdout).toMatchObject({ status: 'failed', detail: expect.stringMatching(detail) });
    expect(ran.stdout).toMatch(new RegExp(`^ {4}FAIL  ${name} · `, 'm'));
    expect(ran.exitCode).toBe(1);
    expect(traces()).toEqual(before);
  });
});

test('an image that is not available: what needs it is not evaluated, and strictly that fails', async () => {
  const { digest } = PINS.nginx;
  const other = (text: string) => text.replaceAll(digest, `sha256:${'0'.repeat(64)}`);
  const ran = await wrongly({ [COMPOSE]: other, 'pipeline/src/pins.ts': other }, ['--offline', '--strict']);
  expect(named(ran, 'nginx is healthy'), ran.stdout).toMatchObject({ status: 'not evaluated' });
  expect(named(ran, 'The four paths through nginx')).toMatchObject({ status: 'not evaluated' });
  expect(named(ran, 'AppDown, firing, is sent to webhook')).toMatchObject({ status: 'passed' });
  expect(ran.stdout).toMatch(/^NOT EVALUATED smoke .*nginx is healthy/m);
  expect(ran.exitCode).toBe(1);
});
