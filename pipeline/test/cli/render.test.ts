// A run as it is shown while it goes on: the whole of it as text that a person can read, plain and on a terminal.
import { afterEach, expect, test, vi } from 'vitest';
import { type RenderOptions, renderPlain } from '../../cli/render.ts';
import type { RunEvent } from '../../src/core/events.ts';
import type { RunError, RunResult, StageName, StageResult, SuiteResult } from '../../src/core/model.ts';
import { safeLines } from '../../src/core/safe-text.ts';
import { skippedStage } from '../../src/core/verdict.ts';
import { failedStage, image, run, stage, step } from '../core/make.ts';
import { REPORTS } from '../reports.ts';
import { recorder, visible } from './make.ts';

const ESC = '\u001b';

// ------------------------------------------------------------------------------------------------ runs to show

const suite = (name: string, total: number, failed = 0): SuiteResult => ({
  name,
  tests: { total, failed, skipped: 0 },
  coverage: { lines: 98.04, statements: 98, functions: 97, branches: 95 },
});
const install = stage({
  name: 'install',
  seconds: 4.2,
  steps: [step({ name: 'service', command: 'npm ci --prefix service', log: 'logs/install-service.log', seconds: 4.1 })],
});
const lint = stage({
  steps: [step(), step({ name: 'tsc', command: 'npx tsc --noEmit', log: 'logs/lint-tsc.log', seconds: 1.9 })],
});
const tests = stage({
  name: 'test',
  seconds: 72,
  steps: [
    step({
      name: 'service',
      command: '(cd service && npm test --silent)',
      log: 'logs/test-service.log',
      seconds: 71.6,
    }),
  ],
  suites: [suite('service', 31)],
});
const build = stage({
  name: 'build',
  seconds: 0.4,
  steps: [step({ name: 'assemble', command: 'drydock-assemble', log: 'logs/build-assemble.log', seconds: 0.3 })],
});
const cached = (given: StageResult): StageResult => ({
  ...given,
  cached: true,
  steps: given.steps.map((one) => ({ ...one, cached: true })),
});

/** All that is told while this run goes on, in order. */
function eventsOf(result: RunResult, before: RunEvent[] = []): RunEvent[] {
  const ran = result.stages.filter(({ status }) => status !== 'skipped');
  return [
    ...(result.engine === null ? [] : [{ kind: 'engine' as const, engine: result.engine }]),
    ...before,
    ...ran.flatMap((one): RunEvent[] => [
      ...one.steps.flatMap((given): RunEvent[] => [
        started(one.name, given.name, given.command),
        { kind: 'step-finished', stage: one.name, step: given, log: `${given.name} says\nthat it is done\n` },
      ]),
      { kind: 'stage-finished', stage: one },
    ]),
    { kind: 'run-finished', run: result },
  ];
}

function started(name: StageName, stepName: string, command: string, atMs = 0): RunEvent {
  return { kind: 'step-started', stage: name, step: stepName, command, atMs };
}

const green = run({ stages: [install, lint, tests, build], image: image() });
const failedLint = {
  ...failedStage({
    name: 'tsc',
    command: 'npx tsc --noEmit',
    exitCode: 2,
    log: 'logs/lint-tsc.log',
    firstErrors: [
      'src/b.ts(2,14): error TS2322: Type it is not',
      'src/b.ts(3,26): error TS2345: Neither',
      '… and 2 more',
    ],
  }),
};
const red = run({
  verdict: 'failed',
  exitCode: 1,
  stages: [install, failedLint, tests, skippedStage('build', 'not reached: lint failed')],
});
const diskFull: RunError = { code: 'NO_SPACE', message: 'the disk is full (/out/image.tar)', hint: 'free some space' };

// ------------------------------------------------------------------------------------------------------- as text

function shownPlain(events: readonly RunEvent[], over: { isVerbose?: boolean; hasColour?: boolean } = {}): string {
  const screen = recorder({ hasColour: over.hasColour ?? false });
  const renderer = renderPlain({ screen, isVerbose: over.isVerbose ?? false, output: 'out' });
  for (const event of events) renderer.listener(event);
  renderer.close();
  return `\n${screen.text()}`;
}

