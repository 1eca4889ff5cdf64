// out/scan.sarif: the findings as GitHub's code scanning and editors read them. SARIF 2.1.0.
import { createHash } from 'node:crypto';
import { VERSION } from '../version.ts';
import type { Decision } from './decide.ts';
import { type Finding, keyOf, type Place, phraseThing, type Severity } from './finding.ts';

const LEVELS: Record<Severity, 'error' | 'warning' | 'note'> = {
  CRITICAL: 'error',
  HIGH: 'error',
  MEDIUM: 'warning',
  LOW: 'note',
  UNKNOWN: 'note',
};

/** GitHub sorts by this number, 0 to 10, not by the level. */
const SCORES: Record<Severity, string> = { CRITICAL: '9.5', HIGH: '8.0', MEDIUM: '5.5', LOW: '2.0', UNKNOWN: '0.0' };

/**
 * `fallback` is the file that stands for what is in no file of the repository, such as a package of the base image:
 * code scanning shows nothing that has no place.
 */
export function renderSarif(decisions: readonly Decision[], fallback: string): string {
  const rules = new Map<string, Finding>();
  for (const { finding } of decisions) if (!rules.has(finding.id)) rules.set(finding.id, finding);
  const ids = [...rules.keys()];
  const fingerprints = fingerprintsOf(decisions);
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'drydock', version: VERSION, rules: [...rules.values()].map(rule) } },
        columnKind: 'utf16CodeUnits',
        results: decisions.map((decision, index) => ({
          ...result(decision, fallback),
          ruleIndex: ids.indexOf(decision.finding.id),
          // The one name of a fingerprint that GitHub reads.
          partialFingerprints: { primaryLocationLineHash: fingerprints[index] },
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
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
  const fix = finding.fixedIn === null ? '' : ` Mended in ${finding.fixedIn}.`;
  return `${finding.title}.${fix}${finding.url === null ? '' : ` ${finding.url}`}`;
}

function result({ finding, outcome, why }: Decision, fallback: string) {
  const via = finding.via.length > 1 ? `, brought by ${finding.via.join(' > ')}` : '';
  const fix = finding.fixedIn === null ? '' : `; mended in ${finding.fixedIn}`;
  return {
    ruleId: finding.id,
    level: LEVELS[finding.severity],
    message: { text: `${finding.title}: ${phraseThing(finding)}${via}${fix} (${why})` },
    locations: locations(finding, fallback),
    ...(outcome === 'vex' || outcome === 'accepted'
      ? { suppressions: [{ kind: 'external', status: 'accepted', justification: why }] }
      : {}),
  };
}

function locations(finding: Finding, fallback: string) {
  const places = finding.places.filter(isInRepository);
  const shown = places.length > 0 ? places : [{ file: fallback, line: 1 }];
  return shown.map(({ file, line }) => ({
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
