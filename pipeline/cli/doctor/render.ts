// Shows the rows to a person: what is well in one line, what is not with what it means and the command that fixes it.
import { asLines } from '../../src/core/safe-text.ts';
import type { Screen } from '../render.ts';
import { painter } from '../render.ts';
import { CHECKS, canRun, type Row } from './checks.ts';
import type { Status } from './finding.ts';

const LABELS: Record<Status, string> = { ok: 'ok', warning: 'warn', blocked: 'FAIL', unasked: '-' };
const COLOURS = { ok: 'green', warning: 'yellow', blocked: 'red', unasked: 'dim' } as const;
const WIDTH = Math.max(...Object.keys(CHECKS).map((name) => name.length));

export function renderRows(rows: readonly Row[], screen: Pick<Screen, 'hasColour'>, isVerbose: boolean): string {
  const paint = painter(screen.hasColour);
  const indent = ' '.repeat(5 + 1 + WIDTH + 2);
  const lines = rows.flatMap(({ check, status, found, means, fix }) => [
    `${paint(COLOURS[status], LABELS[status].padEnd(5))} ${check.padEnd(WIDTH)}  ${found}`,
    ...(isVerbose || status === 'warning' || status === 'blocked' ? [paint('dim', `${indent}${means}`)] : []),
    ...(fix === null ? [] : [`${indent}fix: ${fix}`]),
  ]);
  return asLines(lines);
}

export function renderVerdict(rows: readonly Row[]): string {
  return `\n${verdict(rows)}\n`;
}

function verdict(rows: readonly Row[]): string {
  const named = (status: Status) => rows.filter((row) => row.status === status).map(({ check }) => check);
  const [problems, warnings] = [named('blocked'), named('warning')];
  const also = warnings.length === 0 ? '' : `; worth a look: ${warnings.join(', ')}`;
  return canRun(rows)
    ? `the pipeline can run here${also}`
    : `the pipeline cannot run here: ${problems.join(', ')}${also}`;
}
