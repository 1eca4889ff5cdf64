// Explains recorded verdicts. Files in, text out: no engine is needed to read them.
import { readFileSync } from 'node:fs';
import { COMMAND } from '../src/command.ts';
import { PipelineError, reasonOf } from '../src/core/errors.ts';
import { explainSince } from '../src/core/gate/explain.ts';
import { parseRecord, type VerdictRecord } from '../src/core/gate/verdict.ts';
import type { ExplainInvocation } from './arguments.ts';

export function explainFiles({ verdict, before }: ExplainInvocation): string {
  return explainSince(read(verdict), before === null ? null : read(before));
}

function read(path: string): VerdictRecord {
  try {
    return parseRecord(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    throw new PipelineError(
      'BAD_OPTION',
      `${path} cannot be read: ${reasonOf(cause)}`,
      `a run with a gate writes out/verdict.json: ${COMMAND} gate`,
      { cause },
    );
  }
}
