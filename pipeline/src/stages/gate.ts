// Gate: findings, policy and today's date become a verdict, and the verdict a file that can be decided again.
import type { File } from '@dagger.io/dagger';
import { explainSince } from '../core/gate/explain.ts';
import { gateResult, phraseOutcomes } from '../core/gate/result.ts';
import { renderSarif } from '../core/gate/sarif.ts';
import {
  decideInputs,
  freezeDecided,
  parseRecord,
  renderVerdict,
  replay,
  type ScannedImage,
  type ScannerFacts,
  toBaseline,
  type VerdictInputs,
} from '../core/gate/verdict.ts';
import type { GateResult, StageResult } from '../core/model.ts';
import { fileOf } from '../core/package.ts';
import type { PackageContext, RunContext } from './context.ts';
import type { Deciding } from './policy.ts';
import type { Scanned } from './scan.ts';
import { timedStage } from './timed.ts';

export type GateInputs = {
  image: ScannedImage;
  scanned: Scanned;
  scanners: ScannerFacts[];
  ecosystems: string[];
  /** Why there is no SBOM; null when there is one. */
  sbomMissing: string | null;
  deciding: Deciding;
  baseline: File | undefined;
  rehearsal: boolean;
};

export type Gated = { stage: StageResult; gate: GateResult; texts: Map<string, string> };

export async function gate(context: PackageContext, given: GateInputs): Promise<Gated> {
  const inputs = await recordable(context, given);
  const { scanned, deciding } = given;
  const verdict = decideInputs(inputs);
  const fallback = fileOf(context.subject.service, 'package.json');
  const sarif = renderSarif(verdict.decisions, fallback, deciding.parsed.sarif);
  const texts = new Map([
    ['verdict.json', renderVerdict(freezeDecided(inputs, verdict))],
    ['scan.sarif', sarif.text],
  ]);
  const result = gateResult({ verdict, inputs, policyChanges: deciding.changes, licences: scanned.licences });
  const account = { ...result, warnings: [...result.warnings, ...sarif.cut] };
  const stage = await toStage(context, account, phraseOutcomes(verdict.decisions));
  return { stage, gate: account, texts };
}

const dateOf = ({ startedMs }: RunContext) => new Date(startedMs).toISOString().slice(0, 10);

async function recordable(context: RunContext, given: GateInputs): Promise<VerdictInputs> {
  const { scanned, deciding, baseline, sbomMissing } = given;
  return {
    date: dateOf(context),
    rehearsal: given.rehearsal,
    image: given.image,
    scanners: given.scanners,
    database: scanned.database,
    policyFrom: deciding.from,
    policy: deciding.policy,
    vex: deciding.vex,
    baseline:
      baseline === undefined
        ? null
        : toBaseline(parseRecord(await baseline.contents(), 'the baseline'), 'that was given'),
    bait: scanned.bait,
    missing: [...scanned.missing, ...(sbomMissing === null ? [] : [{ kind: 'sbom' as const, reason: sbomMissing }])],
    ecosystems: given.ecosystems,
    findings: scanned.findings,
  };
}

async function toStage(
  context: RunContext,
  { status, reasons, warnings, policyChanges, policyFrom }: GateResult,
  remark: string,
): Promise<StageResult> {
  const [first = null, ...more] = reasons;
  const changed = policyChanges.map((file) => `this change decides otherwise in ${file}: the gate read ${policyFrom}`);
  return await timedStage(context, 'gate', async () => ({
    steps: [],
    fault: status === 'failed' ? first : null,
    notEvaluated: status === 'not evaluated' ? first : null,
    remark,
    details: [...more, ...warnings, ...changed],
  }));
}

/** Decide a recorded verdict again, from nothing but the record: as on its own day, or as of today, when an exception may have ended; or by another policy. */
export async function replayGate(
  context: RunContext,
  record: File,
  { day = 'recorded', deciding }: { day?: 'recorded' | 'today'; deciding?: Deciding | undefined } = {},
): Promise<Gated> {
  const again = replay(await record.contents(), 'the record');
  const inputs = {
    ...again.inputs,
    ...(day === 'today' ? { date: dateOf(context) } : {}),
    ...(deciding === undefined ? {} : { policy: deciding.policy, vex: deciding.vex, policyFrom: deciding.from }),
  };
  const verdict = decideInputs(inputs);
  const account = gateResult({ verdict, inputs, policyChanges: [], licences: [] });
  const otherwise =
    deciding === undefined ? (day === 'today' ? ', decided as of today' : '') : ', decided by another policy';
  const when = `as recorded on ${again.inputs.date}${otherwise}`;
  const stage = await toStage(context, account, `${phraseOutcomes(verdict.decisions)}, ${when}`);
  return { stage, gate: account, texts: new Map([['verdict.json', renderVerdict(again)]]) };
}

/** Why each finding counts or not; with an earlier record, what moved the verdict since. */
export async function explainRecords(verdict: File, before: File | undefined): Promise<string> {
  const read = async (file: File, name: string) => parseRecord(await file.contents(), name);
  const earlier = before === undefined ? null : await read(before, 'the verdict before');
  return explainSince(await read(verdict, 'the verdict'), earlier);
}
