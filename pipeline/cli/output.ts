// The output folder: made sure of before a run, so that nothing in it can be mistaken for this run's.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../src/core/errors.ts';
import { STAGES } from '../src/core/model.ts';

const FILES = ['result.json', 'junit.xml', 'summary.md', 'exit-code', 'image.tar'];

/** Make the folder, and take out what an earlier run left in it. Whatever else is in there stays. */
export function prepareOutput(folder: string): void {
  try {
    mkdirSync(join(folder, 'logs'), { recursive: true });
  } catch (cause) {
    if (statSync(folder, { throwIfNoEntry: false })?.isFile()) {
      throw new PipelineError('BAD_OPTION', `--output ${folder} is a file`, 'name a folder', { cause });
    }
    throw cause;
  }
  for (const name of FILES) rmSync(join(folder, name), { force: true });
  const logs = readdirSync(join(folder, 'logs')).filter((name) => STAGES.some((stage) => name.startsWith(`${stage}-`)));
  for (const name of logs) rmSync(join(folder, 'logs', name), { force: true });
}
