// out/verdict.json: the verdict together with everything it rests on, so that it can be decided again, anywhere, to the same bytes.
//
// The hash of each text (policy, VEX) stands beside the text; a record whose texts don't match their hashes is refused.
import { createHash } from 'node:crypto';
import { PipelineError, reasonOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import {
  type BaitFacts,
  type Baseline,
  type DatabaseFacts,
  decideGate,
  type GateFacts,
  type GateVerdict,
} from './decide.ts';
import { type Finding, keyOf } from './finding.ts';
import { type Policy, parsePolicy } from './policy.ts';
import { parseVex } from './vex.ts';

export const VERDICT_SCHEMA = 1;
export const VERDICT_FILE = 'verdict.json';

/** A text that decides, with where it came from. */
export type DecidingText = { file: string; sha256: string; text: string };

export type ScannerFacts = {
  name: 'syft' | 'trivy';
  version: string;
  /** The pin, `image:tag@sha256:…`. */
  image: string;
  /** Recipe of the stand-in that ran in its place; null for the image itself. */
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

/** Decide from recorded inputs alone. Throws `BAD_POLICY` or `BAD_VEX`. */
export function decideInputs(inputs: VerdictInputs): GateVerdict & { policy: Policy } {
  const policy =
    inputs.policy === null ? parsePolicy('version: 1\n') : parsePolicy(inputs.policy.text, inputs.policy.file);
  return { policy, ...decideGate(inputs, policy, parseVex(inputs.vex)) };
}

export function freeze(inputs: VerdictInputs, toolVersion = VERSION): VerdictRecord {
  const { status, reasons, warnings, decisions } = decideInputs(inputs);
  return {
    schemaVersion: VERDICT_SCHEMA,
    tool: { name: 'drydock', version: toolVersion },
    inputs: { ...inputs, findings: decisions.map(({ finding }) => finding) },
    verdict: {
      status,
      reasons,
      warnings,
      decisions: decisions.map(({ finding, outcome, why }) => ({ key: keyOf(finding), outcome, why })),
    },
  };
}

export function renderVerdict(record: VerdictRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** Decide a recorded verdict again. It gives the same bytes, or the record is refused and what differs is said. */
export function replay(text: string, file: string): VerdictRecord {
  const record = parseRecord(text, file);
  const again = freeze(record.inputs, record.tool.version);
  if (renderVerdict(again) === text) return again;
  const moved =
    again.verdict.status === record.verdict.status
      ? ''
      : `: it says ${record.verdict.status}, but decides to ${again.verdict.status}`;
  throw badVerdict(
    `${file} is not what its own inputs decide to${moved}`,
    'it was edited, or written by another version of this tool',
  );
}

/** Read a record, for a replay, an explanation or as a baseline. Throws `BAD_VERDICT`. */
export function parseRecord(text: string, file: string): VerdictRecord {
  const record = parseJson(text, file);
  if (record?.schemaVersion !== VERDICT_SCHEMA) {
    throw badVerdict(`${file} is not a verdict of schema ${VERDICT_SCHEMA}`, 'give the verdict.json that a run wrote');
  }
  const { inputs, verdict } = record as Partial<VerdictRecord>;
  if (!Array.isArray(inputs?.findings) || !Array.isArray(inputs?.vex) || !Array.isArray(verdict?.decisions)) {
    throw badVerdict(`${file} lacks its inputs or its decisions`, 'give the verdict.json that a run wrote, whole');
  }
  for (const text of [...(inputs.policy ? [inputs.policy] : []), ...inputs.vex]) {
    if (hashOf(text.text) === text.sha256) continue;
    throw badVerdict(
      `${text.file} in ${file} is not the text that its hash names`,
      'the record was altered: write a new one',
    );
  }
  return record as VerdictRecord;
}

function parseJson(text: string, file: string): Partial<VerdictRecord> | null {
  try {
    return JSON.parse(text) as Partial<VerdictRecord> | null;
  } catch (cause) {
    throw badVerdict(`${file} is not JSON: ${reasonOf(cause)}`, 'give the verdict.json that a run wrote', cause);
  }
}

function badVerdict(message: string, hint: string, cause?: unknown): PipelineError {
  return new PipelineError('BAD_VERDICT', message, hint, cause === undefined ? undefined : { cause });
}

/** A record as the baseline of another run. */
export function toBaseline(record: VerdictRecord, source: string): Baseline {
  return {
    source,
    database: record.inputs.database?.digest ?? null,
    keys: record.inputs.findings.map(keyOf),
  };
}
