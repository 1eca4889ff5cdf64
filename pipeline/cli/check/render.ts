// Shows the findings of a check to a person: one sentence each, and what to paste.
import { type Status, sentenceOf } from '../../src/core/check/finding.ts';
import type { NamedFinding } from '../../src/core/check/rules.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { painter, type Screen } from '../render.ts';

const LABELS: Readonly<Record<Status, string>> = { blocked: 'FAIL', warning: 'warn', note: 'note' };
const COLOURS = { blocked: 'red', warning: 'yellow', note: 'dim' } as const;
const INDENT = ' '.repeat(6);

export function renderFindings(findings: readonly NamedFinding[], screen: Pick<Screen, 'hasColour'>): string {
  const paint = painter(screen.hasColour);
  const lines = findings.flatMap((finding) => [
    `${paint(COLOURS[finding.status], LABELS[finding.status].padEnd(5))} ${sentenceOf(finding)}`,
    `${INDENT}fix: ${finding.hint}`,
  ]);
  return asLines([...lines, ...(lines.length === 0 ? [] : ['']), verdict(findings)]);
}

function verdict(findings: readonly NamedFinding[]): string {
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length;
  const [blocked, others] = [count('blocked'), count('warning') + count('note')];
  const also = others === 0 ? '' : `; worth a look: ${others}`;
  if (blocked === 0) return `nothing prevents a run${also}`;
  return `a run would fail here for ${blocked === 1 ? 'one reason' : `${blocked} reasons`}${also}`;
}
