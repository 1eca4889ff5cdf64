// What the gate decides on, with dull defaults, so that a row of a test shows only what makes it different.
import type { DatabaseFacts, GateFacts } from '../../../src/core/gate/decide.ts';
import type { Finding } from '../../../src/core/gate/finding.ts';
import { DEFAULT_POLICY, type Exception, type Policy } from '../../../src/core/gate/policy.ts';
import { freeze, type VerdictInputs, type VerdictRecord } from '../../../src/core/gate/verdict.ts';
import type { Statement } from '../../../src/core/gate/vex.ts';

const TODAY = '2026-06-01';
export const IMAGE_DIGEST = `sha256:${'1'.repeat(64)}`;

/** A vulnerability in the image that counts. */
export function finding(over: Partial<Finding> = {}): Finding {
  return {
    kind: 'vulnerability',
    id: 'CVE-2026-0001',
    severity: 'HIGH',
    title: 'It is wrong',
    url: 'https://example.org/CVE-2026-0001',
    package: { name: 'lodash', version: '4.17.4', ecosystem: 'npm', purl: 'pkg:npm/lodash@4.17.4' },
    fixedIn: '4.17.21',
    layer: 'app',
    dev: false,
    via: ['lodash'],
    places: [
      { in: 'source', file: 'service/package-lock.json', line: 7 },
      { in: 'image', file: 'app/node_modules/lodash/package.json', line: null },
    ],
    ...over,
  };
}

export function secret(over: Partial<Finding> = {}): Finding {
  return finding({
    kind: 'secret',
    id: 'github-pat',
    severity: 'CRITICAL',
    title: 'GitHub Personal Access Token',
    url: null,
    package: null,
    fixedIn: null,
    layer: null,
    via: [],
    places: [{ in: 'source', file: 'service/settings.env', line: 2 }],
    ...over,
  });
}

export function misconfiguration(over: Partial<Finding> = {}): Finding {
  return secret({
    kind: 'misconfiguration',
    id: 'DRYDOCK-C001',
    title: 'A compose service is privileged: service "a" is privileged',
    places: [{ in: 'source', file: 'docker-compose.yml', line: 3 }],
    ...over,
  });
}

export function debian(over: Partial<Finding> = {}): Finding {
  return finding({
    id: 'CVE-2026-0002',
    package: { name: 'openssl', version: '3.5.0', ecosystem: 'deb', purl: 'pkg:deb/debian/openssl@3.5.0?arch=amd64' },
    fixedIn: '3.5.1',
    layer: 'base',
    via: [],
    places: [{ in: 'image', file: 'var/lib/dpkg', line: null }],
    ...over,
  });
}

export function policy(over: Partial<Policy> = {}): Policy {
  return { ...DEFAULT_POLICY, ...over };
}

export function exception(over: Partial<Exception> = {}): Exception {
  return {
    id: 'CVE-2026-0001',
    package: null,
    file: null,
    reason: 'nothing calls it',
    owner: 'platform',
    until: '2026-12-31',
    line: 20,
    ...over,
  };
}

export function statement(over: Partial<Statement> = {}): Statement {
  return {
    vulnerabilities: ['CVE-2026-0001'],
    products: [{ names: ['pkg:npm/lodash'], parts: [] }],
    status: 'not_affected',
    justification: 'vulnerable_code_not_in_execute_path',
    impact: null,
    timestamp: '2026-05-01T00:00:00.000Z',
    place: 'policy/vex/own.json:9',
    ...over,
  };
}

export function database(over: Partial<DatabaseFacts> = {}): DatabaseFacts {
  return {
    digest: `sha256:${'d'.repeat(64)}`,
    sha256: `sha256:${'e'.repeat(64)}`,
    source: 'ghcr.io/aquasecurity/trivy-db:2',
    updatedAt: '2026-06-01T06:00:00Z',
    origin: 'official',
    advisories: { npm: 5000, 'debian 13': 30000 },
    ...over,
  };
}

export function facts(over: Partial<GateFacts> = {}): GateFacts {
  return {
    date: TODAY,
    image: { digest: IMAGE_DIGEST, platforms: [] },
    findings: [],
    database: database(),
    missing: [],
    ecosystems: ['debian 13', 'npm'],
    baseline: null,
    bait: null,
    rehearsal: false,
    ...over,
  };
}

export function inputs(over: Partial<VerdictInputs> = {}): VerdictInputs {
  return {
    date: TODAY,
    rehearsal: false,
    image: {
      digest: IMAGE_DIGEST,
      base: 'gcr.io/distroless/nodejs24-debian13:nonroot',
      appLayers: ['sha256:app'],
      platforms: [{ platform: 'linux/amd64', digest: IMAGE_DIGEST }],
    },
    scanners: [{ name: 'trivy', version: '0.74.0', image: 'docker.io/aquasec/trivy:0.74.0', standIn: null }],
    database: database(),
    policyFrom: 'the working tree',
    policy: null,
    vex: [],
    baseline: null,
    bait: null,
    missing: [],
    ecosystems: ['debian 13', 'npm'],
    findings: [],
    ...over,
  };
}

export function record(over: Partial<VerdictInputs> = {}): VerdictRecord {
  return freeze(inputs(over));
}
