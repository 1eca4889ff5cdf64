// A run as it is shown while it goes on: the whole of it as text that a person can read, plain and on a terminal.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Renderer, renderPlain, renderTty } from '../../cli/render.ts';
import type { RunEvent } from '../../src/core/events.ts';
import type { RunError, RunResult, StageName, StageResult, SuiteResult } from '../../src/core/model.ts';
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
  passed in 3.0 s
  report: out/report.html, out/summary.md, out/result.json
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
    passed in 3.0 s
    report: out/report.html, out/summary.md, out/result.json
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

    lint failed: tsc: exit 2
      npx tsc --noEmit
        src/b.ts(2,14): error TS2322: Type it is not
        src/b.ts(3,26): error TS2345: Neither
        … and 2 more
      full log: out/logs/lint-tsc.log
      re-run:   npx tsx pipeline/ci.ts lint

    failed in 3.0 s: lint
    report: out/report.html, out/summary.md, out/result.json
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
    report: out/report.html, out/summary.md, out/result.json
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

    test failed
      no report was written
      re-run:   npx tsx pipeline/ci.ts test

    failed in 3.0 s: test
    report: out/report.html, out/summary.md, out/result.json
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
    passed in 0.9 s
    report: out/report.html, out/summary.md, out/result.json
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
    passed in 3.0 s
    report: out/report.html, out/summary.md, out/result.json
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
    failed in 3.0 s: not all was evaluated (--strict)
    report: out/report.html, out/summary.md, out/result.json
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
    error: nothing here can run containers: no container runtime answers
    hint: install and start Docker Desktop, Podman or another container runtime

    report: out/report.html, out/summary.md, out/result.json
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
    error: the disk is full (/out/image.tar)
    hint: free some space

    report: out/report.html, out/summary.md, out/result.json
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

// ------------------------------------------------------------------------------------------------ on a terminal

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

/** A terminal of this width, a clock that stands where it is put, and what is seen. */
function live(columns = 60, over: { hasColour?: boolean } = {}) {
  const screen = recorder({ isTerminal: true, columns: () => columns, hasColour: over.hasColour ?? false });
  const clock = { ms: 0 };
  const renderer: Renderer = renderTty({ screen, isVerbose: false, output: 'out', now: () => clock.ms });
  const at = (ms: number, ...events: RunEvent[]) => {
    clock.ms = ms;
    for (const event of events) renderer.listener(event);
  };
  const tick = (ms: number) => {
    clock.ms = ms;
    vi.advanceTimersByTime(100);
  };
  return { at, tick, close: () => renderer.close(), seen: () => visible(screen.text(), columns), text: screen.text };
}

const lintBiome = started('lint', 'biome', 'npx biome ci .', 1000);
const lintTsc = started('lint', 'tsc', 'npx tsc --noEmit', 1500);
const engine: RunEvent = { kind: 'engine', engine: { kind: 'embedded', why: 'asked for' } };
const finished = (name: string): RunEvent => ({ kind: 'step-finished', stage: 'lint', step: step({ name }), log: 'x' });

test('what runs stands below what is done, and goes when it ends', () => {
  const { at, tick, seen, close } = live();
  at(1000, engine, lintBiome);
  expect(seen()).toBe('engine: embedded (asked for)\n  … lint: npx biome ci . · 0.0 s\n');
  at(2000, lintTsc);
  expect(seen()).toBe(
    'engine: embedded (asked for)\n  … lint: npx biome ci . · 1.0 s\n  … lint: npx tsc --noEmit · 0.5 s\n',
  );
  tick(62_000);
  expect(seen()).toBe(
    'engine: embedded (asked for)\n  … lint: npx biome ci . · 1 min 1 s\n  … lint: npx tsc --noEmit · 1 min 1 s\n',
  );
  at(62_000, finished('biome'));
  expect(seen()).toBe('engine: embedded (asked for)\n  … lint: npx tsc --noEmit · 1 min 1 s\n');
  at(62_000, { kind: 'note', text: 'a note' });
  expect(seen()).toBe('engine: embedded (asked for)\na note\n  … lint: npx tsc --noEmit · 1 min 1 s\n');
  at(62_000, finished('tsc'), { kind: 'stage-finished', stage: lint });
  expect(seen()).toBe('engine: embedded (asked for)\na note\nok    lint     2.0 s\n');
  close();
});

test('in the end, a terminal shows what a log holds', () => {
  for (const given of [green, red]) {
    const { at, seen, close } = live(200);
    at(0, ...eventsOf(given));
    close();
    expect(`\n${seen()}`).toBe(shownPlain(eventsOf(given)));
  }
});

test('what still ran when the run ended is gone', () => {
  const { at, tick, seen, close } = live(100);
  at(0, lintBiome, lintTsc, {
    kind: 'run-finished',
    run: run({ verdict: 'error', exitCode: 3, stages: [], error: diskFull }),
  });
  tick(5000);
  expect(seen()).not.toContain('…');
  expect(seen()).toMatch(/^error: the disk is full/);
  close();
});

test('closing erases what is drawn, and stops the clock', () => {
  const { at, tick, seen, text, close } = live();
  at(0, engine, lintBiome);
  close();
  expect(seen()).toBe('engine: embedded (asked for)\n');
  const before = text();
  tick(10_000);
  expect(text()).toBe(before);
  expect(vi.getTimerCount()).toBe(0);
});

for (const columns of [20, 21, 40, 80]) {
  for (const hasColour of [false, true]) {
    test(`on ${columns} columns, ${hasColour ? 'coloured' : 'plain'}, a live row is cut and can be erased`, () => {
      const { at, tick, seen, text, close } = live(columns, { hasColour });
      at(1000, started('lint', 'long', `npx ${'very-'.repeat(30)}long`, 0), lintBiome);
      tick(2000);
      const rows = seen().trimEnd().split('\n');
      expect(rows).toHaveLength(2);
      for (const row of rows) expect(row.length).toBeLessThan(Math.max(21, columns));
      expect(rows[0]).toMatch(/^ {2}… lint: npx v/);
      expect(text().includes(`${ESC}[2m`)).toBe(hasColour);
      expect(text().replaceAll(`${ESC}[2m`, '').includes(`${ESC}[0m`)).toBe(hasColour);
      close();
      expect(seen()).toBe('');
    });
  }
}

test('a terminal that does not know its width still shows something', () => {
  const { at, text, close } = live(0);
  at(0, lintBiome);
  expect(text()).toContain('  … lint: npx biome ');
  close();
});

test('the live display holds nothing open', () => {
  const unref = vi.fn();
  const real = globalThis.setInterval;
  const spy = vi.spyOn(globalThis, 'setInterval').mockImplementation((...args) => {
    const timer = real(...args);
    return Object.assign(timer, { unref });
  });
  live().close();
  expect(unref).toHaveBeenCalledOnce();
  spy.mockRestore();
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
