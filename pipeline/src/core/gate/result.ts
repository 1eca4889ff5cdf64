// The verdict in the words of the result model: what a summary and a terminal show of it.
import type { BlockingRow, GateResult } from '../model.ts';
import type { Decision, GateVerdict } from './decide.ts';
import { type Finding, phrasePlace, phraseThing } from './finding.ts';
import type { Licence } from './trivy.ts';
import type { VerdictInputs } from './verdict.ts';

export type GateAccount = {
  verdict: GateVerdict;
  inputs: VerdictInputs;
  policyChanges: string[];
  licences: readonly Licence[];
};

export function gateResult({ verdict, inputs, policyChanges, licences }: GateAccount): GateResult {
  return {
    status: verdict.status,
    reasons: verdict.reasons,
    warnings: verdict.warnings,
    blocking: verdict.decisions.filter(({ outcome }) => outcome === 'blocks').map(({ finding }) => row(finding)),
    outcomes: countBy(verdict.decisions, ({ outcome }) => outcome),
    database: inputs.database,
    policyFrom: inputs.policyFrom,
    policyChanges,
    licences: countBy(licences, ({ category }) => category || 'unknown'),
    rehearsal: inputs.rehearsal,
  };
}

function row(finding: Finding): BlockingRow {
  const { severity, kind, id, title, url, fixedIn } = finding;
  const source = finding.places.find((place) => place.in === 'source');
  return {
    ...{ severity, kind, id, thing: phraseThing(finding), title, url, from: originOf(finding), fixedIn },
    place: source === undefined ? null : { file: source.file, line: source.line },
  };
}

/** Whose turn it is: the base image's, a dependency's, or the author's of a line. */
function originOf(finding: Finding): string {
  const place = phrasePlace(finding.places[0]);
  if (finding.package === null) return place;
  if (finding.layer === 'base') return 'the base image';
  return finding.via.length > 1 ? `${finding.via.join(' > ')} (${place})` : place;
}

function countBy<T, K extends string>(
  entries: readonly T[],
  nameOf: (entry: T) => K,
): Partial<Record<K, number>> & Record<string, number> {
  const counts: Record<string, number> = {};
  for (const entry of entries) counts[nameOf(entry)] = (counts[nameOf(entry)] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))) as Partial<Record<K, number>> &
    Record<string, number>;
}

/** `12 findings: 9 below, 2 accepted, 1 vex`. */
export function phraseOutcomes(decisions: readonly Decision[]): string {
  if (decisions.length === 0) return 'no findings';
  const counts = phraseCounts(countBy(decisions, ({ outcome }) => outcome));
  return `${decisions.length} finding${decisions.length === 1 ? '' : 's'}: ${counts}`;
}

/** `9 below the threshold, 2 accepted, 1 not affected (VEX)`; nothing where there is nothing. */
export function phraseCounts(outcomes: GateResult['outcomes']): string {
  return Object.entries(outcomes)
    .map(([outcome, count]) => `${count} ${WORDS[outcome as Decision['outcome']]}`)
    .join(', ');
}

const WORDS: Record<Decision['outcome'], string> = {
  blocks: 'blocking',
  below: 'below the threshold',
  development: 'in development only',
  'no-fix': 'without a fix',
  vex: 'not affected (VEX)',
  accepted: 'accepted',
  known: 'known before',
};
