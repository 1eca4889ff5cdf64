// Takes output folders as they are named on its input, each at a moment that is named too, and keeps what it gets until its input ends.
import { createInterface } from 'node:readline';
import { takeOutput } from '../../../cli/output.ts';
import { PipelineError } from '../../../src/core/errors.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const { folder, at } = JSON.parse(line) as { folder: string; at: number };
  while (Date.now() < at);
  console.log(attempt(folder));
}

function attempt(folder: string): string {
  try {
    takeOutput(folder, []);
    return 'held';
  } catch (error) {
    return error instanceof PipelineError ? error.code : String(error);
  }
}
