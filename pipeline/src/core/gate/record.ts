// out/verdict.json: the verdict together with everything it rests on. What is in it, and how it is read back.
//
// The hash of each text (policy, VEX) stands beside the text; a record whose texts don't match their hashes is refused.
import { createHash } from 'node:crypto';
import { PipelineError, reasonOf } from '../errors.ts';
import { count, flag, listOf, objectOf, oneOf, optional, orNull, readJson, recordOf, text } from '../shape.ts';
import {
  type BaitFacts,
  type Baseline,
  type DatabaseFacts,
  type GateFacts,
  type GateVerdict,
  type KnownFinding,
  OUTCOMES,
} from './decide.ts';
import { type Finding, KINDS, keyOf, type PackageName, type Place, SEVERITIES } from './finding.ts';
import { isDate } from './policy.ts';

export const VERDICT_SCHEMA = 1;

/** A text that decides, with where it came from. */
export type DecidingText = { file: string; sha256: string; text: string };

export type ScannerFacts = {
  name: 'syft' | 'trivy';
  version: string;
  /** The pin, `image:tag@sha256:…`. */
  image: string;
  /** Recipe of the substitute that ran in its place; null for the image itself. */
  standIn: string | null;
};

/** What was scanned. Null where only the source was. */
export type ScannedImage = {
  digest: string;
  base: string | null;
  appLayers: string[];
  platforms: { platform: string; digest: string }[];
};

export type VerdictInputs = {
  date: string;
  rehearsal: boolean;
  image: ScannedImage | null;
  scanners: ScannerFacts[];
  database: DatabaseFacts | null;
  /** Where policy and VEX were read: the working tree, or the base branch of a pull request. */
  policyFrom: string;
  /** Null where there is none: the built-in one holds. */
  policy: DecidingText | null;
  vex: DecidingText[];
  baseline: Baseline | null;
  bait: BaitFacts | null;
  missing: GateFacts['missing'];
  ecosystems: readonly string[];
  findings: readonly Finding[];
};

/** What is written, and what `gate --replay` and `explain` read. */
export type VerdictRecord = {
  schemaVersion: typeof VERDICT_SCHEMA;
  tool: { name: 'drydock'; version: string };
  inputs: VerdictInputs;
  verdict: {
    status: GateVerdict['status'];
    reasons: string[];
    warnings: string[];
    /** In the order of `inputs.findings`. */
    decisions: { key: string; outcome: GateVerdict['decisions'][number]['outcome']; why: string }[];
  };
};

export function decidingText(file: string, text: string): DecidingText {
  return { file, sha256: hashOf(text), text };
}

function hashOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** Read a record, for a replay, an explanation or as a baseline. Throws `BAD_VERDICT`. */
export function parseRecord(json: string, file: string): VerdictRecord {
  const record = read(json, file);
  const altered = alterations(record);
  if (altered !== null) throw badVerdict(`${altered}, in ${file}`, 'the record was altered: write a new one');
  return record;
}

/** What in a record cannot be as it was written; null when all agrees. */
function alterations({ inputs, verdict }: VerdictRecord): string | null {
  if (!isDate(inputs.date)) return `${JSON.stringify(inputs.date)} is not a day`;
  for (const { file, text, sha256 } of [...(inputs.policy === null ? [] : [inputs.policy]), ...inputs.vex]) {
    if (hashOf(text) !== sha256) return `${file} is not the text that its hash names`;
  }
  const decided = verdict.decisions.map(({ key }) => key);
  const isWhole = inputs.findings.length === decided.length;
  const agrees = isWhole && inputs.findings.every((finding, index) => keyOf(finding) === decided[index]);
  return agrees ? null : 'the decisions are not about the findings';
}

function read(json: string, file: string): VerdictRecord {
  try {
    return readJson(json, verdictRecord, ['schemaVersion', VERDICT_SCHEMA]);
  } catch (cause) {
    throw badVerdict(`${file} is no verdict: ${reasonOf(cause)}`, 'give the complete verdict.json of a run', cause);
  }
}

export function badVerdict(message: string, hint: string, cause?: unknown): PipelineError {
  return new PipelineError('BAD_VERDICT', message, hint, cause === undefined ? undefined : { cause });
}

// ------------------------------------------------------------------------------------------------ shape

const place = objectOf<Place>({ in: oneOf(['image', 'source']), file: text, line: orNull(count) });

const packageName = objectOf<PackageName>({ name: text, version: text, ecosystem: text, purl: text });

const finding = objectOf<Finding>({
  kind: oneOf(KINDS),
  id: text,
  aliases: optional(listOf(text)),
  severity: oneOf(SEVERITIES),
  title: text,
  url: orNull(text),
  package: orNull(packageName),
  fixedIn: orNull(text),
  layer: orNull(oneOf(['base', 'app'])),
  dev: flag,
  via: listOf(text),
  places: listOf(place),
});

export const databaseShape = objectOf<DatabaseFacts>({
  digest: text,
  sha256: text,
  source: text,
  updatedAt: text,
  origin: oneOf(['official', 'listed', 'other']),
  advisories: recordOf(count),
});

export const scannerShape = objectOf<ScannerFacts>({
  name: oneOf(['syft', 'trivy']),
  version: text,
  image: text,
  standIn: orNull(text),
});

const deciding = objectOf<DecidingText>({ file: text, sha256: text, text });

const inputs = objectOf<VerdictInputs>({
  date: text,
  rehearsal: flag,
  image: orNull(
    objectOf<ScannedImage>({
      digest: text,
      base: orNull(text),
      appLayers: listOf(text),
      platforms: listOf(objectOf<ScannedImage['platforms'][number]>({ platform: text, digest: text })),
    }),
  ),
  scanners: listOf(scannerShape),
  database: orNull(databaseShape),
  policyFrom: text,
  policy: orNull(deciding),
  vex: listOf(deciding),
  baseline: orNull(
    objectOf<Baseline>({
      source: text,
      database: orNull(text),
      findings: listOf(objectOf<KnownFinding>({ key: text, places: count, dev: flag })),
    }),
  ),
  bait: orNull(objectOf<BaitFacts>({ put: listOf(text), missed: listOf(text), untried: listOf(text) })),
  missing: listOf(objectOf<VerdictInputs['missing'][number]>({ kind: oneOf([...KINDS, 'sbom']), reason: text })),
  ecosystems: listOf(text),
  findings: listOf(finding),
});

const verdictRecord = objectOf<VerdictRecord>({
  schemaVersion: oneOf([VERDICT_SCHEMA]),
  tool: objectOf<VerdictRecord['tool']>({ name: oneOf(['drydock']), version: text }),
  inputs,
  verdict: objectOf<VerdictRecord['verdict']>({
    status: oneOf(['passed', 'failed', 'not evaluated']),
    reasons: listOf(text),
    warnings: listOf(text),
    decisions: listOf(
      objectOf<VerdictRecord['verdict']['decisions'][number]>({ key: text, outcome: oneOf(OUTCOMES), why: text }),
    ),
  }),
});
