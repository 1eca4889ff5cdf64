// Holds how stages of a capsule ended against how they ended when they were run again.
import type { RunResult, StageName } from '../model.ts';
import { type Fingerprint, fingerprintOf, isSame, phraseFingerprint } from './fingerprint.ts';
import type { CapturedStage } from './manifest.ts';

export type Ending = {
  stage: StageName;
  /** `new`: the capsule does not say how it ended. */
  outcome: 'same' | 'other' | 'new';
  /** Null: it did not fail. */
  recorded: Fingerprint | null;
  now: Fingerprint | null;
  /** What it says of itself now. */
  status: RunResult['stages'][number]['status'];
  reason: string | null;
};

export function compareEndings(
  recorded: readonly CapturedStage[],
  { stages, smoke, error }: Pick<RunResult, 'stages' | 'smoke' | 'error'>,
  asked: readonly StageName[],
): Ending[] {
  return asked.map((name) => {
    const before = recorded.find((stage) => stage.name === name);
    const after = stages.find((stage) => stage.name === name);
    const now =
      error === null
        ? after === undefined
          ? null
          : fingerprintOf(after, smoke)
        : { stage: name, step: null, exitCode: 0, error: error.message };
    const { status = 'skipped', reason = null } = after ?? {};
    const isEqual = isSame(before?.fingerprint ?? null, now) && (now !== null || status === before?.status);
    const outcome = before === undefined ? 'new' : isEqual ? 'same' : 'other';
    return { stage: name, outcome, recorded: before?.fingerprint ?? null, now, status, reason };
  });
}

/** A line or a few for each stage. With a fix, the question is another: does it pass now? */
export function phraseEndings(endings: readonly Ending[], { isFix }: { isFix: boolean }): string[] {
  return endings.flatMap(({ stage, outcome, recorded, now, status, reason }) => {
    const why = reason === null ? '' : `: ${reason}`;
    if (outcome === 'new')
      return [`${stage}: ${status}${now === null ? why : `: ${phraseFingerprint(now)}`} (not of the capsule's run)`];
    if (outcome === 'same' && now === null) return [`as recorded: ${stage} ${status}`];
    if (outcome === 'same') return [`${isFix ? 'still the same failure' : 'same failure'}: ${phrase(now)}`];
    if (now === null && status === 'passed')
      return [
        `${stage} passed: ${isFix ? 'the failure is fixed' : 'the failure did not come again'}`,
        `  recorded: ${phrase(recorded)}`,
      ];
    return [
      `${stage} ended otherwise`,
      `  recorded: ${phrase(recorded)}`,
      `  now:      ${now === null ? `${status}${why}` : phrase(now)}`,
    ];
  });
}

const phrase = (fingerprint: Fingerprint | null) =>
  fingerprint === null ? 'it did not fail' : phraseFingerprint(fingerprint);
