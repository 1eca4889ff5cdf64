// `ci.ts doctor`: every wall that a run may meet on this machine, before the run. Starts no stage and changes nothing.
import { resolve } from 'node:path';
import { EXIT } from '../../src/core/errors.ts';
import { safeJson } from '../../src/core/safe-text.ts';
import type { DoctorInvocation } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { canRun, Rows } from './checks.ts';
import type { Facts } from './facts.ts';
import { gatherFacts } from './machine.ts';
import { renderRows, renderVerdict } from './render.ts';

const SCHEMA_VERSION = 1;

/** Exit code 0 if the pipeline can run, 3 if it can't. */
export async function doctor({ options }: DoctorInvocation, root: string, terminal: Terminal): Promise<number> {
  const { engine, offline: isOffline, mirrors, images } = options;
  const { interrupted } = terminal;
  const question = { root, output: resolve('out'), engine, isOffline, mirrors, images, interrupted };
  const rows = new Rows();
  const show = (text: string) => options.json || terminal.out.write(text);
  const tell = (facts: Partial<Facts>) => show(renderRows(rows.add(facts), terminal.out, options.verbose));
  await Promise.race([gatherFacts({ ...question, env: process.env }, tell), interrupted]);
  if (!rows.isComplete) throw new Error(`no check was made after ${rows.all.at(-1)?.check}: it lacks a fact`);
  show(renderVerdict(rows.all));
  const isWell = canRun(rows.all);
  const answer = { schemaVersion: SCHEMA_VERSION, canRun: isWell, rows: rows.all };
  if (options.json) terminal.out.control(safeJson(answer));
  return isWell ? EXIT.ok : EXIT.environment;
}
