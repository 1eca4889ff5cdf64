// Says for each finding why it counts or not, and between two recorded runs what moved the verdict.
import { type Finding, keyOf, phrasePlace, phraseThing } from './finding.ts';
import { decideInputs, type VerdictInputs, type VerdictRecord } from './verdict.ts';

/** One run: the verdict, its reasons, and each finding with why. */
export function explain(record: VerdictRecord): string {
  const { inputs, verdict } = record;
  const byKey = new Map(inputs.findings.map((finding) => [keyOf(finding), finding]));
  const lines = verdict.decisions.flatMap(({ key, outcome, why }) => {
    const finding = byKey.get(key);
    return finding === undefined ? [] : describe(finding, outcome === 'blocks', why);
  });
  return [
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
    `policy    ${inputs.policy === null ? 'built in' : `${inputs.policy.file} ${inputs.policy.sha256}`}, from ${inputs.policyFrom}`,
    '',
    ...(lines.length === 0 ? ['No findings.'] : lines),
    '',
  ].join('\n');
}

function describeDatabase({ database }: VerdictInputs): string {
  if (database === null) return 'none';
  return `${database.digest}, ${database.origin}, of ${database.updatedAt.slice(0, 10)}, from ${database.source}`;
}

function describe(finding: Finding, blocks: boolean, why: string): string[] {
  const fix = finding.fixedIn === null ? [] : [`    mended in ${finding.fixedIn}`];
  const via = finding.via.length > 1 ? [`    brought by ${finding.via.join(' > ')}`] : [];
  const mark = blocks ? 'COUNTS' : 'no';
  return [
    `${mark.padEnd(6)} ${finding.severity.padEnd(8)} ${finding.id} in ${phraseThing(finding)} (${phrasePlace(finding.places[0])})`,
    `    ${why}`,
    ...via,
    ...fix,
  ];
}

/** What may have moved a verdict, in the words of the issue at hand: whose turn it is to act. */
export const MOVERS = ['code', 'base image', 'scanner', 'database', 'policy', 'VEX', 'baseline', 'date'] as const;
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
  const [a, b] = [before.inputs, after.inputs];
  const [blockedBefore, blockedAfter] = [blockingKeys(before), blockingKeys(after)];
  const appeared = [...blockedAfter].filter((key) => !blockedBefore.has(key));
  const gone = [...blockedBefore].filter((key) => !blockedAfter.has(key));
  const moved = before.verdict.status !== after.verdict.status || appeared.length > 0 || gone.length > 0;
  const differs = MOVERS.filter((mover) => DIFFERS[mover](a, b));
  const movers = moved ? differs.filter((mover) => hasMoved(mover, before, after)) : [];
  return { moved, differs, movers, appeared, gone };
}

const DIFFERS: Record<Mover, (a: VerdictInputs, b: VerdictInputs) => boolean> = {
  code: (a, b) => !same(a.image?.appLayers, b.image?.appLayers) || !same(sourceKeys(a), sourceKeys(b)),
  'base image': (a, b) => a.image?.base !== b.image?.base,
  scanner: (a, b) => !same(a.scanners, b.scanners),
  database: (a, b) => a.database?.digest !== b.database?.digest || a.database?.origin !== b.database?.origin,
  policy: (a, b) => a.policy?.sha256 !== b.policy?.sha256 || a.rehearsal !== b.rehearsal,
  VEX: (a, b) =>
    !same(
      a.vex.map(({ sha256 }) => sha256),
      b.vex.map(({ sha256 }) => sha256),
    ),
  baseline: (a, b) => !same(a.baseline, b.baseline),
  date: (a, b) => a.date !== b.date,
};

/** Packages and files of the source that findings are in: all that a record knows of the code beside the image. */
function sourceKeys(inputs: VerdictInputs): string[] {
  const things = inputs.findings.filter(({ layer }) => layer !== 'base').map(thingOf);
  return [...new Set(things)].sort();
}

