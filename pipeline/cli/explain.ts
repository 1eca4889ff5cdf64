// Explains recorded verdicts. Files in, text out: no engine is needed to read them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { COMMAND, quoted } from '../src/command.ts';
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
    throw new PipelineError('BAD_OPTION', `${path} cannot be read: ${reasonOf(cause)}`, remedyFor(path), { cause });
  }
}

/** Of a run of several services each has its own. */
function remedyFor(path: string): string {
  const [folder, file] = [dirname(path), basename(path)];
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const found = names.map((name) => join(folder, name, file)).filter((other) => existsSync(other));
  if (found.length === 0) return `a run with a gate writes out/verdict.json: ${COMMAND} gate`;
  return `each service has its own: ${found.map((other) => `${COMMAND} explain ${quoted(other)}`).join(', or ')}`;
}
