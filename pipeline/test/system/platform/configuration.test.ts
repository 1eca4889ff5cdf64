// The tools' own word on the platform's files: promtool on rules and their tests, amtool on routes, Docker Compose on its file.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { USUAL } from '../../../src/core/subject-file.ts';
import { debianProgram } from '../packages.ts';
import { ROOT, temporaryFolder } from '../support.ts';
import { compose } from './compose.ts';
import { ALERTMANAGER, PROMETHEUS } from './neighbours.ts';

const run = $({ cwd: join(ROOT, 'monitoring'), nothrow: true, quiet: true });
const CONFIG = 'alertmanager/config.yml';
let promtool: string;
let amtool: string;
beforeAll(async () => {
  promtool = await debianProgram(PROMETHEUS, 'promtool');
  amtool = await debianProgram(ALERTMANAGER, 'amtool');
});

describe('promtool', () => {
  test('accepts configuration and rules', async () => {
    const { exitCode, stdout, stderr } = await run`${promtool} check config prometheus/prometheus.yml`;
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('2 rule files found');
  });

  for (const name of ['alerts', 'slo']) {
    test(`finds that ${name} do as their cases say`, async () => {
      const { exitCode, stdout, stderr } = await run`${promtool} test rules ${`prometheus/tests/${name}.yml`}`;
      expect(exitCode, stdout + stderr).toBe(0);
    });
  }
});

describe('amtool', () => {
  test('accepts the configuration', async () => {
    const { exitCode, stdout, stderr } = await run`${amtool} check-config ${CONFIG}`;
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('3 receivers');
  });

  const routes: [labels: string[], receivers: string][] = [
    [['alertname=AppDown', 'severity=critical', 'job=app'], 'pagerduty,webhook'],
    [['alertname=AvailabilityBudgetBurnsFast', 'severity=critical', 'slo=availability'], 'pagerduty,webhook'],
    [['alertname=AvailabilityBudgetBurnsSlowly', 'severity=warning', 'slo=availability'], 'webhook'],
    [['alertname=NoTraffic', 'severity=warning'], 'webhook'],
    [['alertname=Watchdog', 'severity=none'], 'dead-mans-switch'],
    // Nobody said how bad it is: it is told all the same.
    [['alertname=Unknown'], 'webhook'],
  ];
  test.for(routes)('%s goes to %s', async ([labels, receivers]) => {
    const { exitCode, stdout, stderr } = await run`${amtool} config routes test --config.file ${CONFIG} ${labels}`;
    expect([exitCode, stdout.trim()], stderr).toEqual([0, receivers]);
  });
});

describe('docker compose', () => {
  type Service = {
    image: string;
    ports?: { host_ip?: string; published: string; target: number }[];
    depends_on?: Record<string, { condition: string }>;
    healthcheck?: unknown;
    restart?: string;
    read_only?: boolean;
    cap_drop?: string[];
    deploy?: { resources: { limits: Record<string, unknown> } };
    environment?: Record<string, string>;
    networks: Record<string, unknown>;
  };
  let docker: Awaited<ReturnType<typeof compose>>;
  let services: Record<string, Service>;
  beforeAll(async () => {
    docker = await compose();
    const { stdout, stderr, exitCode } = await docker(['config', '--format', 'json'], { APP_IMAGE: 'service:1' });
    expect([exitCode, stderr]).toEqual([0, '']);
    services = JSON.parse(stdout).services;
  });

  test('accepts the file', () => {
    expect(Object.keys(services).sort()).toEqual(['alertmanager', 'app', 'grafana', 'nginx', 'prometheus']);
    expect(services.app?.image).toBe('service:1');
    expect(services.app?.environment?.PORT).toBe(String(USUAL.port));
  });

  for (const name of ['app', 'nginx', 'prometheus', 'alertmanager', 'grafana']) {
    test(`${name} is checked, limited, restarted, and may do little`, () => {
      expect(services[name]).toMatchObject({
        healthcheck: expect.anything(),
        restart: 'unless-stopped',
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        networks: { devops: null },
        deploy: {
          resources: { limits: { cpus: expect.anything(), memory: expect.anything(), pids: expect.anything() } },
        },
      });
    });
  }

  test('each starts when what it needs is healthy', () => {
    const needs = Object.entries(services).flatMap(([name, { depends_on = {} }]) =>
      Object.entries(depends_on).map(([needed, { condition }]) => `${name} needs ${needed}: ${condition}`),
    );
    expect(needs.sort()).toEqual([
      'grafana needs prometheus: service_healthy',
      'nginx needs app: service_healthy',
      'prometheus needs alertmanager: service_healthy',
    ]);
  });

  test('ports are those of .env.example', async () => {
    const folder = await temporaryFolder('env');
    await copyFile(join(ROOT, '.env.example'), join(folder, 'example'));
    const run = await docker(['--env-file', join(folder, 'example'), 'config', '--format', 'json'], {
      APP_IMAGE: 'service:1',
    });
    expect(JSON.parse(run.stdout).services).toEqual(services);
  });

  test('where nothing names the image, it is what was built on this machine', async () => {
    const { stdout } = await docker(['config', '--format', 'json']);
    expect(JSON.parse(stdout).services.app.image).toBe('localhost/drydock-service:built');
  });
});
