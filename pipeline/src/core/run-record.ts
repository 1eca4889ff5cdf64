// out/result.json, read back: the account of a run that another run ships, or holds its image against.

import type { Noted } from './compose/model.ts';
import type { Confinement } from './confinement.ts';
import { ERRORS, type ErrorCode, PipelineError, reasonOf } from './errors.ts';
import { KINDS, SEVERITIES } from './gate/finding.ts';
import { databaseShape, scannerShape } from './gate/record.ts';
import {
  type BlockingRow,
  type CapsuleResult,
  type Coverage,
  type DeliveryResult,
  type EngineFacts,
  type GateResult,
  type ImageResult,
  type PartResult,
  type RunError,
  type RunResult,
  SCHEMA_VERSION,
  type SmokeResult,
  type SmokeRow,
  type SourceFacts,
  STAGES,
  type StageResult,
  type StandIn,
  type Status,
  type StepResult,
  type SuiteResult,
  type TestCounts,
} from './model.ts';
import {
  amount,
  count,
  flag,
  listOf,
  objectOf,
  oneOf,
  optional,
  orNull,
  readJson,
  recordOf,
  type Shape,
  text,
} from './shape.ts';

/** Throws `BAD_RELEASE`; `named` is how people know the file. */
export function parseRun(json: string, named: string): RunResult {
  try {
    return readJson(json, run, ['schemaVersion', SCHEMA_VERSION]);
  } catch (cause) {
    throw new PipelineError(
      'BAD_RELEASE',
      `${named} cannot be read as the account of a run: ${reasonOf(cause)}`,
      'give the output of a finished run of this version of drydock wrote',
      { cause },
    );
  }
}

const status = oneOf<Status>(['passed', 'failed', 'skipped', 'not evaluated']);
const decided = oneOf<Exclude<Status, 'skipped'>>(['passed', 'failed', 'not evaluated']);
const nullableText = orNull(text);
const stageName = oneOf(STAGES);

const step = objectOf<StepResult>({
  name: text,
  command: text,
  exitCode: count,
  startedAt: text,
  seconds: amount,
  cached: flag,
  always: optional(flag as Shape<true>),
  log: text,
  firstErrors: listOf(text),
  confinement: optional(
    objectOf<Confinement>({
      interfaces: listOf(text),
      capabilities: text,
      noNewPrivileges: flag,
      writable: listOf(text),
      sockets: listOf(text),
      environment: listOf(text),
      refusal: optional(text),
    }),
  ),
});

const suite = objectOf<SuiteResult>({
  name: text,
  tests: objectOf<TestCounts>({ total: count, failed: count, skipped: count }),
  coverage: orNull(objectOf<Coverage>({ lines: amount, statements: amount, functions: amount, branches: amount })),
});

const stage = objectOf<StageResult>({
  name: stageName,
  status,
  startedAt: nullableText,
  seconds: amount,
  cached: flag,
  steps: listOf(step),
  suites: listOf(suite),
  reason: nullableText,
  details: listOf(text),
});

const image = objectOf<ImageResult>({
  digest: text,
  mediaType: text,
  bytes: count,
  platforms: listOf(
    objectOf<ImageResult['platforms'][number]>({
      platform: text,
      digest: text,
      appLayer: objectOf<ImageResult['platforms'][number]['appLayer']>({ digest: text, bytes: count }),
    }),
  ),
  assembler: text,
  base: text,
  standIn: flag,
  file: text,
});

const blocking = objectOf<BlockingRow>({
  severity: oneOf(SEVERITIES),
  kind: oneOf(KINDS),
  id: text,
  thing: text,
  title: text,
  url: nullableText,
  from: text,
  fixedIn: nullableText,
  place: orNull(objectOf<NonNullable<BlockingRow['place']>>({ file: text, line: orNull(count) })),
});

const gate = objectOf<GateResult>({
  status: decided,
  reasons: listOf(text),
  warnings: listOf(text),
  blocking: listOf(blocking),
  outcomes: recordOf(count),
  database: orNull(databaseShape),
  policyFrom: text,
  policyChanges: listOf(text),
  licences: recordOf(count),
  rehearsal: flag,
});

const smoke = objectOf<SmokeResult>({
  image: text,
  runtime: oneOf<SmokeResult['runtime']>(['session', 'compose']),
  rows: listOf(objectOf<SmokeRow>({ name: text, status: decided, seconds: amount, detail: text })),
  noted: listOf(objectOf<Noted>({ key: text, services: listOf(text), place: text, why: text })),
});

const sizes = objectOf<{ blobs: number; bytes: number }>({ blobs: count, bytes: count });
const delivery = objectOf<DeliveryResult>({
  image: text,
  digest: text,
  rehearsal: flag,
  pushed: orNull(objectOf<NonNullable<DeliveryResult['pushed']>>({ sent: sizes, there: sizes })),
  previous: nullableText,
  tags: listOf(text),
  statements: listOf(text),
});

export const sourceShape = objectOf<SourceFacts>({
  commit: nullableText,
  branch: nullableText,
  dirty: orNull(flag),
  reason: nullableText,
});
export const engineShape = objectOf<EngineFacts>({
  kind: oneOf<EngineFacts['kind']>(['dagger', 'embedded', 'session']),
  why: text,
  notIsolated: optional(objectOf<NonNullable<EngineFacts['notIsolated']>>({ reason: text, hint: text })),
});
export const standInShape = objectOf<StandIn>({ image: text, pin: text, recipe: text });

const verdict = oneOf<RunResult['verdict']>(['passed', 'failed', 'error']);
const capsule = objectOf<CapsuleResult>({ file: text, bytes: count, stages: listOf(stageName), thin: flag });

const run = objectOf<RunResult>({
  schemaVersion: oneOf([SCHEMA_VERSION]),
  tool: objectOf<RunResult['tool']>({ name: oneOf(['drydock']), version: text }),
  function: text,
  startedAt: text,
  finishedAt: text,
  seconds: amount,
  engine: orNull(engineShape),
  source: sourceShape,
  strict: flag,
  verdict,
  exitCode: count,
  error: orNull(objectOf<RunError>({ code: oneOf(Object.keys(ERRORS) as ErrorCode[]), message: text, hint: text })),
  stages: listOf(stage),
  image: orNull(image),
  gate: orNull(gate),
  smoke: orNull(smoke),
  delivery: orNull(delivery),
  capsule: orNull(capsule),
  scanners: listOf(scannerShape),
  standIns: listOf(standInShape),
  parts: optional(
    listOf(
      objectOf<PartResult>({
        name: text,
        verdict,
        exitCode: count,
        image: orNull(image),
        gate: orNull(gate),
        smoke: orNull(smoke),
        delivery: orNull(delivery),
        capsule: orNull(capsule),
      }),
    ),
  ),
});
