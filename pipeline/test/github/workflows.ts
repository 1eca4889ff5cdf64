// The workflows, as values.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { readCall } from '../calls.ts';

export const GITHUB = fileURLToPath(new URL('../../../.github', import.meta.url));

type Step = {
  name?: string;
  if?: string;
  uses?: string;
  run?: string;
  'working-directory'?: string;
  'continue-on-error'?: string;
  with?: Record<string, string | number | boolean>;
  env?: Record<string, string>;
};
type Job = {
  name?: string;
  uses?: string;
  needs?: string;
  environment?: string;
  permissions: Record<string, string>;
  env?: Record<string, string>;
  outputs?: Record<string, string>;
  steps?: Step[];
};
/** What a workflow asks of another one that calls it. */
type Reusable = {
  inputs?: Record<string, { default?: unknown; required?: boolean }>;
  secrets?: Record<string, { required?: boolean }>;
  outputs?: Record<string, { value: string }>;
};
export type Workflow = {
  on: Record<string, unknown> & { workflow_call?: Reusable };
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

/** What goes through either of the tool's doors. */
export const CALLS = SCRIPTS.flatMap(({ id, step, run }) => {
  const call = readCall(run);
  return call === null ? [] : [{ id, step, run, ...call }];
});
