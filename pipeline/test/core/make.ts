// Results with dull defaults, so that a row of a test shows only what makes it different.
import type { ImageResult, RunResult, StageResult, StepResult } from '../../src/core/model.ts';
import type { RepositoryFiles } from '../../src/core/project.ts';

/** A repository of these files alone. */
export const filesOf = (files: Readonly<Record<string, string>>): RepositoryFiles => ({
  text: async (path) => files[path] ?? null,
  manifests: async () => Object.keys(files).filter((path) => /(^|\/)package\.json$/.test(path)),
});

export function step(over: Partial<StepResult> = {}): StepResult {
  return {
    name: 'biome',
    command: 'npx biome ci .',
    exitCode: 0,
    startedAt: '2026-01-01T00:00:01.000Z',
    seconds: 1.5,
    cached: false,
    log: 'logs/lint-biome.log',
    firstErrors: [],
    ...over,
  };
}

export function stage(over: Partial<StageResult> = {}): StageResult {
  return {
    name: 'lint',
    status: 'passed',
    startedAt: '2026-01-01T00:00:00.000Z',
    seconds: 2,
    cached: false,
    steps: [step()],
    suites: [],
    reason: null,
    details: [],
    ...over,
  };
}

export function failedStage(over: Partial<StepResult> = {}): StageResult {
  const failed = step({ exitCode: 1, firstErrors: ['a.ts:1:1 lint/x: it is wrong'], ...over });
  return stage({ status: 'failed', steps: [failed], reason: `${failed.name}: exit ${failed.exitCode}` });
}

export function image(over: Partial<ImageResult> = {}): ImageResult {
  return {
    digest: `sha256:${'a'.repeat(64)}`,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    bytes: 1000,
    platforms: [
      {
        platform: 'linux/amd64',
        digest: `sha256:${'a'.repeat(64)}`,
        appLayer: { digest: `sha256:${'b'.repeat(64)}`, bytes: 10 },
      },
    ],
    assembler: 'drydock-assemble/1',
    base: 'gcr.io/x@sha256:1',
    standIn: false,
    file: 'image.tar',
    ...over,
  };
}

export function run(over: Partial<RunResult> = {}): RunResult {
  return {
    schemaVersion: 1,
    tool: { name: 'drydock', version: '0.1.0' },
    function: 'ci',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:00:03.000Z',
    seconds: 3,
    engine: { kind: 'embedded', why: 'no container runtime answers' },
    source: { commit: '0123456789abcdef0123456789abcdef01234567', branch: 'main', dirty: false, reason: null },
    strict: false,
    verdict: 'passed',
    exitCode: 0,
    error: null,
    stages: [stage()],
    image: null,
    gate: null,
    smoke: null,
    delivery: null,
    capsule: null,
    scanners: [],
    standIns: [],
    ...over,
  };
}
