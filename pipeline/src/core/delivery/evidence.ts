// Whether a run's results may be shipped: what was proved, by whom, and from which commit.
import type { GateResult, SourceFacts, StageResult, StandIn } from '../model.ts';

/** What a run that is to be shipped has to show for it. */
export type Evidence = {
  /** Of the archive that would be pushed, as it is now. */
  digest: string;
  /** The one that the run built; the one that its verdict is about. */
  recorded: { built: string | null; judged: string | null };
  stages: readonly Pick<StageResult, 'name' | 'status' | 'reason'>[];
  gate: Pick<GateResult, 'status' | 'reasons' | 'rehearsal'> | null;
  /** What was built, and what is checked out where it is shipped. */
  source: SourceFacts;
  here: SourceFacts;
  standIns: readonly StandIn[];
  /** Where it was built, or where it is to be shipped from, steps were not isolated from each other. */
  isShared: boolean;
};

/** What the stages of `ci` have to say before anything leaves. */
export const REQUIRED = ['lint', 'test', 'build', 'sbom', 'scan', 'gate'] as const;

/** Why it may not be shipped anywhere; nothing, if it may. */
export function objections({ digest, recorded, stages, gate, source, here }: Evidence): string[] {
  const status = (name: string) => stages.find((stage) => stage.name === name)?.status ?? 'skipped';
  const others = Object.entries(recorded).filter(([, other]) => other !== null && other !== digest);
  return [
    ...others.map(([which, other]) => `image.tar is ${digest}, but the image that was ${which} is ${other}`),
    ...(recorded.judged === null ? ['the verdict is about no image'] : []),
    ...(recorded.built === null ? ['the run built no image'] : []),
    ...REQUIRED.filter((name) => ['failed', 'skipped'].includes(status(name))).map((name) =>
      status(name) === 'failed' ? `${name} failed` : `${name} did not run`,
    ),
    ...(gate?.status === 'failed' ? gate.reasons.slice(0, 1).map((reason) => `the gate says no: ${reason}`) : []),
    ...(source.commit !== here.commit ? [`the run was of commit ${short(source)}, and this is ${short(here)}`] : []),
  ];
}

/** Why it may be shipped to this machine's own registry only. */
export function objectionsBeyondLoopback({ stages, gate, source, here, standIns, isShared }: Evidence): string[] {
  const missing = stages.filter(({ status }) => status === 'not evaluated');
  return [
    ...missing.map(({ name }) => `${name} was not evaluated`),
    ...(gate?.rehearsal ? ['the verdict is a rehearsal: nobody vouches for its vulnerability database'] : []),
    ...(source.commit === null
      ? [`git does not say which commit this is: ${source.reason ?? 'no reason is known'}`]
      : []),
    ...(source.dirty || here.dirty ? ['there are changes that are not committed'] : []),
    ...(isShared ? ['steps were not isolated from each other'] : []),
    ...(standIns.length > 0 ? [`there were stand-ins for ${standIns.map(({ image }) => image).join(', ')}`] : []),
  ];
}

const short = ({ commit }: SourceFacts) => commit?.slice(0, 12) ?? 'none that git knows';
