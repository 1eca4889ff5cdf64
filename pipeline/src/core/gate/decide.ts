// Decides whether what was scanned may ship. Findings, policy and today's date come in, a verdict goes out; nothing is started.
import {
  compareFindings,
  type Finding,
  type FindingKind,
  fileOf,
  isCalled,
  KINDS,
  keyOf,
  phraseThing,
  rank,
} from './finding.ts';
import type { DatabasePolicy, Exception, Policy } from './policy.ts';
import { acquits, type ImageNames, isAbout, type Statement, statementFor, strangersIn } from './vex.ts';

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

/** What an earlier scan of the base branch found; `database` is the sha256 of the one it was found with. */
export type Baseline = { source: string; database: string | null; findings: KnownFinding[] };
/** In how many places it was: a second secret in a file that has one is new, and so is a package that now ships. */
export type KnownFinding = { key: string; places: number; dev: boolean };

/** Bait that was scanned beside: what was put out, what of it was not found, and ecosystems that no bait is known for. */
export type BaitFacts = { put: string[]; missed: string[]; untried: string[] };

export type GateFacts = {
  /** Today, `2026-12-31`. */
  date: string;
  /** Null where only the source was scanned. */
  image: { digest: string; platforms: readonly { digest: string }[] } | null;
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
  status: 'passed' | 'failed' | 'not evaluated';
  /** Why it is not `passed`; one sentence each. */
  reasons: string[];
  /** What changes nothing today, but should be looked at. */
  warnings: string[];
  decisions: Decision[];
};

export function decideGate(facts: GateFacts, policy: Policy, statements: readonly Statement[]): GateVerdict {
  const baseline = usableBaseline(facts, policy);
  const issued = statements.filter(({ timestamp }) => timestamp.slice(0, 10) <= facts.date);
  const { image } = facts;
  const names: ImageNames = {
    digests: image === null ? [] : [image, ...image.platforms].map(({ digest }) => digest),
    repositories: policy.images,
  };
  const around: Around = { facts, policy, statements: issued, image: names, known: baseline.known };
  const decisions = [...facts.findings].sort(compareFindings).map((finding) => decideFinding(finding, around));
  const failures = [
    ...blockingReasons(decisions),
    ...policy.exceptions.filter((entry) => entry.until < facts.date).map(expired),
    ...(facts.bait?.missed ?? []).map((bait) => `the scanner did not find ${bait}, which was put there to be found`),
  ];
  const notEvaluated = notEvaluatedReasons(facts, policy);
  return {
    status: failures.length > 0 ? 'failed' : notEvaluated.length > 0 ? 'not evaluated' : 'passed',
    reasons: [...failures, ...notEvaluated],
    warnings: [
      ...baseline.warnings,
      ...policy.exceptions.filter((entry) => isUnused(entry, facts)).map(unused),
      ...statements.filter((statement) => !issued.includes(statement)).map(early),
      ...idleStatements(around),
    ],
    decisions,
  };
}

type Around = {
  facts: GateFacts;
  policy: Policy;
  statements: readonly Statement[];
  image: ImageNames;
  known: ReadonlyMap<string, KnownFinding>;
};

/** The first rule that lets a finding off decides; what none of them does blocks. */
function decideFinding(finding: Finding, { facts, policy, statements, image, known }: Around): Decision {
  const decision = (outcome: Outcome, why: string): Decision => ({ finding, outcome, why });
  if (rank(finding.severity) < rank(policy.failAt)) {
    return decision('below', `${finding.severity} is below ${policy.failAt}`);
  }
  if (finding.dev && policy.developmentDependencies === 'report') {
    return decision('development', 'only development needs it: it does not ship');
  }
  if (policy.fixableOnly && finding.kind === 'vulnerability' && finding.fixedIn === null) {
    return decision('no-fix', 'no version fixes it, and the policy counts fixable findings only');
  }
  const statement = statementFor(finding, statements, image);
  if (statement !== undefined && acquits(statement)) {
    const reason = statement.impact ?? statement.justification ?? statement.status;
    return decision('vex', `${statement.status} says ${statement.place}: ${reason}`);
  }
  const exceptions = policy.exceptions.filter((entry) => speaksOf(entry, finding));
  const holding = exceptions.find((entry) => entry.until >= facts.date);
  if (holding !== undefined) {
    return decision('accepted', `accepted by ${holding.owner} until ${holding.until}: ${holding.reason}`);
  }
  if (isKnown(finding, known.get(keyOf(finding)))) {
    return decision('known', 'the base branch has it too, and the policy counts new ones only');
  }
  const [ended] = exceptions;
  if (ended !== undefined) return decision('blocks', `${finding.severity}; its exception ended on ${ended.until}`);
  return decision('blocks', `${finding.severity} counts from ${policy.failAt}`);
}

