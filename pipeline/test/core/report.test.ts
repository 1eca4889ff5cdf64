// A run as people read it: the failure in about ten lines, the summary, the files of a report.
import { describe, expect, test } from 'vitest';
import { parseJunit, renderJunit } from '../../src/core/junit.ts';
import { type RunResult, type SmokeRow, STAGES, type StageResult } from '../../src/core/model.ts';
import { phraseFailure, phraseStage, phraseVerdict } from '../../src/core/phrases.ts';
import { renderReport } from '../../src/core/report.ts';
import { type RunFacts, runResult } from '../../src/core/result.ts';
import { renderSummary } from '../../src/core/summary.ts';
import { REPORTS } from '../reports.ts';
import { failedStage, image, run, stage, step } from './make.ts';

const suite = {
  name: 'service',
  tests: { total: 10, failed: 1, skipped: 2 },
  coverage: { lines: 98.04, statements: 1, functions: 1, branches: 1 },
};

const stages: [name: string, stage: StageResult, line: string][] = [
  ['passed', stage(), 'ok    lint     2.0 s'],
  ['cached', stage({ cached: true }), 'ok    lint     cached'],
  ['failed', failedStage(), 'FAIL  lint     2.0 s · biome: exit 1'],
  [
    'with tests',
    stage({ name: 'test', suites: [suite] }),
    'ok    test     2.0 s · service 7 passed, 1 failed, 2 skipped, 98.0 % covered',
  ],
  [
    'skipped',
    stage({ status: 'skipped', steps: [], reason: 'not reached: install failed' }),
    'skip  lint     not reached: install failed',
  ],
  ['long', stage({ seconds: 75 }), 'ok    lint     1 min 15 s'],
];
for (const [name, given, line] of stages) test(`a stage that is ${name}`, () => expect(phraseStage(given)).toBe(line));

test('a failure names stage, command, first errors, log and the way to run just this again', () => {
  expect(phraseFailure(failedStage(), run(), 'out')).toEqual([
    'lint failed: biome: exit 1',
    '  npx biome ci .',
    '    a.ts:1:1 lint/x: it is wrong',
    '  full log: out/logs/lint-biome.log',
    '  re-run:   npx tsx pipeline/ci.ts lint',
  ]);
});

test('a failed install is run again by what was asked for', () => {
  const install = { ...failedStage(), name: 'install' as const };
  expect(phraseFailure(install, run({ function: 'test' }), 'out').at(-1)).toBe(
    '  re-run:   npx tsx pipeline/ci.ts test',
  );
});

test('a failure of many steps stays short', () => {
  const steps = ['a', 'b', 'c'].map((name) => step({ name, exitCode: 1, firstErrors: ['1', '2', '3', '4', '5'] }));
  expect(phraseFailure(stage({ status: 'failed', steps }), run(), 'out').length).toBeLessThanOrEqual(20);
});

const verdicts: [over: Partial<RunResult>, line: string][] = [
  [{}, 'passed in 3.0 s'],
  [{ verdict: 'failed', stages: [failedStage(), stage({ name: 'test' })] }, 'failed in 3.0 s: lint'],
  [
    { verdict: 'failed', stages: [stage({ status: 'not evaluated' })] },
    'failed in 3.0 s: not all was evaluated (--strict)',
  ],
  [
    { verdict: 'error', error: { code: 'NO_SPACE', message: 'the disk is full', hint: '' } },
    'stopped after 3.0 s: the disk is full',
  ],
];
for (const [over, line] of verdicts) test(`verdict: ${line}`, () => expect(phraseVerdict(run(over))).toBe(line));

test('the summary shows the verdict, every stage, and the failure in a fence', () => {
  const failed = failedStage({ firstErrors: ['a ``` b'] });
  const text = renderSummary(
    run({ verdict: 'failed', exitCode: 1, stages: [failed, stage({ name: 'build' })], image: image() }),
  );
  expect(text).toContain('## ❌ ci: failed in 3.0 s: lint');
  expect(text).toContain('| lint | ❌ failed: biome: exit 1 | 2.0 s |');
  expect(text).toContain('````text\na ``` b\n````');
  expect(text).toContain('`0123456789ab` on `main`');
  expect(text).toContain('sha256:aaaa');
});

