// Says for each finding why it counts or not, and between two recorded runs what moved the verdict.
import { asLines } from '../safe-text.ts';
import { compareText, type Finding, type FindingKind, keyOf, phrasePlace, phraseThing } from './finding.ts';
import { freeze, type VerdictInputs, type VerdictRecord } from './verdict.ts';

/** One run, and first what moved its verdict since an earlier one, if there is one. */
export function explainSince(record: VerdictRecord, before: VerdictRecord | null): string {
  const own = explain(record);
  return before === null ? own : `${renderComparison(before, record)}\n${own}`;
}

/** One run: the verdict, its reasons, and each finding with why. */
export function explain(record: VerdictRecord): string {
  const { inputs, verdict } = record;
  const described = verdict.decisions.flatMap(({ outcome, why }, index) => {
    const finding = inputs.findings[index];
    return finding === undefined
      ? []
      : [{ counts: outcome === 'blocks', lines: describe(finding, outcome === 'blocks', why) }];
  });
  const lines = described.sort((a, b) => Number(b.counts) - Number(a.counts)).flatMap((each) => each.lines);
  return asLines([
    `${verdict.status} on ${inputs.date}${inputs.rehearsal ? ', as a rehearsal' : ''}`,
    ...verdict.reasons.map((reason) => `  ${reason}`),
    ...verdict.warnings.map((warning) => `  warning: ${warning}`),
    '',
    `image     ${inputs.image?.digest ?? 'none'}`,
    `base      ${inputs.image?.base ?? 'unknown'}`,
    ...inputs.scanners.map(
      ({ name, version, standIn }) => `${name.padEnd(9)} ${version}${standIn === null ? '' : ` (${standIn})`}`,
    ),
    `database  ${describeDatabase(inputs)}`,
    `policy    ${inputs.policy === null ? 'built in' : `${inputs.policy.file} ${inputs.policy.sha256}, from ${inputs.policyFrom}`}`,
    ...inputs.vex.map(({ file, sha256 }) => `VEX       ${file} ${sha256}, from ${inputs.policyFrom}`),
    ...(inputs.baseline === null ? [] : [`baseline  ${inputs.baseline.source}`]),
    '',
    ...(lines.length === 0 ? ['No findings.'] : lines),
  ]);
}

function describeDatabase({ database }: VerdictInputs): string {
  if (database === null) return 'none';
  return `${database.digest}, ${database.origin}, of ${database.updatedAt.slice(0, 10)}, from ${database.source}`;
}

function describe(finding: Finding, blocks: boolean, why: string): string[] {
  const fix = finding.fixedIn === null ? [] : [`    fixed in ${finding.fixedIn}`];
  const via = finding.via.length > 1 ? [`    brought by ${finding.via.join(' > ')}`] : [];
  const mark = blocks ? 'COUNTS' : 'no';
  return [
    `${mark.padEnd(6)} ${finding.severity.padEnd(8)} ${finding.id} in ${phraseThing(finding)} (${phrasePlace(finding.places[0])})`,
    ...(finding.title === '' ? [] : [`    ${finding.title}`]),
    `    ${why}`,
    ...via,
    ...fix,
  ];
}

/** What may have moved a verdict, in the words of the issue at hand: whose turn it is to act. */
const MOVERS = ['code', 'base image', 'scanner', 'database', 'policy', 'VEX', 'baseline', 'date'] as const;
export type Mover = (typeof MOVERS)[number];

export type Comparison = {
  moved: boolean;
  /** What differs at all between the two runs. */
  differs: Mover[];
  /** What of it moved the verdict. */
  movers: Mover[];
  appeared: string[];
  gone: string[];
};

/** Why `after` came out as it did when `before` did not. */
export function compare(before: VerdictRecord, after: VerdictRecord): Comparison {
  const move = moveBetween(before, after);
  const differs = MOVERS.filter((mover) => DIFFERS[mover](before.inputs, after.inputs));
  const moved = move.status || move.appeared.length > 0 || move.gone.length > 0;
  const { appeared, gone } = move;
  return { moved, differs, movers: moved ? moversOf(before, after, differs) : [], appeared, gone };
}

