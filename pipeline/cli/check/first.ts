// What a run says of its repository: before it begins what it would surely end with, and where it failed what may be why.
import { COMMAND } from '../../src/command.ts';
import { sentenceOf } from '../../src/core/check/finding.ts';
import { findingsOf, type NamedFinding, stoppersOf } from '../../src/core/check/rules.ts';
import { PipelineError } from '../../src/core/errors.ts';
import type { AskedStage, RunResult, StageName } from '../../src/core/model.ts';
import { readRepository } from './read.ts';

/** More of them are a report of their own. */
const MOST = 3;

type Say = (line: string) => void;
export type Run = { root: string; output: string; asked: readonly AskedStage[]; services: readonly string[] };

/** The first of what such a run surely ends with, once all are said; null where there is none. */
export async function whatStops({ root, output, asked, services }: Run, say: Say): Promise<PipelineError | null> {
  if (!asked.some((stage) => RUNS_PACKAGES.has(stage))) return null;
  const findings = findingsOf(await readRepository({ root, output, isWhole: false, services }));
  const [first, ...more] = stoppersOf(findings, asked);
  if (first === undefined) {
    tell(
      findings.filter(({ status }) => status === 'warning'),
      'warning: ',
      say,
    );
    return null;
  }
  tell(more, 'and: ', say);
  return new PipelineError(first.code ?? 'BAD_MANIFEST', sentenceOf(first), first.hint);
}

/** Stages that install something first. */
const RUNS_PACKAGES: ReadonlySet<AskedStage> = new Set(['lint', 'test', 'build']);

/** Where what packages run has failed: what may be why, though it often is not. */
export async function sayDoubts(
  { root, output, services }: Omit<Run, 'asked'>,
  { stages }: RunResult,
  say: Say,
): Promise<void> {
  if (!stages.some(({ name, status }) => status === 'failed' && MAY_BE_WHY.has(name))) return;
  const findings = findingsOf(await readRepository({ root, output, isWhole: true, services }));
  tell(
    findings.filter(({ status }) => status === 'note'),
    'it may be that ',
    say,
  );
}

const MAY_BE_WHY: ReadonlySet<StageName> = new Set(['install', ...RUNS_PACKAGES]);

/** `watch` runs again and again, and says a thing once. */
const told = new Set<string>();

function tell(found: readonly NamedFinding[], before: string, say: Say): void {
  const findings = found.filter(({ problem, status }) => status === 'blocked' || !told.has(problem));
  for (const finding of findings.slice(0, MOST)) say(`${before}${sentenceOf(finding)}; ${finding.hint}`);
  for (const { problem } of findings) told.add(problem);
  if (findings.length > MOST) say(`${findings.length - MOST} more: ${COMMAND} check`);
}
