// The workflows are thin, and may do little: each step is one command that a laptop has as well, each action is pinned, each
// job has the permissions that it needs, and nothing that is called is made up.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ignore from 'ignore';
import { expect, test } from 'vitest';
import { DAGGER_VERSION } from '../../cli/engine.ts';
import { PINS, pinned } from '../../src/pins.ts';
import { readCall, unknownIn } from '../calls.ts';
import { CALLS, FILES, GITHUB, JOBS, SCRIPTS, STEPS, textOf, workflowOf } from './workflows.ts';

test('there are three workflows', () => expect(FILES).toEqual(['cd.yml', 'ci.yml', 'scheduled.yml']));

// ---------------------------------------------------------------------------------------------------- thinness

/**
 * All that a step may say. The first five are what a person at a laptop would type; the rest is paper for GitHub. A workflow that other
 * repositories call has the tool beside the source, and writes beside both: nothing of it may be taken for a part of the source.
 */
const COMMANDS = [
  /^(drydock\/)?\.github\/install-dagger "\$RUNNER_TEMP\/dagger"$/,
  /^npm ci$/,
  /^npx tsx pipeline\/ci\.ts [^;&|<>`]+$/,
  /^node \.\.\/drydock\/pipeline\/bin\/drydock\.mjs [^;&|<>`]+$/,
  /^dagger call [^;&|<>`]+ report export --path (\.\.\/)?\w+$/,
  /^cat \w+\/summary\.md >> "\$GITHUB_STEP_SUMMARY"$/,
  /^cat \w+\/annotations\.txt$/,
  /^echo '::notice::[^']+'$/,
  /^exit "\$\(cat \w+\/exit-code\)"$/,
];
for (const { id, run } of SCRIPTS) {
  test(`${id} runs one command: ${run.slice(0, 60)}`, () =>
    expect(COMMANDS.filter((command) => command.test(run))).toHaveLength(1));
}

test('what failed in a pull request is shown on its lines, whatever the verdict', () => {
  const shown = STEPS.filter(({ step }) => step.run === 'cat out/annotations.txt');
  expect(shown.map(({ id }) => id)).toEqual(['ci.yml: ci']);
  expect(shown[0]?.step.if).toBe("${{ !cancelled() && hashFiles('out/annotations.txt') != '' }}");
});

test('what is called are these functions', () => {
  expect(CALLS.map(({ id, name }) => `${id} ${name}`)).toEqual([
    'cd.yml: cd smoke',
    'cd.yml: cd cd',
    'ci.yml: ci ci',
    'scheduled.yml: deployed verify',
    'scheduled.yml: deployed gate',
    'scheduled.yml: pins pins',
  ]);
});

for (const call of CALLS)
  test(`${call.id} calls ${call.name} with options that it takes`, () => expect(unknownIn(call)).toEqual([]));

for (const { id, step, name, run } of CALLS.filter((call) => call.run.includes('env://'))) {
  test(`${id} hands ${name} no variable that may be unset`, () => {
    const job = JOBS.find((one) => one.id === id)?.job;
    const identity = ['ACTIONS_ID_TOKEN_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
    const set = [...Object.keys(step.env ?? {}), ...(job?.permissions['id-token'] === 'write' ? identity : [])];
    const named = [...run.matchAll(/(?:env:\/\/|\$(?!GITHUB_))(\w+)/g)].map(([, variable]) => variable);
    expect(set.sort()).toEqual(named.sort());
  });
}

for (const { id, steps } of JOBS.filter(({ job }) => job.steps?.some(({ run }) => run?.startsWith('dagger call')))) {
  const conditions = (text: string) =>
    steps.filter(({ run, uses }) => (run ?? uses ?? '').includes(text)).map((step) => step.if);

  test(`${id} uploads whatever the verdict, and ends with it`, () => {
    for (const paper of ['GITHUB_STEP_SUMMARY', 'upload-artifact', 'upload-sarif'])
      for (const condition of conditions(paper)) expect(condition, paper).toContain('!cancelled()');
    expect(conditions('GITHUB_STEP_SUMMARY').length).toBeGreaterThan(0);
    expect(conditions('upload-artifact')).toHaveLength(1);
    expect(steps.at(-1)?.run).toBe('exit "$(cat out/exit-code)"');
    expect(steps.at(-1)?.if).toBeUndefined();
  });

  test(`${id} ends with the exit code of each folder that a call wrote`, () => {
    const folders = (pattern: RegExp) => steps.flatMap(({ run = '' }) => pattern.exec(run)?.[1] ?? []).sort();
    expect(folders(/^exit "\$\(cat (\w+)\/exit-code\)"$/)).toEqual(folders(/report export --path (?:\.\.\/)?(\w+)$/));
  });
}

// -------------------------------------------------------------------------------------------------------- trust

test('every action is pinned by its commit, with its tag beside it, and one commit stands for one tag', () => {
  const tags = new Map<string, Set<string>>();
  for (const file of FILES) {
    for (const [line] of textOf(file).matchAll(/^.*\buses: (?!\.\/).*$/gm)) {
      const [, action = '', tag = ''] = /uses: ([\w./-]+@[0-9a-f]{40}) # (v\d+\.\d+\.\d+)$/.exec(line) ?? [];
      expect(action, line).not.toBe('');
      tags.set(action, (tags.get(action) ?? new Set()).add(tag));
    }
  }
  for (const [action, named] of tags) expect([...named], action).toHaveLength(1);
  expect(new Set([...tags.keys()].map((action) => action.split('@')[0])).size).toBe(tags.size);
});

test('jobs may do this, and no more', () => {
  for (const file of FILES) expect(workflowOf(file).permissions).toEqual({});
  const scan = { contents: 'read', 'security-events': 'write' };
  expect(Object.fromEntries(JOBS.map(({ id, job }) => [id, job.permissions]))).toEqual({
    'cd.yml: ci': scan,
    'cd.yml: cd': { contents: 'read', packages: 'write', 'id-token': 'write' },
    'ci.yml: ci': scan,
    'scheduled.yml: deployed': { ...scan, packages: 'read' },
    'scheduled.yml: pins': { contents: 'read' },
  });
});

test('secrets are for the protected environment, and there for one step only', () => {
  for (const { id, job } of JOBS) {
    const steps = (job.steps ?? []).filter((step) => JSON.stringify(step).includes('secrets.'));
    expect(JSON.stringify({ ...job, steps: [] }), id).not.toMatch(/\bsecrets\b/);
    expect(steps).toHaveLength(job.environment === undefined ? 0 : 1);
  }
  expect(JOBS.filter(({ job }) => job.environment !== undefined).map(({ id }) => id)).toEqual(['cd.yml: cd']);
  expect(workflowOf('cd.yml').jobs.cd?.needs).toBe('ci');
});

test('no workflow runs a stranger’s code with rights', () => {
  const risky = ['pull_request_target', 'workflow_run', 'issue_comment'];
  for (const file of FILES) for (const event of risky) expect(workflowOf(file).on, file).not.toHaveProperty(event);
});

/** A job's checkouts, of the source and of the tool. */
const CHECKOUTS = STEPS.filter(({ step }) => step.uses?.startsWith('actions/checkout@'));

test('every checkout of the source takes the head commit, and none keeps credentials', () => {
  for (const { id, step } of CHECKOUTS) expect(step.with?.['persist-credentials'], id).toBe(false);
  const sources = CHECKOUTS.filter(({ step }) => step.with?.path !== 'drydock');
  expect(sources).toHaveLength(JOBS.filter(({ job }) => job.steps !== undefined).length);
  for (const { id, step } of sources) {
    expect(step.with?.ref, id).toMatch(/^\$\{\{ (github\.event\.pull_request\.head\.sha \|\| )?github\.sha \}\}$/);
    expect(step.with?.repository, id).toBeUndefined();
  }
});

test('a job that ships restores nothing that another run wrote', () => {
  for (const file of FILES) expect(textOf(file)).not.toContain('actions/cache');
  for (const { step } of STEPS.filter(({ step: { uses } }) => uses?.startsWith('actions/setup-node@')))
    expect(step.with?.['package-manager-cache']).toBe(false);
});

// ------------------------------------------------------------------------------------------- other repositories

/** What another repository may call. */
const REUSABLE = FILES.filter((file) => 'workflow_call' in workflowOf(file).on);
const REUSABLE_JOBS = JOBS.filter(({ id, steps }) => REUSABLE.includes(id.split(':')[0] ?? '') && steps.length > 0);

test('what another repository calls asks for nothing but which environment, and for no secret', () => {
  expect(REUSABLE).toEqual(['cd.yml', 'ci.yml']);
  const [cd, ci] = REUSABLE.map((file) => workflowOf(file).on.workflow_call ?? {});
  expect(ci).not.toHaveProperty('inputs');
  expect(ci).not.toHaveProperty('secrets');
  expect(Object.entries(cd?.inputs ?? {}).map(([name, input]) => [name, input.default])).toEqual([
    ['environment', 'production'],
  ]);
  expect(Object.entries(cd?.secrets ?? {}).map(([name, { required }]) => [name, required])).toEqual([
    ['COSIGN_PRIVATE_KEY', false],
    ['COSIGN_PASSWORD', false],
  ]);
  expect(workflowOf('cd.yml').jobs.cd?.environment).toBe("${{ inputs.environment || 'production' }}");
});

for (const { id, steps } of REUSABLE_JOBS) {
  test(`${id} takes the tool at the commit of its own file, and never from the repository that calls it`, () => {
    const [source, tool] = CHECKOUTS.filter((checkout) => checkout.id === id).map(({ step }) => step.with ?? {});
    expect([source?.path, tool?.path]).toEqual(['source', 'drydock']);
    // No name at all would mean the caller's repository: one that is no name makes the checkout fail.
    const [, whereUnknown = ''] =
      /^\$\{\{ job\.workflow_repository \|\| '(.+)' \}\}$/.exec(`${tool?.repository}`) ?? [];
    expect(whereUnknown).not.toMatch(/^[^/]+\/[^/]+$|^$/);
    const head = /^\$\{\{ (.+) \}\}$/.exec(`${source?.ref}`)?.[1] ?? '';
    const ofBoth = head.includes('||') ? `(${head})` : head;
    expect(tool?.ref).toBe(`\${{ job.workflow_repository == github.repository && ${ofBoth} || job.workflow_sha }}`);
  });

  test(`${id} runs the tool on the source, and writes beside both`, () => {
    const calls = steps.filter(({ run = '' }) => readCall(run.trim()) !== null);
    for (const { run = '', 'working-directory': folder } of calls) {
      expect(folder).toBe('source');
      expect(run).toMatch(/^dagger call -m \.\.\/drydock --source \. --repo \. --strict |^node \.\.\/drydock\//);
      for (const [, path] of run.matchAll(/--(?:path|run|image|output) (\S+)/g)) expect(path).toMatch(/^\.\.\/\w/);
    }
    const install = steps.find(({ run }) => run === 'npm ci');
    if (install !== undefined) expect(install['working-directory']).toBe('drydock');
  });
}

test('cd ships what its own ci made, by the id of the report: a name is free for any job of a run', () => {
  const { ci, cd } = { ci: workflowOf('ci.yml'), cd: workflowOf('cd.yml') };
  expect(ci.on.workflow_call?.outputs?.report?.value).toBe('${{ jobs.ci.outputs.report }}');
  expect(ci.jobs.ci?.outputs).toEqual({ report: '${{ steps.report.outputs.artifact-id }}' });
  const { steps = [] } = cd.jobs.cd ?? {};
  const download = steps.find(({ uses }) => uses?.startsWith('actions/download-artifact@'));
  expect(download?.with).toEqual({ 'artifact-ids': '${{ needs.ci.outputs.report }}', path: 'out' });
});

test('findings count for the verdict of the upload wherever code scanning is there for sure', () => {
  const [upload] = STEPS.filter(({ id, step }) => id === 'ci.yml: ci' && step.uses?.includes('upload-sarif'));
  expect(upload?.step['continue-on-error']).toBe('${{ github.event.repository.private == true }}');
  expect(upload?.step.with?.checkout_path).toBe('${{ github.workspace }}/source');
});

test('a fork is told why its findings go nowhere', () => {
  const forks = STEPS.filter(({ step }) => step.if?.includes('.fork'));
  expect(forks.map(({ step }) => /fork (.=) true/.exec(step.if ?? '')?.[1])).toEqual(['!=', '==']);
});

test('runs of one thing wait for each other, and no delivery is cut off', () => {
  expect(workflowOf('cd.yml').concurrency).toEqual({ group: 'cd-${{ github.ref }}', 'cancel-in-progress': false });
  for (const file of FILES) expect(workflowOf(file).concurrency.group).not.toBe('');
});

// -------------------------------------------------------------------------------------- said in two places

test('workflows and script use the pinned engine and its CLI', () => {
  for (const file of FILES) {
    const [...engines] = textOf(file).matchAll(/_EXPERIMENTAL_DAGGER_RUNNER_HOST: (.+)$/gm);
    expect(engines.map(([, address]) => address)).toEqual([`docker-image://${pinned('engine')}`]);
  }
  expect(readFileSync(join(GITHUB, 'install-dagger'), 'utf8')).toContain(`\nversion=${DAGGER_VERSION}\n`);
  expect(PINS.engine.image).toMatch(new RegExp(`:v${DAGGER_VERSION}$`));
});