/** What blocks only after, what only before, and whether the status is another. */
function moveBetween(before: VerdictRecord, after: VerdictRecord) {
  const [was, is] = [new Set(blockingKeys(before)), new Set(blockingKeys(after))];
  return {
    appeared: [...is].filter((key) => !was.has(key)),
    gone: [...was].filter((key) => !is.has(key)),
    status: before.verdict.status !== after.verdict.status,
  };
}

const DIFFERS: Record<Mover, (a: VerdictInputs, b: VerdictInputs) => boolean> = {
  code: (a, b) => !same(a.image?.appLayers, b.image?.appLayers) || hasOtherSource(a, b),
  'base image': (a, b) => a.image?.base !== b.image?.base,
  scanner: (a, b) =>
    !same(a.scanners, b.scanners) || !same(scannerGaps(a), scannerGaps(b)) || !same(baitFaults(a), baitFaults(b)),
  database: (a, b) => a.database?.sha256 !== b.database?.sha256 || a.database?.origin !== b.database?.origin,
  policy: (a, b) => a.policy?.sha256 !== b.policy?.sha256 || a.rehearsal !== b.rehearsal,
  VEX: (a, b) => !same(a.vex.map(hash), b.vex.map(hash)),
  baseline: (a, b) => !same(a.baseline, b.baseline),
  date: (a, b) => a.date !== b.date,
};

/**
 * A record knows of the source only what findings there name, and those come and go with a database as well. So it is held for
 * another one only where nothing else explains the difference.
 */
function hasOtherSource(a: VerdictInputs, b: VerdictInputs): boolean {
  const things = ({ findings }: VerdictInputs) =>
    findings.filter(({ layer, kind }) => layer === null && knowledge(kind, a, b) === null).map(thingOf);
  return !same([...new Set(things(a))].sort(compareText), [...new Set(things(b))].sort(compareText));
}

/** What knows other faults of this kind than it did: no database tells of secrets. */
function knowledge(kind: FindingKind, a: VerdictInputs, b: VerdictInputs): Mover | null {
  if (kind === 'vulnerability' && DIFFERS.database(a, b)) return 'database';
  return DIFFERS.scanner(a, b) ? 'scanner' : null;
}

/** The database has its own say about vulnerabilities; all else that could not be looked for is for want of a scanner. */
function scannerGaps({ missing }: VerdictInputs): VerdictInputs['missing'] {
  return missing.filter((gap) => !isOfDatabase(gap));
}

/** Bait is put out in strict runs only; that there was none says nothing. */
function baitFaults({ bait }: VerdictInputs): string[] {
  return [...(bait?.missed ?? []), ...(bait?.untried ?? [])];
}

function hash({ sha256 }: { sha256: string }): string {
  return sha256;
}

