// The workflows, as values.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const GITHUB = fileURLToPath(new URL('../../../.github', import.meta.url));

export type Step = {
  name?: string;
  if?: string;
  uses?: string;
  run?: string;
  with?: Record<string, string | number | boolean>;
  env?: Record<string, string>;
};
export type Job = {
  name?: string;
  uses?: string;
  needs?: string;
  environment?: string;
  permissions: Record<string, string>;
  env?: Record<string, string>;
  steps?: Step[];
};
export type Workflow = {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  concurrency: { group: string };
  env?: Record<string, string>;
  jobs: Record<string, Job>;
};

export const FILES = readdirSync(join(GITHUB, 'workflows')).sort();
export const textOf = (file: string) => readFileSync(join(GITHUB, 'workflows', file), 'utf8');
export const workflowOf = (file: string) => parse(textOf(file)) as Workflow;

/** Every job, by `file: name`. */
export const JOBS = FILES.flatMap((file) =>
  Object.entries(workflowOf(file).jobs).map(([name, job]) => ({ id: `${file}: ${name}`, job, steps: job.steps ?? [] })),
);
export const STEPS = JOBS.flatMap(({ id, steps }) => steps.map((step) => ({ id, step })));

/** Every script, on one line. */
export const SCRIPTS = STEPS.flatMap(({ id, step }) =>
  step.run === undefined ? [] : [{ id, step, run: step.run.trim() }],
);

/** What goes through either of the pipeline's doors: the function, and the names of the options. */
export const CALLS = SCRIPTS.flatMap(({ id, step, run }) => {
  const called = /^dagger call (.+) report export --path \w+$/.exec(run) ?? /^npx tsx pipeline\/ci\.ts (.+)$/.exec(run);
  const words = called?.[1]?.split(/\s+/);
  if (words === undefined) return [];
  const options = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
  // What all functions of the module share is said before the function.
  const name = words.find((word) => !word.startsWith('--')) ?? '';
  return [{ id, step, run, words, name, options }];
});
