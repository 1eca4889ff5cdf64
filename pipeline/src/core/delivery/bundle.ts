// Reads what a Sigstore bundle states. Nothing of it counts before its signature was verified.

import { isDeepStrictEqual } from 'node:util';
import { reasonOf } from '../errors.ts';
import { freeze, parseRecord } from '../gate/verdict.ts';
import { recordOf } from '../record.ts';
import { STATEMENTS, type StatementName } from './statements.ts';

export type Statement = {
  /** Null for a type that we don't know. */
  name: StatementName | null;
  subjects: string[];
  predicate: unknown;
};

/** Null for what is no bundle of an in-toto statement. */
export function parseBundle(text: string): Statement | null {
  try {
    const { dsseEnvelope } = JSON.parse(text) as { dsseEnvelope: { payload: string } };
    const { predicateType, subject, predicate } = JSON.parse(
      Buffer.from(dsseEnvelope.payload, 'base64').toString('utf8'),
    ) as { predicateType: string; subject: { digest: { sha256?: string } }[]; predicate: unknown };
    const name = (Object.keys(STATEMENTS) as StatementName[]).find((key) => STATEMENTS[key] === predicateType) ?? null;
    return { name, subjects: subject.map(({ digest }) => `sha256:${digest.sha256}`), predicate };
  } catch {
    return null;
  }
}

/** What is wrong with a statement whose signature holds; null if nothing is. */
export function statementFault({ name, subjects, predicate }: Statement, digest: string): string | null {
  if (!subjects.includes(digest)) return `it is about ${subjects.join(', ') || 'nothing'}, not about this image`;
  if (name === 'sbom') return isSbomOf(predicate) ? null : 'it is no SPDX document';
  if (name === 'provenance') return isProvenance(predicate) ? null : 'it names no build';
  return name === 'verdict' ? verdictFault(predicate, digest) : null;
}

function verdictFault(predicate: unknown, digest: string): string | null {
  try {
    // Whoever signs writes the same content with other spaces, and keys in another order.
    const record = parseRecord(JSON.stringify(predicate), 'the verdict');
    const { inputs, verdict } = record;
    if (!isDeepStrictEqual(freeze(inputs, record.tool.version), record))
      return 'the verdict is not what its own inputs decide to';
    if (inputs.image?.digest !== digest) return `it judged ${inputs.image?.digest ?? 'no image'}`;
    return verdict.status === 'failed' ? 'it says that this image may not ship' : null;
  } catch (error) {
    return reasonOf(error);
  }
}

const isSbomOf = (value: unknown) => typeof (value as { spdxVersion?: unknown } | null)?.spdxVersion === 'string';
const isProvenance = (value: unknown) =>
  typeof (value as { buildDefinition?: { buildType?: unknown } } | null)?.buildDefinition?.buildType === 'string';

/** The commit that a build was made of, as its provenance says; undefined where it names none. */
export function commitOfBuild({ name, predicate }: Statement): string | undefined {
  const { resolvedDependencies } = recordOf(recordOf(predicate).buildDefinition);
  const dependencies: unknown[] =
    name === 'provenance' && Array.isArray(resolvedDependencies) ? resolvedDependencies : [];
  return dependencies.map((one) => recordOf(recordOf(one).digest).gitCommit).find(isCommit);
}

export const isCommit = (text: unknown): text is string =>
  typeof text === 'string' && /^([\da-f]{40}|[\da-f]{64})$/.test(text);
