// Whether a run's results may be shipped: what was proved, by whom, and from which commit.
import type { VerdictRecord } from '../gate/verdict.ts';
import type { GateResult, RunResult, SourceFacts, StageResult } from '../model.ts';
import { decideVerdict } from '../verdict.ts';

/** An earlier run, as its folder has it. */
export type EarlierRun = {
  result: RunResult;
  verdict: VerdictRecord;
  /** What its last file, `exit-code`, says; null where there is none. */
  ended: string | null;
};

/** What a run that is to be shipped has to show for it. */
export type Evidence = {
  /** Of the archive that would be pushed, as it is now. */
  digest: string;
  /** The one that the run built; the one that its verdict is about. */
  recorded: { built: string | null; judged: string | null };
  /** What the account of an earlier run says against itself; nothing of a run that ships what it made. */
  faults: readonly string[];
  stages: readonly Pick<StageResult, 'name' | 'status' | 'reason'>[];
  gate: Pick<GateResult, 'status' | 'reasons' | 'rehearsal'> | null;
  /** What was built, and what is checked out where it is shipped. */
  source: SourceFacts;
  here: SourceFacts;
  /** What was replaced: images, or the recipes that took their place. */
  standIns: readonly string[];
  /** Where it was built, or where it is to be shipped from, steps were not isolated from each other. */
  isShared: boolean;
};

/** What the stages of `ci` have to say before anything leaves. */
export const REQUIRED = ['lint', 'test', 'build', 'sbom', 'scan', 'gate'] as const;

/**
 * Why an earlier run is not one that ended and passed. Of the tool's version nothing is asked: `schemaVersion` says whether the fields mean
 * what they mean here, and the gate decides again by the rules of this version.
 */
export function faultsOf({ result, verdict, ended }: EarlierRun): string[] {
  const { stages, strict, error, gate } = result;
  const names = stages.map(({ name }) => name);
  const failed = stages.filter(({ status }) => status === 'failed').map(({ name }) => name);
  const gates = [gate?.status ?? 'missing', verdict.verdict.status];
  const again = decideVerdict(stages, strict, error).verdict;
  return [
    ...(ended === null ? ['the run did not end: its folder has no exit-code'] : []),
    ...(ended === null || /^0\n?$/.test(ended) ? [] : [`the run ended with exit code ${clip(ended)}`]),
    ...(error === null ? [] : [`the run stopped: ${error.message}`]),
    ...[...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(
      (name) => `${name} is listed twice`,
    ),
    ...failed.map((name) => `${name} failed`),
    ...gates
      .filter((status) => ['failed', 'missing'].includes(status))
      .map((status) => `the recorded gate is ${status}`),
    ...(result.verdict === 'passed' && result.exitCode === 0
      ? []
      : [
          `the run says that it ${result.verdict === 'error' ? 'stopped' : result.verdict}, with exit code ${result.exitCode}`,
        ]),
    ...(again === 'passed' ? [] : [`by its stages the run ${again === 'error' ? 'stopped' : again}`]),
  ];
}

const clip = (text: string) => JSON.stringify(text.trim().slice(0, 20));

/** What the run, its verdict and the archive (by the labels of its images) name as replaced: any of them is enough. */
export function standInsOf({ result, verdict }: Omit<EarlierRun, 'ended'>, labels: readonly string[]): string[] {
  const scanners = [...result.scanners, ...verdict.inputs.scanners].filter(({ standIn }) => standIn !== null);
  const named = [...result.standIns, ...scanners].map(({ image }) => image);
  const built = result.image?.standIn ? [result.image.base] : [];
  return [...new Set([...named, ...built, ...labels].map(nameOnly))];
}

/** Of `node:24@sha256:…`, and of `node:24, assembled from 3 packages`. */
const nameOnly = (text: string) => text.replace(/@sha256:.*|, assembled .*/s, '');

/** Why it may not be shipped anywhere; nothing, if it may. */
export function objections({ digest, recorded, faults, stages, gate, source, here }: Evidence): string[] {
  const status = (name: string) => stages.find((stage) => stage.name === name)?.status ?? 'skipped';
  const others = Object.entries(recorded).filter(([, other]) => other !== null && other !== digest);
  const all = [
    ...faults,
    ...others.map(([which, other]) => `image.tar is ${digest}, but the image that was ${which} is ${other}`),
    ...(recorded.judged === null ? ['the verdict is about no image'] : []),
    ...(recorded.built === null ? ['the run built no image'] : []),
    ...REQUIRED.filter((name) => ['failed', 'skipped'].includes(status(name))).map((name) =>
      status(name) === 'failed' ? `${name} failed` : `${name} did not run`,
    ),
    ...(gate?.status === 'failed' ? gate.reasons.slice(0, 1).map((reason) => `the gate says no: ${reason}`) : []),
    ...(source.commit !== here.commit ? [`the run was of commit ${short(source)}, and this is ${short(here)}`] : []),
  ];
  return [...new Set(all)];
}

/** Why it may be shipped to this machine's own registry only. */
export function objectionsBeyondLoopback({ stages, gate, source, here, standIns, isShared }: Evidence): string[] {
  const missing = stages.filter(({ status }) => status === 'not evaluated');
  return [
    ...missing.map(({ name }) => `${name} was not evaluated`),
    ...(gate?.rehearsal ? ['the verdict is a rehearsal: its vulnerability database is from an unverified source'] : []),
    ...(source.commit === null
      ? [`git does not say which commit this is: ${source.reason ?? 'no reason is known'}`]
      : []),
    ...(source.dirty || here.dirty ? ['there are changes that are not committed'] : []),
    ...(isShared ? ['steps were not isolated from each other'] : []),
    ...(standIns.length > 0 ? [`there were substitutes for ${standIns.join(', ')}`] : []),
  ];
}

const short = ({ commit }: SourceFacts) => commit?.slice(0, 12) ?? 'none that git knows';
