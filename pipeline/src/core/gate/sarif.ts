// out/scan.sarif: the findings as GitHub's code scanning and editors read them. SARIF 2.1.0.
import { createHash } from 'node:crypto';
import { VERSION } from '../version.ts';
import type { Decision, Outcome } from './decide.ts';
import { type Finding, keyOf, type Place, phraseThing, type Severity } from './finding.ts';
import type { Policy } from './policy.ts';

const LEVELS: Record<Severity, 'error' | 'warning' | 'note'> = {
  CRITICAL: 'error',
  HIGH: 'error',
  MEDIUM: 'warning',
  LOW: 'note',
  UNKNOWN: 'note',
};

/** GitHub sorts by this number, 0 to 10, not by the level. */
const SCORES: Record<Severity, string> = { CRITICAL: '9.5', HIGH: '8.0', MEDIUM: '5.5', LOW: '2.0', UNKNOWN: '0.0' };

/** More than these GitHub does not take. */
const MOST = { results: 25_000, locations: 1000 };

/** Outcomes that somebody, or the policy, answers for: nobody has to look at them again. */
const ANSWERED: readonly Outcome[] = ['vex', 'accepted', 'development'];
const isAnswered = ({ outcome }: Decision) => ANSWERED.includes(outcome);

export type Sarif = {
  text: string;
  /** What was left out because no reader takes as much; one sentence each. */
  cut: string[];
};

/**
 * `fallback` is the file that stands for what is in no file of the repository, such as a package of the base image:
 * code scanning shows nothing that has no place.
 */
export function renderSarif(all: readonly Decision[], fallback: string, which: Policy['sarif'] = 'all'): Sarif {
  const { decisions, cut } = withinLimits(which === 'all' ? all : all.filter((decision) => !isAnswered(decision)));
  const rules = new Map<string, Finding>();
  for (const { finding } of decisions) if (!rules.has(finding.id)) rules.set(finding.id, finding);
  const ids = new Map([...rules.keys()].map((id, index) => [id, index]));
  const fingerprints = fingerprintsOf(decisions);
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'drydock', version: VERSION, rules: [...rules.values()].map(rule) } },
        ...(cut.length === 0
          ? {}
          : { invocations: [{ executionSuccessful: true, toolExecutionNotifications: cut.map(notice) }] }),
        columnKind: 'utf16CodeUnits',
        results: decisions.map((decision, index) => ({
          ...result(decision, fallback),
          ruleIndex: ids.get(decision.finding.id),
          // The one name of a fingerprint that GitHub reads.
          partialFingerprints: { primaryLocationLineHash: fingerprints[index] },
        })),
      },
    ],
  };
  return { text: `${JSON.stringify(log, null, 2)}\n`, cut };
}

const notice = (text: string) => ({ level: 'warning', message: { text } });

/** The open ones first, each group from the worst on. */
function withinLimits(given: readonly Decision[]): { decisions: readonly Decision[]; cut: string[] } {
  const isTooMany = given.length > MOST.results;
  const byNeed = [...given].sort((a, b) => Number(isAnswered(a)) - Number(isAnswered(b)));
  const decisions = isTooMany ? byNeed.slice(0, MOST.results) : given;
  const inMany = decisions.filter(({ finding }) => finding.places.filter(isInRepository).length > MOST.locations);
  return {
    decisions,
    cut: [
      ...(isTooMany ? [`scan.sarif holds ${MOST.results} of ${given.length} findings, as GitHub takes no more`] : []),
      ...inMany.map(
        ({ finding }) =>
          `scan.sarif names ${MOST.locations} of the places of ${finding.id} in ${phraseThing(finding)}, as GitHub takes no more`,
      ),
    ],
  };
}

function rule(finding: Finding) {
  return {
    id: finding.id,
    name: finding.kind,
    shortDescription: { text: finding.title },
    fullDescription: { text: finding.title },
    ...(finding.url === null ? {} : { helpUri: finding.url }),
    help: { text: helpOf(finding) },
    defaultConfiguration: { level: LEVELS[finding.severity] },
    properties: { tags: ['security', finding.kind], 'security-severity': SCORES[finding.severity] },
  };
}

function helpOf(finding: Finding): string {
  const fix = finding.fixedIn === null ? '' : ` Fixed in ${finding.fixedIn}.`;
  return `${finding.title}.${fix}${finding.url === null ? '' : ` ${finding.url}`}`;
}

function result(decision: Decision, fallback: string) {
  const { finding, why } = decision;
  const via = finding.via.length > 1 ? `, brought by ${finding.via.join(' > ')}` : '';
  const fix = finding.fixedIn === null ? '' : `; fixed in ${finding.fixedIn}`;
  return {
    ruleId: finding.id,
    level: isAnswered(decision) ? 'note' : LEVELS[finding.severity],
    message: { text: `${finding.title}: ${phraseThing(finding)}${via}${fix} (${why})` },
    locations: locations(finding, fallback),
    ...(isAnswered(decision) ? { suppressions: [{ kind: 'external', status: 'accepted', justification: why }] } : {}),
  };
}

function locations(finding: Finding, fallback: string) {
  const places = finding.places.filter(isInRepository);
  const shown = places.length > 0 ? places : [{ file: fallback, line: 1 }];
  return shown.slice(0, MOST.locations).map(({ file, line }) => ({
    physicalLocation: {
      artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' },
      region: { startLine: line ?? 1 },
    },
  }));
}

function isInRepository(place: Place): boolean {
  const steps = place.file.split('/');
  return place.in === 'source' && !steps.some((step) => step === '' || step === '.' || step === '..');
}

/**
 * Of what was found in what; no line, no version: an alert stays one alert while the code around it moves. The number behind it tells
 * two versions of one package apart.
 */
function fingerprintsOf(decisions: readonly Decision[]): string[] {
  const seen = new Map<string, number>();
  return decisions.map(({ finding }) => {
    const { kind, id, package: found } = finding;
    const thing = found === null ? keyOf(finding) : `${kind} ${id} ${found.ecosystem}/${found.name}`;
    const number = (seen.get(thing) ?? 0) + 1;
    seen.set(thing, number);
    return `${createHash('sha256').update(thing).digest('hex').slice(0, 32)}:${number}`;
  });
}
