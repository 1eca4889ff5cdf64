// `ci.ts doctor`: every wall that a run may meet on this machine, before the run. Starts no stage and changes nothing.
import { resolve } from 'node:path';
import { EXIT } from '../../src/core/errors.ts';
import { safeJson } from '../../src/core/safe-text.ts';
import type { DoctorInvocation } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { canRun, examine } from './checks.ts';
import { gatherFacts } from './machine.ts';
import { renderRows } from './render.ts';

const SCHEMA_VERSION = 1;

/** Exit code 0 if the pipeline can run, 3 if it can't. */
export async function doctor({ options }: DoctorInvocation, root: string, terminal: Terminal): Promise<number> {
  const { engine, offline: isOffline, mirrors } = options;
  const question = { root, output: resolve('out'), engine, isOffline, mirrors };
  const gathering = gatherFacts({ ...question, env: process.env });
  const rows = examine(await Promise.race([gathering, terminal.interrupted]));
  const isWell = canRun(rows);
  if (options.json) terminal.out.control(safeJson({ schemaVersion: SCHEMA_VERSION, canRun: isWell, rows }));
  else terminal.out.write(renderRows(rows, terminal.out, options.verbose));
  return isWell ? EXIT.ok : EXIT.environment;
}