test('the summary is loud about substitutes', () => {
  const text = renderSummary(
    run({ standIns: [{ image: 'x/node:1', pin: 'x/node:1@sha256:0', recipe: 'debian + npm' }] }),
  );
  expect(text).toContain('substitute for x/node:1');
});

/** What is not folded. */
const unfolded = (text: string) =>
  text
    .replace(/<details>[\s\S]*?<\/details>/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');

const open = stage({ name: 'scan', status: 'not evaluated', steps: [], reason: `no database: ${'x'.repeat(300)}` });
const summaries: [name: string, run: RunResult, lines: string[]][] = [
  [
    'passed, delivered',
    REPORTS.passed.run,
    [
      '## ✅ cd: passed in 52.4 s, but not evaluated: smoke',
      '✅ install · ✅ lint · ✅ test · ✅ build · ✅ scan · ✅ gate · ✅ publish · ⚠️ smoke',
      '- ⚠️ **smoke**: 6 of 7 checks passed',
      expect.stringMatching(/^Image: `sha256:44c4bb1c/),
      expect.stringMatching(/^Delivery: `localhost:5000/),
      '⚠️ 1 substitute image: what was built with one is never published',
      'Source: `0123456789ab` on `main`, embedded engine',
    ],
  ],
  [
    'failed in three ways',
    REPORTS.failed.run,
    [
      '## ❌ ci: failed in 34.9 s: lint, test, gate',
      '✅ install · ❌ lint · ❌ test · ✅ build · ✅ scan · ❌ gate',
      '- ❌ **lint**: biome: exit 1, types-pipeline: exit 2 · package.json format: File content differs from formatting output',
      expect.stringMatching(/^- ❌ \*\*test\*\*: service: exit 1 · test\/broken\.test\.ts: Error: Cannot find module/),
      expect.stringMatching(/^- ❌ \*\*gate\*\*: 1 vulnerability: CVE-2019-10744/),
      expect.stringMatching(/^Image: /),
      'Source: `8cb89de2fa60` on `lodash`, with changes that are not committed, embedded engine',
    ],
  ],
  [
    'a stage that was not evaluated, strictly',
    run({ strict: true, verdict: 'failed', exitCode: 1, stages: [open] }),
    [
      '## ❌ ci: failed in 3.0 s: not all was evaluated (--strict)',
      '⚠️ scan',
      `- ⚠️ **scan**: no database: ${'x'.repeat(226)}…`,
      'Source: `0123456789ab` on `main`, embedded engine',
    ],
  ],
  [
    'one that could not be carried out',
    run({ verdict: 'error', stages: [], error: { code: 'NO_ENGINE', message: 'nothing runs', hint: 'get one' } }),
    [
      '## ❌ ci: stopped after 3.0 s: nothing runs',
      '- **nothing runs**',
      '- hint: get one',
      'Source: `0123456789ab` on `main`, embedded engine',
    ],
  ],
];
test.for(summaries)('the summary in short: %s', ([, given, lines]) =>
  expect(unfolded(renderSummary(given))).toEqual(lines),
);

test('the summary says that a pull request brings another policy, where nobody overlooks it', () => {
  const { gate } = REPORTS.passed.run;
  const changed = run({ gate: gate && { ...gate, policyChanges: ['policy/gate.yaml', 'policy/vex/own.json'] } });
  const line = '- ⚠️ this change decides otherwise than the base branch in policy/gate.yaml, policy/vex/own.json';
  expect(unfolded(renderSummary(changed))).toContain(line);
});

test('the summary says how to replay what failed', () =>
  expect(renderSummary(REPORTS.failed.run)).toMatch(
    /<summary>What failed<[\s\S]*\nCapsule: capsule-lint-test-gate\.tar \(131\.2 MB\); .*\n\n<\/details>/,
  ));

test('whatever happens, the summary has ten lines at most that are not folded, and none is long', () => {
  const stages = STAGES.map((name, index) => ({ ...(index % 2 ? failedStage() : open), name }));
  const { image: built, delivery, standIns } = REPORTS.passed.run;
  const error = { code: 'NO_SPACE', message: 'long '.repeat(99), hint: 'a\nb' } as const;
  const text = renderSummary(run({ ...REPORTS.failed.run, stages, image: built, delivery, standIns, error }));
  const lines = unfolded(text);
  expect(lines).toHaveLength(10);
  expect(lines).toContain('- … and 12 more, below');
  for (const line of lines.filter((each) => each.startsWith('- '))) expect(line.length).toBeLessThan(300);
  for (const { name } of stages) expect(text).toContain(`| ${name} | `);
});

test('text of others is not taken for Markdown', () => {
  const error = { code: 'BAD_MANIFEST' as const, message: 'a | b <script>', hint: '`x`' };
  expect(renderSummary(run({ verdict: 'error', error }))).toContain('a \\| b \\<script\\>');
});

const FORGED = 'x\n# H1\n| ok | passed in 1.0 s |\n<img src=x onerror=alert(1)>';
/** Text of strangers in each place that a summary has for one. */
const forged = () => {
  const broken = { ...failedStage({ name: FORGED, command: `npm \`test\`\n${FORGED}` }), details: [FORGED] };
  const quiet = stage({ name: 'scan', status: 'failed', steps: [], reason: FORGED });
  const { gate } = REPORTS.failed.run;
  const [row] = gate?.blocking ?? [];
  if (gate === null || row === undefined) throw new Error('the report has a finding');
  const blocking = [
    { ...row, id: 'a](b)', url: 'javascript:alert(1)', title: FORGED, thing: FORGED, from: FORGED, fixedIn: FORGED },
    { ...row, id: 'CVE-1', url: 'https://x.example/a_(b)?c=<d>|e' },
  ];
  const branch = 'x`<h1>merged-by-@octocat</h1><img/src=evil>`y';
  return run({
    verdict: 'error',
    error: { code: 'BAD_RELEASE', message: FORGED, hint: FORGED },
    source: { commit: 'c0ffee', branch, dirty: false, reason: null },
    stages: [broken, quiet],
    gate: { ...gate, blocking, policyFrom: FORGED, policyChanges: [FORGED], licences: { [FORGED]: 1 } },
    standIns: [{ image: FORGED, pin: '', recipe: FORGED }],
  });
};

test('text of others makes no line of the summary, whatever is in it', () => {
  // Fences hold output as it is: they are longer than what is in them.
  const text = renderSummary(forged()).replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '');
  const ours =
    /^(?:$|## |- |\| |\|-|> |<\/?details>|\*\*|✅|❌|⚠️|Image: |Source: |Capsule: |Licences: |Vulnerability database: )/u;
  for (const line of text.split('\n')) expect(line).toMatch(ours);
  expect(text).not.toMatch(/^(?:# H1|\| ok )/m);
});

// As runners of Gitea and Forgejo read each line of a log (nektos/act, pkg/runner/command.go), and GitHub's (actions/runner, ActionCommand.cs).
const COMMANDS = [/^\s*::([^ ]+?)( (.+?))?::/, /##\[[^\]]+\]/];

test('no line of the summary is a command to a runner that prints it', () => {
  const said = ['::set-env name=PATH::/source/bin', '  ::stop-commands::x', '##[add-path]/source/bin', 'a ##[error]b'];
  const part = { name: said[0] as string, verdict: 'failed' as const, exitCode: 1, smoke: null, delivery: null };
  const { image, gate, capsule } = REPORTS.failed.run;
  const of = { ...part, name: `x\n${said[0]}`, image, gate, capsule };
  const text = renderSummary(run({ stages: [failedStage({ firstErrors: said })], parts: [of, of] }));
  for (const words of ['set-env', 'stop-commands', 'add-path', 'error']) expect(text).toContain(words);
  expect(text.split('\n').filter((line) => COMMANDS.some((command) => command.test(line)))).toEqual([]);
});

test('only an address of the web is a link, and nothing in it ends it', () => {
  const text = renderSummary(forged());
  expect(text).not.toContain('javascript:');
  expect(text).toContain('[CVE-1](https://x.example/a_%28b%29?c=%3Cd%3E%7Ce)');
});

// CommonMark 0.31.2, 6.1: a code span ends at a run of backticks of the length that began it.
test('a branch name stays in its code span', () =>
  expect(renderSummary(forged())).toContain(
    '`c0ffee` on ``x`<h1>merged-by-@octocat</h1><img/src=evil>`y``, embedded engine',
  ));

test('a report holds all its files', () => {
  const files = renderReport(run(), new Map(), new Map([['logs/lint-biome.log', 'text']]));
  expect([...files.keys()]).toEqual([
    'result.json',
    'junit.xml',
    'summary.md',
    'report.html',
    'annotations.txt',
    'exit-code',
    'logs/lint-biome.log',
  ]);
  expect(files.get('exit-code')).toBe('0\n');
  expect(JSON.parse(files.get('result.json') ?? '')).toEqual(run());
});

const facts: RunFacts = {
  function: 'lint',
  asked: ['lint'],
  engine: null,
  strict: false,
  startedMs: 0,
  finishedMs: 1500,
  error: null,
  source: run().source,
  stages: new Map([['lint', stage()]]),
  image: null,
  gate: null,
  smoke: null,
  delivery: null,
  scanners: [],
  standIns: [],
};

test('what ran side by side is listed in one order', () => {
  const [syft, trivy] = (['syft', 'trivy'] as const).map((name) => ({
    name,
    version: '1',
    image: name,
    standIn: null,
  }));
  const [node, nginx] = ['docker.io/library/node:24', 'docker.io/nginx:1'].map((image) => ({
    image,
    pin: image,
    recipe: 'x',
  }));
  const listed = (scanners: (typeof syft)[], standIns: (typeof node)[]) =>
    runResult({ ...facts, scanners, standIns } as RunFacts);
  expect(listed([trivy, syft], [nginx, node])).toEqual(listed([syft, trivy], [node, nginx]));
});

test('a run names every stage, also those that nobody asked for', () => {
  const result = runResult(facts);
  expect(result.stages.map(({ name, status, reason }) => [name, status, reason])).toEqual([
    ['install', 'skipped', 'not asked for'],
    ['lint', 'passed', null],
    ['test', 'skipped', 'not asked for'],
    ['build', 'skipped', 'not asked for'],
    ['sbom', 'skipped', 'not asked for'],
    ['scan', 'skipped', 'not asked for'],
    ['gate', 'skipped', 'not asked for'],
    ...['publish', 'sign', 'verify', 'rollback', 'smoke', 'promote'].map((name) => [name, 'skipped', 'not asked for']),
  ]);
  expect(result.seconds).toBe(1.5);
});

describe('what a smoke proved', () => {
  const rows: SmokeRow[] = [
    { name: '/ through nginx', status: 'passed', seconds: 0.1, detail: '200' },
    { name: 'app is healthy', status: 'failed', seconds: 34, detail: 'not within 34 s; it last said:\nrefused' },
    { name: 'grafana is healthy', status: 'not evaluated', seconds: 0, detail: 'cannot have grafana' },
  ];
  const noted = [
    { key: 'restart', services: ['app', 'nginx'], place: 'docker-compose.yml:5', why: 'what ends stays ended' },
  ];
  const failed = stage({
    name: 'smoke',
    status: 'failed',
    steps: [],
    reason: '1 of 3 checks passed; failed: app is healthy',
  });
  const smoke = { image: 'sha256:1', runtime: 'session' as const, rows, noted };
  const red = run({ function: 'smoke', verdict: 'failed', exitCode: 1, stages: [failed], smoke });

  test('the failure says what was wrong, line by line', () => {
    expect(phraseFailure(failed, red, 'out')).toEqual([
      'smoke failed',
      '  1 of 3 checks passed; failed: app is healthy',
      '    FAIL  app is healthy · 34.0 s · not within 34 s; it last said:',
      '          refused',
      '  re-run:   npx tsx pipeline/ci.ts smoke',
    ]);
  });

  test('the summary shows it before all that was proved, and says what was not enforced', () => {
    const text = renderSummary(red);
    const line = '| app is healthy | ❌ failed | 34.0 s | not within 34 s; it last said:<br>refused |';
    expect(text).toContain(`|---|---|---|---|\n${line}\n`);
    expect(text).toContain('- ❌ **smoke**: 1 of 3 checks passed; failed: app is healthy\n');
    expect(text).toContain('| grafana is healthy | ⚠️ not evaluated | 0.0 s | cannot have grafana |');
    expect(text).toContain('- `restart` of app, nginx: what ends stays ended');
  });

  test('JUnit has a case for each', () => {
    const cases = parseJunit(renderJunit(red, new Map())).filter(({ suite }) => suite === 'smoke');
    expect(cases.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['/ through nginx', 'passed'],
      ['app is healthy', 'failed'],
      ['grafana is healthy', 'skipped'],
    ]);
  });
});