function thingOf(finding: Finding): string {
  return finding.package === null ? phrasePlace(finding.places[0]) : finding.package.purl;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Those without which some of it would not have moved; where none is, because several were enough each, those. */
function moversOf(before: VerdictRecord, after: VerdictRecord, differs: readonly Mover[]): Mover[] {
  const byFindings = findingsMovedBy(before, after);
  const needed = differs.filter((mover) => byFindings.has(mover) || undoes(mover, before, after));
  return needed.length > 0 ? needed : differs.filter((mover) => undoes(mover, after, before));
}

/** What of the inputs decides by itself, beside what was found with it. */
const OWN_SAY: Record<Mover, (other: VerdictInputs, own: VerdictInputs) => Partial<VerdictInputs>> = {
  code: ({ ecosystems }) => ({ ecosystems }),
  'base image': ({ ecosystems }) => ({ ecosystems }),
  scanner: (other, own) => ({
    bait: other.bait,
    missing: [...scannerGaps(other), ...own.missing.filter(isOfDatabase)],
  }),
  database: (other, own) => ({
    database: other.database,
    missing: [...scannerGaps(own), ...other.missing.filter(isOfDatabase)],
  }),
  policy: ({ policy, rehearsal }) => ({ policy, rehearsal }),
  VEX: ({ vex }) => ({ vex }),
  baseline: ({ baseline }) => ({ baseline }),
  date: ({ date }) => ({ date }),
};

function isOfDatabase({ kind }: VerdictInputs['missing'][number]): boolean {
  return kind === 'vulnerability';
}

/** Decide `after` again with one input of `before`: does any of what moved move back? */
function undoes(mover: Mover, before: VerdictRecord, after: VerdictRecord): boolean {
  const again = freeze({ ...after.inputs, ...OWN_SAY[mover](before.inputs, after.inputs) });
  const { appeared, gone, status } = moveBetween(before, after);
  const blocking = new Set(blockingKeys(again));
  return (
    appeared.some((key) => !blocking.has(key)) ||
    gone.some((key) => blocking.has(key)) ||
    (status && again.verdict.status !== after.verdict.status)
  );
}

/** Of each finding that blocks in one of the runs only: who brought it, or made it another. */
function findingsMovedBy(before: VerdictRecord, after: VerdictRecord): Set<Mover | null> {
  const [a, b] = [before.inputs, after.inputs];
  const onlyIn = (one: VerdictRecord, other: VerdictRecord) => {
    const blocksThere = new Set(blockingKeys(other));
    const twins = new Map(other.inputs.findings.map((finding) => [keyOf(finding), finding]));
    const things = new Set(other.inputs.findings.map(thingOf));
    return one.inputs.findings
      .filter((_finding, index) => one.verdict.decisions[index]?.outcome === 'blocks')
      .filter((finding) => !blocksThere.has(keyOf(finding)))
      .map((finding) => {
        const twin = twins.get(keyOf(finding));
        return twin === undefined
          ? broughtBy(finding, things.has(thingOf(finding)), a, b)
          : changedBy(finding, twin, a, b);
      });
  };
  return new Set([...onlyIn(after, before), ...onlyIn(before, after)]);
}

/** `wasSeen`: the other run has findings in the same package. Where it has none, a layer that did not change says as much. */
function broughtBy({ kind, layer }: Finding, wasSeen: boolean, a: VerdictInputs, b: VerdictInputs): Mover {
  const holder: Mover = layer === 'base' ? 'base image' : 'code';
  const known = knowledge(kind, a, b);
  return known === null || (DIFFERS[holder](a, b) && !wasSeen) ? holder : known;
}

/** The same fault in the same package: it is known otherwise, or it is used otherwise; else it was decided otherwise. */
function changedBy(one: Finding, other: Finding, a: VerdictInputs, b: VerdictInputs): Mover | null {
  if (one.severity !== other.severity || one.fixedIn !== other.fixedIn) return knowledge(one.kind, a, b);
  return one.dev !== other.dev || one.places.length !== other.places.length ? 'code' : null;
}

function blockingKeys({ verdict }: VerdictRecord): string[] {
  return verdict.decisions.filter(({ outcome }) => outcome === 'blocks').map(({ key }) => key);
}

export function renderComparison(before: VerdictRecord, after: VerdictRecord): string {
  const { moved, differs, movers, appeared, gone } = compare(before, after);
  const change = `${before.verdict.status} on ${before.inputs.date} → ${after.verdict.status} on ${after.inputs.date}`;
  if (!moved) {
    const what = differs.length === 0 ? 'nothing differs' : `what differs (${differs.join(', ')}) moved nothing`;
    return `${change}: the verdict did not move; ${what}\n`;
  }
  const by = movers.length === 0 ? 'what moved it is not in the records' : `moved by: ${movers.join(', ')}`;
  return asLines([
    `${change}: ${by}`,
    ...appeared.map((key) => `  + ${key}`),
    ...gone.map((key) => `  - ${key}`),
    ...(differs.length > movers.length
      ? [`  differs, but moved nothing: ${differs.filter((each) => !movers.includes(each)).join(', ')}`]
      : []),
  ]);
}
