// By what a failure is known again: the stage, the step, its exit code, and its first error without what differs from run to run.
import type { SmokeResult, StageName, StageResult } from '../model.ts';
import { count, objectOf, orNull, type Shape, text } from '../shape.ts';

export type Fingerprint = {
  stage: StageName;
  /** Null where no command failed, but what came of it did not hold. */
  step: string | null;
  exitCode: number;
  /** The first error, normalised; see `normalise`. */
  error: string;
};

export const fingerprintShape: Shape<Fingerprint> = objectOf<Fingerprint>({
  stage: text as Shape<StageName>,
  step: orNull(text),
  exitCode: count,
  error: text,
});

/** Of a stage that failed; null of any other. */
export function fingerprintOf(stage: StageResult, smoke: SmokeResult | null = null): Fingerprint | null {
  if (stage.status !== 'failed') return null;
  const step = stage.steps.find(({ exitCode }) => exitCode !== 0);
  const row = stage.name === 'smoke' ? smoke?.rows.find(({ status }) => status === 'failed') : undefined;
  const error = step?.firstErrors[0] ?? (row === undefined ? stage.reason : `${row.name}: ${row.detail}`) ?? '';
  return { stage: stage.name, step: step?.name ?? null, exitCode: step?.exitCode ?? 0, error: normalise(error) };
}

export function isSame(a: Fingerprint | null, b: Fingerprint | null): boolean {
  const parts = (of: Fingerprint | null) => JSON.stringify(of && [of.stage, of.step, of.exitCode, of.error]);
  return parts(a) === parts(b);
}

/** What stands for what differs between two runs of the same thing. Longest things first: a time holds numbers. */
const NOISE: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/\b\d{1,2}:\d\d:\d\d(\.\d+)?\b/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\b(?:sha256:)?[0-9a-f]{32,}\b/gi, '<hash>'],
  [/(?:\/tmp|\/var\/tmp|\/private\/var)\/[^\s'":,)]+/g, '<temporary>'],
  [/\b(\d{1,3}\.){3}\d{1,3}(:\d+)?\b/g, '<address>'],
  [/\blocalhost:\d+/g, 'localhost:<port>'],
  [/\b\d+(\.\d+)?\s?(ms|s|sec|seconds|milliseconds|min|minutes|m)\b/g, '<duration>'],
  [/\bpid[ =:]*\d+/gi, 'pid <number>'],
  [/\b0x[0-9a-f]+\b/gi, '<number>'],
];

/** An error without times, durations, ports, addresses, hashes and temporary paths. Lines and columns stay: they are of the source. */
export function normalise(error: string): string {
  return NOISE.reduce((text, [pattern, stand]) => text.replace(pattern, stand), error)
    .replace(/\s+/g, ' ')
    .trim();
}

/** For people: `test, service: exit 1: adds.test.ts > adds: AssertionError: …` */
export function phraseFingerprint({ stage, step, exitCode, error }: Fingerprint): string {
  return [step === null ? stage : `${stage}, ${step}`, ...(step === null ? [] : [`exit ${exitCode}`]), error].join(
    ': ',
  );
}