test('a green run', () =>
  expect(shownPlain(eventsOf(green))).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    ok    install  4.2 s
    ok    lint     2.0 s
    ok    test     1 min 12 s · service 31 passed, 98.0 % covered
    ok    build    0.4 s
    image: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa for linux/amd64 in out/image.tar
    report: out/report.html, out/summary.md, out/result.json
    passed in 3.0 s
    "
  `));

test('a green run, told at length', () => {
  const events = eventsOf(run({ stages: [lint] }));
  expect(shownPlain(events, { isVerbose: true })).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    run   lint: npx biome ci .
    done  lint: biome · 1.5 s
          biome says
          that it is done
    run   lint: npx tsc --noEmit
    done  lint: tsc · 1.9 s
          tsc says
          that it is done
    ok    lint     2.0 s
    report: out/report.html, out/summary.md, out/result.json
    passed in 3.0 s
    "
  `);
});

test('a red run: stage, command, first errors, log, and how to run just this again, in about ten lines', () => {
  const text = shownPlain(eventsOf(red));
  expect(text).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    ok    install  4.2 s
    FAIL  lint     2.0 s · tsc: exit 2
          src/b.ts(2,14): error TS2322: Type it is not
    ok    test     1 min 12 s · service 31 passed, 98.0 % covered
    skip  build    not reached: lint failed
    report: out/report.html, out/summary.md, out/result.json

    lint failed: tsc: exit 2
      npx tsc --noEmit
        src/b.ts(2,14): error TS2322: Type it is not
        src/b.ts(3,26): error TS2345: Neither
        … and 2 more
      full log: out/logs/lint-tsc.log
      re-run:   npx tsx pipeline/ci.ts lint

    failed in 3.0 s: lint
    "
  `);
  expect(text.split('\n').length).toBeLessThanOrEqual(19);
});

test('a red run, told at length, says of a step that it failed', () => {
  const text = shownPlain(eventsOf(red), { isVerbose: true });
  expect(text).toContain('FAIL  lint: tsc · exit 2 · 1.5 s\n      tsc says\n      that it is done\n');
});

test('why a stage failed is said with its line, while the others still run', () => {
  const events = eventsOf(red);
  const failure = events.findIndex((event) => event.kind === 'stage-finished' && event.stage.name === 'lint');
  expect(shownPlain(events.slice(0, failure + 1))).toMatch(
    /\nFAIL {2}lint .*\n {6}src\/b\.ts\(2,14\): error TS2322: Type it is not\n/,
  );
});

test('two stages that failed', () => {
  const broken = { ...failedLint, name: 'test' as const };
  const stages = [install, failedLint, broken];
  expect(shownPlain(eventsOf(run({ verdict: 'failed', exitCode: 1, stages })))).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    ok    install  4.2 s
    FAIL  lint     2.0 s · tsc: exit 2
          src/b.ts(2,14): error TS2322: Type it is not
    FAIL  test     2.0 s · tsc: exit 2
          src/b.ts(2,14): error TS2322: Type it is not
    report: out/report.html, out/summary.md, out/result.json

    lint failed: tsc: exit 2
      npx tsc --noEmit
        src/b.ts(2,14): error TS2322: Type it is not
        src/b.ts(3,26): error TS2345: Neither
        … and 2 more
      full log: out/logs/lint-tsc.log
      re-run:   npx tsx pipeline/ci.ts lint

    test failed: tsc: exit 2
      npx tsc --noEmit
        src/b.ts(2,14): error TS2322: Type it is not
        src/b.ts(3,26): error TS2345: Neither
        … and 2 more
      full log: out/logs/lint-tsc.log
      re-run:   npx tsx pipeline/ci.ts test

    failed in 3.0 s: lint, test
    "
  `);
});

test('a stage that failed though no step did', () => {
  const noReport = stage({ name: 'test', status: 'failed', reason: 'no report was written' });
  const events = eventsOf(run({ verdict: 'failed', exitCode: 1, stages: [noReport] }));
  expect(shownPlain(events)).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    FAIL  test     2.0 s · no report was written
    report: out/report.html, out/summary.md, out/result.json

    test failed
      no report was written
      re-run:   npx tsx pipeline/ci.ts test

    failed in 3.0 s: test
    "
  `);
});

test('a cached run', () => {
  const stages = [install, lint, tests, build].map(cached);
  expect(shownPlain(eventsOf(run({ stages, seconds: 0.9 })), { isVerbose: true })).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    run   install: npm ci --prefix service
    done  install: service · cached
          service says
          that it is done
    ok    install  cached
    run   lint: npx biome ci .
    done  lint: biome · cached
          biome says
          that it is done
    run   lint: npx tsc --noEmit
    done  lint: tsc · cached
          tsc says
          that it is done
    ok    lint     cached
    run   test: (cd service && npm test --silent)
    done  test: service · cached
          service says
          that it is done
    ok    test     cached · service 31 passed, 98.0 % covered
    run   build: drydock-assemble
    done  build: assemble · cached
          assemble says
          that it is done
    ok    build    cached
    report: out/report.html, out/summary.md, out/result.json
    passed in 0.9 s
    "
  `);
});