test('the check that the branch rules require is that of a pull request', () => {
  const { rules } = JSON.parse(readFileSync(join(GITHUB, 'rulesets/main.json'), 'utf8'));
  const required = rules.find(({ type }: { type: string }) => type === 'required_status_checks').parameters;
  const { name = '' } = workflowOf('ci.yml').jobs.ci ?? {};
  const [, ofPullRequest] =
    /^\$\{\{ github\.event_name == 'pull_request' && '([^']+)' \|\| 'ci' \}\}$/.exec(name) ?? [];
  // By GitHub Actions (https://api.github.com/apps/github-actions): else whoever may write a status would do.
  expect(required.required_status_checks).toEqual([{ context: ofPullRequest, integration_id: 15368 }]);
});

test('it is made of pull requests to main only, anew when the base changes, and never skipped', () => {
  const { on, jobs } = workflowOf('ci.yml');
  expect(on?.pull_request).toEqual({ branches: ['main'], types: ['opened', 'synchronize', 'reopened', 'edited'] });
  expect(jobs.ci).not.toHaveProperty('if');
});

/** The owners of a file: of the last line that fits, as GitHub reads it. */
function ownersOf(path: string): string[] {
  const lines = readFileSync(join(GITHUB, 'CODEOWNERS'), 'utf8')
    .split('\n')
    .filter((line) => /^[^#\s]/.test(line));
  const [, ...owners] =
    lines.map((line) => line.split(/\s+/)).findLast(([pattern = '']) => ignore().add(pattern).ignores(path)) ?? [];
  return owners;
}

for (const path of ['service/src/app.ts', 'service/test/a-new.test.ts', 'docs/report-wide.png', 'README.md'])
  test(`${path} is free`, () => expect(ownersOf(path)).toEqual([]));

/** Each of these swaps what runs, and was free once. */
const DECIDING = [
  'dagger.json',
  'package.json',
  'package-lock.json',
  '.npmrc',
  'tsconfig.json',
  'biome.json',
  '.ci/run',
  'docker-compose.yml',
  'service/package.json',
  'service/package-lock.json',
  'service/.npmrc',
  'policy/gate.yaml',
  // Tools find these beside what they are about.
  'service/src/biome.json',
  'service/src/deep/biome.jsonc',
  'service/test/.gitignore',
  'service/src/.gitattributes',
  'service/src/package.json',
  'service/src/tsconfig.build.json',
  'service/test/.trivyignore.yaml',
  'docs/.npmrc',
  'a-new-file',
];
for (const path of DECIDING)
  test(`${path} has owners`, () => expect(ownersOf(path)).toEqual(['@drydock-ci/maintainers']));

test('the documentation names every workflow and every job', () => {
  const settings = readFileSync(join(GITHUB, 'SETTINGS.md'), 'utf8');
  for (const { id } of JOBS) {
    const [file, name] = id.split(': ');
    expect(settings.split('\n').find((line) => line.startsWith(`| \`${file}\``))).toContain(`\`${name}\``);
  }
});
