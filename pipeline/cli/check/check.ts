// `drydock check`: everything in the repository that will not work, at once. Starts no engine and changes nothing.
import { resolve } from 'node:path';
import { findingsOf } from '../../src/core/check/rules.ts';
import { EXIT } from '../../src/core/errors.ts';
import { safeJson } from '../../src/core/safe-text.ts';
import type { CheckInvocation } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { readRepository } from './read.ts';
import { renderFindings } from './render.ts';

const SCHEMA_VERSION = 1;

/** Exit code 0 if nothing prevents a run, else 1. */
export async function check({ json }: CheckInvocation, root: string, { out }: Terminal): Promise<number> {
  const findings = findingsOf(await readRepository({ root, output: resolve('out'), isWhole: true }));
  const isWell = findings.every(({ status }) => status !== 'blocked');
  if (json) out.control(safeJson({ schemaVersion: SCHEMA_VERSION, canRun: isWell, findings }));
  else out.write(renderFindings(findings, out));
  return isWell ? EXIT.ok : EXIT.failed;
}