function speaksOf(exception: Exception, finding: Finding): boolean {
  if (!isCalled(finding, [exception.id])) return false;
  if (exception.package !== null && exception.package !== finding.package?.name) return false;
  if (exception.file === null) return true;
  return finding.places.length > 0 && finding.places.every((place) => fileOf(place) === exception.file);
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

function early({ place, timestamp }: Statement): string {
  return `the VEX statement ${place} is of ${timestamp.slice(0, 10)}, which is yet to come: it does not hold`;
}

/** Statements that say nothing of what was found; those of one document together, but for one that may be why a finding counts. */
function idleStatements({ facts, statements, image }: Around): string[] {
  if (facts.missing.some(({ kind }) => kind === 'vulnerability')) return [];
  const idle = statements.filter((statement) => !facts.findings.some((finding) => isAbout(statement, finding, image)));
  const without = new Map<string, string[]>();
  const missed = idle.flatMap((statement) => {
    const found = facts.findings.find((finding) => isCalled(finding, statement.vulnerabilities));
    if (found !== undefined) return [missedBy(statement, found, image)];
    const [, file = '', line = ''] = /^(.*):(\d+)$/s.exec(statement.place) ?? [];
    without.set(file, [...(without.get(file) ?? []), line]);
    return [];
  });
  const others = [...without].map(([file, lines]) => {
    const all = lines.length === 1 ? 'line' : 'lines';
    const more = lines.length > 5 ? ' and others' : '';
    return `VEX statements that speak of nothing that was found: ${file}, ${all} ${lines.slice(0, 5).join(', ')}${more}`;
  });
  return [...missed, ...others];
}

function missedBy(statement: Statement, found: Finding, image: ImageNames): string {
  const [stranger] = strangersIn(statement, image);
  const [id] = statement.vulnerabilities;
  return stranger === undefined
    ? `the VEX statement ${statement.place} is about ${id}, but of no product that it was found in: ${found.package?.purl ?? phraseThing(found)}`
    : `the VEX statement ${statement.place} is of ${stranger}, which is not among the \`images\` of the policy: it says nothing of this image`;
}

/** What cannot be said for want of data. It never makes a gate green. */
function notEvaluatedReasons(facts: GateFacts, policy: Policy): string[] {
  const { database, ecosystems, bait } = facts;
  const isMissing = (wanted: string) => facts.missing.some(({ kind }) => kind === wanted);
  return [
    ...facts.missing.map(({ kind, reason }) => `${kind === 'sbom' ? 'SBOM' : plural(kind, 2)}: ${reason}`),
    ...(database === null && !isMissing('vulnerability') ? ['vulnerabilities: there was no database'] : []),
    ...(database === null ? [] : databaseFaults(facts, database, policy)),
    ...(ecosystems.length === 0 && !isMissing('sbom') ? ['SBOM: it names no package that has advisories'] : []),
    ...(bait?.untried ?? []).map(
      (name) => `no canary is known for ${name}: whether the scanner finds anything is not known`,
    ),
  ];
}

function databaseFaults(facts: GateFacts, database: DatabaseFacts, policy: Policy): string[] {
  const isVouchedFor = database.origin !== 'other' || facts.rehearsal;
  return [
    ...(isVouchedFor
      ? []
      : [
          `the vulnerability database ${database.source} is from an unverified source: no official registry, not listed`,
        ]),
    ...ageFaults(database.updatedAt, facts.date, policy.database.maxAgeDays),
    ...facts.ecosystems.flatMap((ecosystem) => hollowness(ecosystem, database, policy.database)),
  ];
}

function ageFaults(updatedAt: string, date: string, maxAgeDays: number): string[] {
  const age = daysBetween(updatedAt, date);
  if (age > maxAgeDays) {
    return [`the vulnerability database is ${age} days old, more than ${maxAgeDays} (${updatedAt})`];
  }
  // Midnight may lie between two clocks; a whole day more may not.
  return age >= -1 ? [] : [`the vulnerability database has a date that cannot be (${updatedAt || 'none'})`];
}

function hollowness(ecosystem: string, { advisories }: DatabaseFacts, { leastAdvisories }: DatabasePolicy): string[] {
  const [family = ''] = ecosystem.split(' ');
  const least = ownValue(leastAdvisories, ecosystem) ?? ownValue(leastAdvisories, family) ?? 1;
  const held = ownValue(advisories, ecosystem) ?? 0;
  if (held >= least) return [];
  return [`the vulnerability database holds ${held} advisories for ${ecosystem}, fewer than ${least}`];
}

/** Ecosystems are named by what was scanned, and may be called `constructor`. */
function ownValue(record: Readonly<Record<string, number>>, key: string): number | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Whole days from a time to a day; 0 on the same day, NaN for no time. */
function daysBetween(time: string, date: string): number {
  return Math.floor((Date.parse(date) - Date.parse(time.slice(0, 10))) / 86_400_000);
}

/** A baseline counts only if it was looked for with the same database: else "new" may just be newly published. */
function usableBaseline(
  { baseline, database }: GateFacts,
  { newFindingsOnly }: Policy,
): { known: Map<string, KnownFinding>; warnings: string[] } {
  const none = (...warnings: string[]) => ({ known: new Map<string, KnownFinding>(), warnings });
  if (!newFindingsOnly) return none();
  if (baseline === null) return none('the policy counts new findings only, but no baseline was given: all count');
  if (baseline.database !== (database?.sha256 ?? null)) {
    return none(`the baseline ${baseline.source} was scanned with another database: all findings count`);
  }
  return { known: new Map(baseline.findings.map((finding) => [finding.key, finding])), warnings: [] };
}

function isKnown(finding: Finding, known: KnownFinding | undefined): boolean {
  if (known === undefined || finding.places.length > known.places) return false;
  return finding.dev || !known.dev;
}
