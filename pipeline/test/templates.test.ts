// What users copy: each template, and each command of docs/doors.md, names only functions, options, workflows and versions that exist.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { pinned } from '../src/pins.ts';
import { readCall, unknownIn } from './calls.ts';
import { FILES, textOf, type Workflow, workflowOf } from './github/workflows.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, 'pipeline/templates');
const TEMPLATES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yml'))
  .sort();
const templateOf = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const { name, version, bin, repository } = JSON.parse(readFileSync(join(ROOT, 'pipeline/package.json'), 'utf8'));
const DOORS = readFileSync(join(ROOT, 'docs/doors.md'), 'utf8');
/** The tool's own repository on GitHub. */
const [, OWN = ''] = /github\.com\/([\w-]+\/[\w-]+)\.git$/.exec(repository.url) ?? [];

/** Every text of a YAML file, in its order. */
const textsIn = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Object.values(value ?? {}).flatMap(textsIn);
const callsIn = (texts: readonly string[]) => texts.flatMap((text) => readCall(text.trim()) ?? []);

test('there is one for each place', () =>
  expect(TEMPLATES).toEqual(['forgejo.yml', 'github.yml', 'gitlab.yml', 'woodpecker.yml']));

describe.each(TEMPLATES.filter((file) => file !== 'github.yml'))('%s', (file) => {
  const texts = textsIn(parse(templateOf(file)));

  test('runs ci, and fails where something could not be evaluated', () => {
    const calls = callsIn(texts);
    expect(calls.map((call) => [call.name, call.options.includes('strict'), unknownIn(call)])).toEqual([
      ['ci', true, []],
    ]);
  });

  test('installs git and what the lock file names, in that order, before it runs', () => {
    const at = (word: RegExp) => texts.findIndex((text) => word.test(text));
    const order = [at(/^apt-get install .*\bgit$/), at(/^npm ci$/), at(/^npx drydock ci/)];
    expect(order).not.toContain(-1);
    expect(order).toEqual([...order].sort((one, other) => one - other));
  });

  test('has the image that the tool itself lints and tests in, by its digest', () => {
    const images = texts.filter((text) => /@sha256:/.test(text));
    expect(new Set(images)).toEqual(new Set([pinned('node')]));
  });

  test('says which folders git has to ignore', () => {
    const folders = ['node_modules', 'out', ...(texts.some((text) => text.endsWith('/.cache')) ? ['.cache'] : [])];
    const [, said = ''] = /^# \.gitignore has to name (.+)\.$/m.exec(templateOf(file)) ?? [];
    expect(said.split(/, | and /).sort()).toEqual(folders.sort());
  });
});

test('the report is kept or shown, whatever the verdict', () => {
  const { drydock: gitlab } = parse(templateOf('gitlab.yml'));
  expect(gitlab.artifacts).toEqual({ when: 'always', paths: ['out'], reports: { junit: 'out/junit.xml' } });
  const { steps: woodpecker } = parse(templateOf('woodpecker.yml'));
  expect(woodpecker.at(-1)).toMatchObject({
    commands: ['cat out/summary.md'],
    when: [{ status: ['success', 'failure'] }],
  });
  const { jobs } = parse(templateOf('forgejo.yml')) as Workflow;
  expect(jobs.ci?.steps?.at(-1)).toMatchObject({ if: '${{ always() }}', run: 'cat out/summary.md' });
});

test('what one run of GitLab leaves for another is nothing but packages, which are checked by their hash', () => {
  const { drydock: gitlab } = parse(templateOf('gitlab.yml'));
  expect(gitlab.variables.XDG_CACHE_HOME).toBe('$CI_PROJECT_DIR/.cache');
  expect(gitlab.cache.paths).toEqual(['.cache/drydock/packages']);
});

test('actions of the other forge are those of our own workflows, by the same commits', () => {
  const ours = FILES.map(textOf).join('\n');
  const used = [...templateOf('forgejo.yml').matchAll(/uses: (.+)/g)].map(([, action = '']) => action);
  expect(used.length).toBeGreaterThan(0);
  for (const action of used) expect(ours).toContain(`uses: ${action}\n`);
});

describe('github.yml', () => {
  const template = parse(templateOf('github.yml')) as Workflow;
  const jobs = Object.entries(template.jobs);

  test('calls the workflows of this repository, of this version', () =>
    expect(jobs.map(([, job]) => job.uses)).toEqual(
      ['ci', 'cd'].map((file) => `${OWN}/.github/workflows/${file}.yml@v${version}`),
    ));

  test.each(jobs)('%s hands over what is taken, and grants exactly what the jobs there need', (_, job) => {
    const called = workflowOf(basename(`${job.uses}`.replace(/@.*$/, '')));
    expect(called.on).toHaveProperty('workflow_call');
    const needed = Object.values(called.jobs).map(({ permissions }) => permissions);
    expect(job.permissions).toEqual(Object.assign({}, ...needed));
    expect(job).not.toHaveProperty('with');
    expect(job).not.toHaveProperty('secrets');
  });

  test('asks of pull requests and pushes what our own workflows ask', () => {
    expect(template.on.pull_request).toEqual(workflowOf('ci.yml').on.pull_request);
    expect(template.on.push).toEqual(workflowOf('cd.yml').on.push);
    expect(template.permissions).toEqual({});
  });
});

describe('docs/doors.md', () => {
  /** Lines of code blocks, and code within a text. */
  const blocks = [...DOORS.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const lines = blocks.flatMap(([, , block = '']) => block.split('\n'));
  const inline = [...DOORS.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  const calls = callsIn([...lines, ...inline]);

  test.each(calls.map((call) => [call.text, call] as const))('%s', (_, call) => expect(unknownIn(call)).toEqual([]));

  test('has both doors, and the workflows', () => {
    expect(new Set(calls.map(({ door }) => door))).toEqual(new Set(['command line', 'Dagger']));
    expect(DOORS).toContain(`npm install --save-dev --save-exact ${name}`);
    expect(Object.keys(bin)).toContain('drydock');
  });

  test('names this version, and no other', () => {
    const named = [...DOORS.matchAll(/@v(\d+\.\d+\.\d+)/g)].map(([, one]) => one);
    expect(named.length).toBeGreaterThan(0);
    expect(new Set(named)).toEqual(new Set([version]));
  });

  test('names every template by a file that the package brings, and every input and secret that cd takes', () => {
    for (const file of TEMPLATES) expect(DOORS).toContain(`node_modules/${name}/templates/${file}`);
    for (const [, file = ''] of DOORS.matchAll(/templates\/([\w.]+\.yml)/g)) expect(TEMPLATES).toContain(file);
    const { inputs = {}, secrets = {} } = workflowOf('cd.yml').on.workflow_call ?? {};
    for (const one of [...Object.keys(inputs), ...Object.keys(secrets)]) expect(DOORS).toContain(`\`${one}\``);
  });

  test('is short', () => expect(DOORS.split('\n').length).toBeLessThanOrEqual(121));
});