test('a run on substitutes', () => {
  const standIns = [{ image: 'docker.io/library/node:24', pin: 'x@sha256:0', recipe: 'debian 12 + node 24' }];
  const events = eventsOf(run({ stages: [build], image: image({ standIn: true }), standIns }));
  expect(shownPlain(events)).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    ok    build    0.4 s
    image: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa for linux/amd64 in out/image.tar
    substitute for docker.io/library/node:24, never published: no registry answered, so it was assembled here from debian 12 + node 24
    report: out/report.html, out/summary.md, out/result.json
    passed in 3.0 s
    "
  `);
});

test('a stage that nobody asked for is not worth a line', () => {
  const stages = [lint, skippedStage('test', 'not asked for')];
  expect(shownPlain(eventsOf(run({ stages })))).not.toContain('test');
});

test('something that could not be evaluated, with --strict', () => {
  const unknown = stage({ name: 'test', status: 'not evaluated', reason: 'no coverage was written' });
  const events = eventsOf(run({ verdict: 'failed', exitCode: 1, strict: true, stages: [lint, unknown] }));
  expect(shownPlain(events)).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    ok    lint     2.0 s
    NOT EVALUATED test     2.0 s · no coverage was written
    report: out/report.html, out/summary.md, out/result.json
    failed in 3.0 s: not all was evaluated (--strict)
    "
  `);
});

test('an error before the start', () => {
  const stages = (['install', 'lint', 'test', 'build'] as const).map((name) => skippedStage(name, 'not reached'));
  const error: RunError = {
    code: 'NO_ENGINE',
    message: 'nothing here can run containers: no container runtime answers',
    hint: 'install and start Docker Desktop, Podman or another container runtime',
  };
  const events = eventsOf(run({ verdict: 'error', exitCode: 3, engine: null, stages, error }));
  expect(shownPlain(events)).toMatchInlineSnapshot(`
    "
    report: out/report.html, out/summary.md, out/result.json
    error: nothing here can run containers: no container runtime answers
    hint: install and start Docker Desktop, Podman or another container runtime
    "
  `);
});

test('an error in the middle', () => {
  const stages = [install, lint, skippedStage('test', 'not reached'), skippedStage('build', 'not reached')];
  const events = eventsOf(run({ verdict: 'error', exitCode: 3, stages, error: diskFull }), [
    { kind: 'note', text: 'the Dagger engine did not start: ECONNREFUSED' },
  ]);
  expect(shownPlain(events)).toMatchInlineSnapshot(`
    "
    engine: embedded (no container runtime answers)
    the Dagger engine did not start: ECONNREFUSED
    ok    install  4.2 s
    ok    lint     2.0 s
    report: out/report.html, out/summary.md, out/result.json
    error: the disk is full (/out/image.tar)
    hint: free some space
    "
  `);
});

const folders: [output: string, path: string][] = [
  ['out', 'out/image.tar'],
  ['/tmp/a b', '/tmp/a b/image.tar'],
  ['$&-$1', '$&-$1/image.tar'],
];
for (const [output, path] of folders) {
  test(`where the image is, in ${output}`, () => {
    const screen = recorder();
    renderPlain({ screen, isVerbose: false, output }).listener({ kind: 'run-finished', run: green });
    expect(screen.text()).toContain(` for linux/amd64 in ${path}\n`);
  });
}

test('colours say the same as the words, and only where they are wanted', () => {
  const text = shownPlain(eventsOf(red), { hasColour: true });
  expect(text).toContain(`${ESC}[32mok    install  4.2 s${ESC}[0m\n`);
  expect(text).toContain(`${ESC}[31mFAIL  lint     2.0 s · tsc: exit 2${ESC}[0m\n`);
  expect(text).toContain(`${ESC}[33mskip  build    not reached: lint failed${ESC}[0m\n`);
  expect(text).toContain(`${ESC}[31mfailed in 3.0 s: lint${ESC}[0m\n`);
  expect(visible(text, 200)).toBe(shownPlain(eventsOf(red)));
  expect(shownPlain(eventsOf(red))).not.toContain(ESC);
});

