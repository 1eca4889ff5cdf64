// A manifest for tests: of a failed test stage, as a run writes it.
import type { CapsuleManifest } from '../../../src/core/capsule/manifest.ts';

export function capsule(change: Partial<CapsuleManifest> = {}): CapsuleManifest {
  return {
    format: 'drydock-capsule',
    version: 1,
    tool: { name: 'drydock', version: '0.1.0' },
    function: 'test',
    arguments: { platforms: ['linux/amd64'], strict: false, rehearsal: false, base: '' },
    clock: '2026-11-26T04:39:16.228Z',
    engine: { kind: 'embedded', why: 'asked for' },
    source: { commit: '1234567890abcdef', branch: 'main', dirty: false, reason: null },
    images: [{ name: 'node', pin: 'docker.io/library/node:24@sha256:1', standIn: null, held: true }],
    packages: [locked('express', '5.1.0'), locked('express/node_modules/qs', '6.13.0')],
    standIns: [],
    tools: {},
    database: null,
    environment: ['CI'],
    secrets: [],
    stages: [
      {
        name: 'test',
        status: 'failed',
        reason: 'service: exit 1',
        steps: [{ name: 'service', command: 'npm test', exitCode: 1, seconds: 1.5, log: 'logs/test-service.log' }],
        fingerprint: { stage: 'test', step: 'service', exitCode: 1, error: 'a > b: AssertionError' },
      },
    ],
    files: [file('source/README.md', 'a'), file('source/service/src/app.ts', 'b')],
    ...change,
  };
}

export const locked = (name: string, version: string) => ({
  set: 'service',
  path: `node_modules/${name}`,
  version,
  integrity: `sha512-${version}`,
});

export const file = (path: string, sha256: string) => ({
  path,
  bytes: 1,
  sha256: sha256.repeat(64),
  executable: false,
  link: null,
});
