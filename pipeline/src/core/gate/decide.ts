// Decides whether what was scanned may ship. Findings, policy and today's date come in, a verdict goes out; nothing is started.
import type { Status } from '../model.ts';
import { compareFindings, type Finding, type FindingKind, KINDS, keyOf, phraseThing, rank } from './finding.ts';
import type { Exception, Policy } from './policy.ts';
import { type Statement, statementFor } from './vex.ts';

/** `blocks`: it counts. All others are why a finding does not. */
export const OUTCOMES = ['blocks', 'below', 'development', 'no-fix', 'vex', 'accepted', 'known'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export type Decision = { finding: Finding; outcome: Outcome; why: string };

/** A vulnerability database, and who vouches for it. */
export type DatabaseFacts = {
  /** Of the artifact in the registry, else of the file itself. */
  digest: string;
  /** Of trivy.db itself. */
  sha256: string;
  source: string;
  /** When it was made, ISO 8601. */
  updatedAt: string;
  origin: 'official' | 'listed' | 'other';
  /** By ecosystem, as its buckets are named: `npm`, `debian 13`. */
  advisories: Record<string, number>;
};

/** What an earlier scan of the base branch found, by key. */
export type Baseline = { source: string; database: string | null; keys: string[] };

/** Bait that was scanned beside: what of it was not found. */
export type BaitFacts = { put: string[]; missed: string[] };

export type GateFacts = {
  /** Today, `2026-12-31`. */
  date: string;
  findings: readonly Finding[];
  database: DatabaseFacts | null;
  /** Kinds that could not be looked for, and why. */
  missing: readonly { kind: FindingKind | 'sbom'; reason: string }[];
  /** Ecosystems that the image holds packages of, as the database names them. */
  ecosystems: readonly string[];
  baseline: Baseline | null;
  /** Null where none was scanned: only strict runs do. */
  bait: BaitFacts | null;
  rehearsal: boolean;
};

export type GateVerdict = {
  status: Extract<Status, 'passed' | 'failed' | 'not evaluated'>;
  /** Why it is not `passed`; one sentence each. */
  reasons: string[];
  /** What changes nothing today, but should be looked at. */
  warnings: string[];
  decisions: Decision[];
};

export function decideGate(facts: GateFacts, policy: Policy, statements: readonly Statement[]): GateVerdict {
  const known = knownBefore(facts, policy);
  const decisions = [...facts.findings]
    .sort(compareFindings)
    .map((finding) => decideFinding(finding, { facts, policy, statements, known: known.keys }));
  const failures = [
    ...blockingReasons(decisions),
    ...policy.exceptions.filter((entry) => entry.until < facts.date).map(expired),
    ...(facts.bait?.missed ?? []).map((bait) => `the scanner did not find ${bait}, which was put there to be found`),
  ];
  const notEvaluated = notEvaluatedReasons(facts, policy);
  return {
    status: failures.length > 0 ? 'failed' : notEvaluated.length > 0 ? 'not evaluated' : 'passed',
    reasons: [...failures, ...notEvaluated],
    warnings: [...known.warnings, ...policy.exceptions.filter((entry) => isUnused(entry, facts)).map(unused)],
    decisions,
  };
}

type Around = {
  facts: GateFacts;
  policy: Policy;
  statements: readonly Statement[];
  known: ReadonlySet<string>;
};

function decideFinding(finding: Finding, { facts, policy, statements, known }: Around): Decision {
  const decision = (outcome: Outcome, why: string): Decision => ({ finding, outcome, why });
  if (rank(finding.severity) < rank(policy.failAt)) {
    return decision('below', `${finding.severity} is below ${policy.failAt}`);
  }
  if (finding.dev && policy.developmentDependencies === 'report') {
    return decision('development', 'only development needs it: it does not ship');
  }
  if (policy.fixableOnly && finding.kind === 'vulnerability' && finding.fixedIn === null) {
    return decision('no-fix', 'there is no version that mends it, and the policy counts fixable findings only');
  }
  const statement = statementFor(finding, statements);
  if (statement?.status === 'not_affected' || statement?.status === 'fixed') {
    const reason = statement.impact ?? statement.justification ?? statement.status;
    return decision('vex', `${statement.status} says ${statement.place}: ${reason}`);
  }
  const exception = policy.exceptions.find((entry) => speaksOf(entry, finding) && entry.until >= facts.date);
  if (exception !== undefined) {
    return decision('accepted', `accepted by ${exception.owner} until ${exception.until}: ${exception.reason}`);
  }
  if (known.has(keyOf(finding)))
    return decision('known', 'the base branch has it too, and the policy counts new ones only');
  const end = policy.exceptions.find((entry) => speaksOf(entry, finding));
  if (end !== undefined) return decision('blocks', `${finding.severity}; its exception ended on ${end.until}`);
  return decision('blocks', `${finding.severity} counts from ${policy.failAt}`);
}

function speaksOf(exception: Exception, finding: Finding): boolean {
  if (exception.id !== finding.id) return false;
  return exception.package === null || exception.package === finding.package?.name;
}

function blockingReasons(decisions: readonly Decision[]): string[] {
  const blocking = decisions.filter(({ outcome }) => outcome === 'blocks').map(({ finding }) => finding);
  return KINDS.flatMap((kind) => {
    const of = blocking.filter((finding) => finding.kind === kind);
    if (of.length === 0) return [];
    const shown = of.slice(0, 3).map((finding) => `${finding.id} in ${phraseThing(finding)}`);
    const more = of.length > shown.length ? ` and ${of.length - shown.length} more` : '';
    return [`${of.length} ${plural(kind, of.length)}: ${shown.join(', ')}${more}`];
  });
}

function plural(kind: FindingKind, count: number): string {
  if (count === 1) return kind;
  return kind === 'vulnerability' ? 'vulnerabilities' : `${kind}s`;
}

function expired(exception: Exception): string {
  return `the exception for ${exception.id} (line ${exception.line} of the policy, ${exception.owner}) ended on ${exception.until}`;
}

function isUnused(exception: Exception, facts: GateFacts): boolean {
  return exception.until >= facts.date && !facts.findings.some((finding) => speaksOf(exception, finding));
}

function unused(exception: Exception): string {
  return `the exception for ${exception.id} (line ${exception.line} of the policy) matches nothing: take it out`;
}

/** What cannot be said for want of data. It never makes a gate green. */
function notEvaluatedReasons(facts: GateFacts, policy: Policy): string[] {
  const missing = facts.missing.map(({ kind, reason }) => `${kind === 'sbom' ? 'SBOM' : plural(kind, 2)}: ${reason}`);
  return [...missing, ...(facts.database === null ? [] : databaseFaults(facts, facts.database, policy))];
}

function databaseFaults(facts: GateFacts, database: DatabaseFacts, policy: Policy): string[] {
  const { maxAgeDays, leastAdvisories } = policy.database;
  const age = daysBetween(database.updatedAt, facts.date);
  const faults: string[] = [];
  if (database.origin === 'other' && !facts.rehearsal) {
    faults.push(`nobody vouches for the vulnerability database ${database.source}: no official registry, not listed`);
  }
  if (!Number.isFinite(age) || age > maxAgeDays || age < -1) {
    const old =
      age < -1 || !Number.isFinite(age) ? 'has no date that can be' : `is ${age} days old, more than ${maxAgeDays}`;
    faults.push(`the vulnerability database ${old} (${database.updatedAt})`);
  }
  for (const ecosystem of facts.ecosystems) {
    const least = leastAdvisories[ecosystem] ?? leastAdvisories[ecosystem.split(' ')[0] ?? ''] ?? 1;
    const held = database.advisories[ecosystem] ?? 0;
    if (held < least)
      faults.push(`the vulnerability database holds ${held} advisories for ${ecosystem}, fewer than ${least}`);
  }
  return faults;
}

/** Whole days from a time to a day; 0 on the same day. */
function daysBetween(time: string, date: string): number {
  const from = Date.parse(time.slice(0, 10));
  return Math.floor((Date.parse(date) - from) / 86_400_000);
}

/** A baseline counts only if it was looked for with the same database: else "new" may just be newly published. */
function knownBefore(facts: GateFacts, policy: Policy): { keys: Set<string>; warnings: string[] } {
  const none = (warning: string) => ({ keys: new Set<string>(), warnings: [warning] });
  if (!policy.newFindingsOnly) return { keys: new Set(), warnings: [] };
  if (facts.baseline === null) return none('the policy counts new findings only, but no baseline was given: all count');
  if (facts.baseline.database !== (facts.database?.digest ?? null)) {
    return none(`the baseline ${facts.baseline.source} was scanned with another database: all findings count`);
  }
  return { keys: new Set(facts.baseline.keys), warnings: [] };
}