test('no text of others makes a line of its own', () => {
  const screen = recorder();
  const text = 'x\nsame failure: test, service: exit 0\npassed in 1.0 s';
  const failed = stage({ name: 'gate', status: 'failed', steps: [], reason: text, details: [text] });
  const { gate } = REPORTS.failed.run;
  const blocking = (gate?.blocking ?? []).map((row) => ({ ...row, title: text, from: text }));
  const open = stage({ status: 'not evaluated', reason: text, details: [text] });
  const forged = run({ stages: [failed, open], gate: gate && { ...gate, blocking }, verdict: 'failed' });
  const { listener } = renderPlain({ screen, isVerbose: true, output: 'out' });
  for (const one of [failed, open]) listener({ kind: 'stage-finished', stage: one });
  listener({ kind: 'run-finished', run: forged });
  expect(screen.text()).toContain('x ⏎ same failure: ');
  expect(screen.text()).not.toMatch(/^\s*(?:same failure|passed in)/m);
});

// ------------------------------------------------------------------------------------------------ while it goes on

afterEach(() => void vi.useRealTimers());

/** All lines of a run whose clock stands where it is put. */
function plain(over: Partial<RenderOptions> = {}) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const written = recorder();
  const screen = { ...written, write: (text: string) => written.write(safeLines(text)) };
  const clock = { ms: 0 };
  const renderer = renderPlain({ screen, isVerbose: false, output: 'out', now: () => clock.ms, ...over });
  const at = (ms: number, ...events: RunEvent[]) => {
    vi.advanceTimersByTime(ms - clock.ms);
    clock.ms = ms;
    for (const event of events) renderer.listener(event);
  };
  return { at, text: written.text, close: renderer.close };
}

test('in a log there is a line when a stage starts, and one each 30 s that says what runs and what waits', () => {
  const { at, text, close } = plain({ asked: ['lint', 'test', 'scan'] });
  at(1000, { kind: 'stage-started', stage: 'lint', atMs: 1000 }, started('lint', 'biome', 'npx biome ci .', 1000));
  at(2000, { kind: 'stage-started', stage: 'test', atMs: 2000, part: 'api' });
  at(29_000);
  expect(text()).toBe('start lint\nstart api test\n');
  at(30_000, {
    kind: 'activity',
    id: 'i',
    name: 'image',
    what: 'docker.io/library/node:24',
    bytes: 9e6,
    totalBytes: 45e6,
  });
  expect(text()).toBe(
    'start lint\nstart api test\n…     total    29.0 s · running: lint 28.0 s, api test 27.0 s · waiting: scan\n',
  );
  at(70_000);
  expect(text().split('\n').slice(3)).toEqual([
    '…     total    30.0 s · running: lint 29.0 s, api test 28.0 s, image 0.0 s (docker.io/library/node:24 · 9.0 MB of 45.0 MB) · waiting: scan',
    '',
  ]);
  close();
  expect(vi.getTimerCount()).toBe(0);
});

test('when a run has ended, nothing is said any more', () => {
  const { at, text } = plain();
  at(0, { kind: 'stage-started', stage: 'lint', atMs: 0 }, { kind: 'run-finished', run: green });
  const before = text();
  at(100_000);
  expect(text()).toBe(before);
});

const [passedStep, failedStep] = [step({ name: 'biome' }), step({ name: 'tsc', exitCode: 2 })];
const groups: [isGitHub: boolean, isVerbose: boolean, titles: string[]][] = [
  [true, false, ['::group::FAIL  lint: tsc · exit 2 · 1.5 s']],
  [true, true, ['::group::done  lint: biome · 1.5 s', '::group::FAIL  lint: tsc · exit 2 · 1.5 s']],
  [false, true, []],
];
for (const [isGitHub, isVerbose, titles] of groups) {
  test(`${isGitHub ? 'on GitHub' : 'elsewhere'}, ${isVerbose ? 'at length' : 'in short'}, logs in groups: ${titles.length}`, () => {
    const { at, text, close } = plain({ isGitHub, isVerbose });
    for (const one of [passedStep, failedStep])
      at(0, { kind: 'step-finished', stage: 'lint', step: one, log: 'a line\n::endgroup::\n' });
    const lines = text().trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('::group::'))).toEqual(titles);
    expect(lines.filter((line) => line === '::endgroup::')).toHaveLength(titles.length);
    // What a step says ends no group.
    if (titles.length > 0) expect(text()).toContain('      a line\n      : :endgroup::\n::endgroup::\n');
    close();
  });
}
