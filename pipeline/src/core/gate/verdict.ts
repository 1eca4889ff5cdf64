// Freezes a verdict into a record, and decides a record again, anywhere, to the same bytes.
import { VERSION } from '../version.ts';
import { type Baseline, decideGate, type GateVerdict } from './decide.ts';
import { keyOf } from './finding.ts';
import { DEFAULT_POLICY, parsePolicy } from './policy.ts';
import { badVerdict, parseRecord, VERDICT_SCHEMA, type VerdictInputs, type VerdictRecord } from './record.ts';
import { parseVex } from './vex.ts';

export {
  type DecidingText,
  decidingText,
  parseRecord,
  type ScannedImage,
  type ScannerFacts,
  type VerdictInputs,
  type VerdictRecord,
} from './record.ts';

/** Decide from recorded inputs alone. Throws `BAD_POLICY` or `BAD_VEX`. */
export function decideInputs(inputs: VerdictInputs): GateVerdict {
  const policy = inputs.policy === null ? DEFAULT_POLICY : parsePolicy(inputs.policy.text, inputs.policy.file);
  return decideGate(inputs, policy, parseVex(inputs.vex));
}

export function freeze(inputs: VerdictInputs, toolVersion = VERSION): VerdictRecord {
  return freezeDecided(inputs, decideInputs(inputs), toolVersion);
}

/** As `freeze`, of a verdict that was decided from these inputs. */
export function freezeDecided(
  inputs: VerdictInputs,
  { status, reasons, warnings, decisions }: GateVerdict,
  toolVersion = VERSION,
): VerdictRecord {
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

/** A record as the baseline of another run. */
export function toBaseline({ inputs }: VerdictRecord, source: string): Baseline {
  return {
    source,
    database: inputs.database?.sha256 ?? null,
    findings: inputs.findings.map((finding) => ({
      key: keyOf(finding),
      places: finding.places.length,
      dev: finding.dev,
    })),
  };
}