function thingOf(finding: Finding): string {
  return finding.package === null ? phrasePlace(finding.places[0]) : finding.package.purl;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Swap one input and decide again: exact for all but the findings themselves, which are told apart one by one. */
function hasMoved(mover: Mover, before: VerdictRecord, after: VerdictRecord): boolean {
  switch (mover) {
    case 'policy':
      return differsWith(after, { policy: before.inputs.policy, rehearsal: before.inputs.rehearsal });
    case 'VEX':
      return differsWith(after, { vex: before.inputs.vex });
    case 'baseline':
      return differsWith(after, { baseline: before.inputs.baseline });
    case 'date':
      return differsWith(after, { date: before.inputs.date });
    default:
      return findingsMovedBy(before, after).has(mover) || (mover === 'database' && databaseDecides(before, after));
  }
}

function differsWith(after: VerdictRecord, swapped: Partial<VerdictInputs>): boolean {
  const { status, decisions } = decideInputs({ ...after.inputs, ...swapped });
  const blocking = decisions.filter(({ outcome }) => outcome === 'blocks').map(({ finding }) => keyOf(finding));
  return status !== after.verdict.status || !same(blocking.sort(), [...blockingKeys(after)].sort());
}

/** Its age, its origin or how much it holds, whatever was found with it. */
function databaseDecides(before: VerdictRecord, after: VerdictRecord): boolean {
  const { database, missing } = before.inputs;
  return differsWith(after, { database, missing });
}

/** Each finding that came or went: by another package (code or base), or by other knowledge of the same package. */
function findingsMovedBy(before: VerdictRecord, after: VerdictRecord): Set<Mover> {
  const movers = new Set<Mover>();
  const [a, b] = [before.inputs, after.inputs];
  const compareSides = (one: VerdictInputs, other: VerdictInputs, blocking: ReadonlySet<string>) => {
    const others = new Set(other.findings.map(keyOf));
    const otherThings = new Set(other.findings.map(thingOf));
    for (const finding of one.findings) {
      if (!blocking.has(keyOf(finding)) || others.has(keyOf(finding))) continue;
      movers.add(moverOf(finding, otherThings.has(thingOf(finding)), a, b));
    }
  };
  compareSides(b, a, blockingKeys(after));
  compareSides(a, b, blockingKeys(before));
  return movers;
}

/** Whether the package was there all along cannot be read from findings alone, so an unchanged layer decides. */
function moverOf(finding: Finding, wasSeen: boolean, a: VerdictInputs, b: VerdictInputs): Mover {
  const changed: Mover = finding.layer === 'base' ? 'base image' : 'code';
  const isChanged = DIFFERS[changed](a, b);
  const knowledge: Mover = DIFFERS.database(a, b) ? 'database' : 'scanner';
  if (!isChanged) return knowledge;
  return wasSeen && (DIFFERS.database(a, b) || DIFFERS.scanner(a, b)) ? knowledge : changed;
}

function blockingKeys(record: VerdictRecord): Set<string> {
  return new Set(record.verdict.decisions.filter(({ outcome }) => outcome === 'blocks').map(({ key }) => key));
}

export function renderComparison(before: VerdictRecord, after: VerdictRecord): string {
  const { moved, differs, movers, appeared, gone } = compare(before, after);
  const change = `${before.verdict.status} on ${before.inputs.date} → ${after.verdict.status} on ${after.inputs.date}`;
  if (!moved) {
    const what = differs.length === 0 ? 'nothing differs' : `what differs (${differs.join(', ')}) moved nothing`;
    return `${change}: the verdict did not move; ${what}\n`;
  }
  const by = movers.length === 0 ? 'what moved it is not in the records' : `moved by: ${movers.join(', ')}`;
  return [
    `${change}: ${by}`,
    ...appeared.map((key) => `  + ${key}`),
    ...gone.map((key) => `  - ${key}`),
    ...(differs.length > movers.length
      ? [`  differs, but moved nothing: ${differs.filter((each) => !movers.includes(each)).join(', ')}`]
      : []),
    '',
  ].join('\n');
}
