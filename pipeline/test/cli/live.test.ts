// The live display on terminals of many sizes: what is seen at a moment, and that nothing is left of it.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { renderTty } from '../../cli/live.ts';
import type { Renderer } from '../../cli/render.ts';
import type { Activity, RunEvent } from '../../src/core/events.ts';
import type { RunError, StageName } from '../../src/core/model.ts';
import { failedStage, run, stage, step } from '../core/make.ts';
import { recorder, visible } from './make.ts';

const ESC = '\u001b';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

type Over = { hasColour?: boolean; rows?: number; asked?: string[] };

/** A terminal, a clock that stands where it is put, and what is seen. */
function live(columns = 60, { hasColour = false, rows = 24, asked = [] }: Over = {}) {
  const size = { columns };
  let resized = () => {};
  const screen = recorder({
    isTerminal: true,
    columns: () => size.columns,
    rows: () => rows,
    onResize: (listener) => {
      resized = listener;
      return () => {
        resized = () => {};
      };
    },
    hasColour,
  });
  const clock = { ms: 0 };
  const renderer: Renderer = renderTty({ screen, isVerbose: false, output: 'out', asked, now: () => clock.ms });
  const at = (ms: number, ...events: RunEvent[]) => {
    clock.ms = ms;
    for (const event of events) renderer.listener(event);
    vi.advanceTimersByTime(100);
  };
  const resize = (to: number) => {
    size.columns = to;
    resized();
  };
  const seen = () => visible(screen.text(), size.columns);
  return { at, resize, close: () => renderer.close(), seen, text: screen.text };
}

const starts = (name: StageName, atMs = 0): RunEvent => ({ kind: 'stage-started', stage: name, atMs });
const runs = (name: StageName, stepName: string, command: string, atMs = 0): RunEvent => ({
  kind: 'step-started',
  stage: name,
  step: stepName,
  command,
  atMs,
});
const ends = (name: string): RunEvent => ({ kind: 'step-finished', stage: 'lint', step: step({ name }), log: 'x' });
const says = (name: string, line: string): RunEvent => ({ kind: 'step-output', step: name, line });
const does = (activity: Activity): RunEvent => ({ kind: 'activity', ...activity });

const engine: RunEvent = { kind: 'engine', engine: { kind: 'embedded', why: 'asked for' } };
const biome = runs('lint', 'biome', 'npx biome ci .', 1000);
const tsc = runs('lint', 'tsc', 'npx tsc --noEmit', 1500);
const lint = stage({ steps: [step(), step({ name: 'tsc', command: 'npx tsc --noEmit', seconds: 1.9 })] });
const diskFull: RunError = { code: 'NO_SPACE', message: 'the disk is full (/out/image.tar)', hint: 'free some space' };

test('what runs, what waits and the total stand below what is done', () => {
  const { at, seen, close } = live(60, { asked: ['lint', 'test', 'scan'] });
  expect(seen()).toBe('      total    0.0 s · waiting: lint, test, scan\n');
  at(1000, engine, starts('lint', 900), biome);
  expect(seen()).toBe(
    [
      'engine: embedded (asked for)',
      '…     lint     0.0 s · npx biome ci .',
      '      total    1.0 s · waiting: test, scan',
      '',
    ].join('\n'),
  );
  at(62_000, starts('test', 2000), tsc);
  expect(seen()).toBe(
    [
      'engine: embedded (asked for)',
      '…     lint     1 min 1 s · npx biome ci .',
      '…     lint     1 min 1 s · npx tsc --noEmit',
      '…     test     1 min 0 s',
      '      total    1 min 2 s · waiting: scan',
      '',
    ].join('\n'),
  );
  at(62_000, ends('biome'), { kind: 'note', text: 'a note' }, ends('tsc'), { kind: 'stage-finished', stage: lint });
  expect(seen()).toBe(
    [
      ...['engine: embedded (asked for)', 'a note', 'ok    lint     2.0 s', '…     test     1 min 0 s'],
      ...['      total    1 min 2 s · waiting: scan', ''],
    ].join('\n'),
  );
  close();
  expect(seen()).toBe('engine: embedded (asked for)\na note\nok    lint     2.0 s\n');
});

test('of what runs longest the last line of output is shown, and of a name that two steps have none', () => {
  const { at, seen, close } = live();
  at(
    2000,
    biome,
    tsc,
    says('tsc', 'Found 0 errors'),
    says('biome', 'Checked 3 files'),
    says('biome', 'Checked 4 files'),
  );
  expect(seen()).toContain(' · npx biome ci .\n               Checked 4 files\n…     lint     0.5 s · npx tsc');
  expect(seen()).not.toContain('Found 0 errors');
  at(3000, ends('biome'));
  expect(seen()).toContain(' · npx tsc --noEmit\n               Found 0 errors\n');
  at(3000, runs('test', 'tsc', 'npx tsc'), says('tsc', 'which of them?'));
  expect(seen()).not.toContain('which of them?');
  close();
});

test('what the engine does is shown with how far it is, until it has ended', () => {
  const { at, seen, close } = live(100);
  at(0, does({ id: 'e', name: 'engine', what: 'starting' }));
  at(3000, does({ id: 'u', name: 'upload', what: 'source', count: 1200, bytes: 45_600_000 }));
  at(5000, { kind: 'activity-ended', id: 'e' });
  at(5000, does({ id: 'i', name: 'image', what: 'docker.io/library/node:24', bytes: 1_200_000, totalBytes: 45e6 }));
  at(7000, does({ id: 'i', name: 'image', what: 'docker.io/library/node:24', bytes: 9_900_000, totalBytes: 45e6 }));
  at(7000, does({ id: 'p', name: 'packages', what: 'for node:24: perl-base 5.36', count: 3, counts: 60, bytes: 2e6 }));
  expect(seen()).toBe(
    [
      '…     upload   4.0 s · source · 1200 files · 45.6 MB',
      '…     image    2.0 s · docker.io/library/node:24 · 9.9 MB of 45.0 MB',
      '…     packages 0.0 s · for node:24: perl-base 5.36 · 3 of 60 · 2.0 MB',
      '      total    7.0 s',
      '',
    ].join('\n'),
  );
  close();
});

test('what still ran when the run ended is gone', () => {
  const { at, seen, close } = live(100, { asked: ['test'] });
  at(0, biome, tsc, { kind: 'run-finished', run: run({ verdict: 'error', exitCode: 3, stages: [], error: diskFull }) });
  at(5000);
  expect(seen()).not.toMatch(/…|total|waiting/);
  expect(seen()).toMatch(/^report: .*\nerror: the disk is full/);
  close();
});

test('closing erases what is drawn, and stops the clock', () => {
  const { at, resize, seen, text, close } = live();
  at(0, engine, biome);
  close();
  expect(seen()).toBe('engine: embedded (asked for)\n');
  const before = text();
  at(10_000);
  resize(20);
  expect(text()).toBe(before);
  expect(vi.getTimerCount()).toBe(0);
});

test('of several services each stage is named with its service', () => {
  const { at, seen, close } = live();
  at(2000, { ...starts('lint'), part: 'api' } as RunEvent, { ...biome, part: 'api' } as RunEvent, starts('test'));
  expect(seen()).toContain('…     api lint 1.0 s · npx biome ci .\n…     test ');
  close();
});

for (const columns of [24, 40, 60, 80, 120]) {
  for (const hasColour of [false, true]) {
    test(`on ${columns} columns, ${hasColour ? 'coloured' : 'plain'}, long rows end with …, times stay, and all can be erased`, () => {
      const { at, seen, text, close } = live(columns, { hasColour });
      at(62_000, runs('lint', 'long', `npx ${'very-'.repeat(60)}long`), says('long', 'word '.repeat(60)), biome);
      const rows = seen().trimEnd().split('\n');
      expect(rows).toHaveLength(4);
      for (const row of rows) expect(row.length).toBeLessThan(columns);
      expect(rows[0]).toMatch(/^… {5}lint {5}1 min.*…$/);
      expect(rows[1]).toMatch(/^ {15}word.*…$/);
      expect(rows[3]).toBe(
        '      total    1 min 2 s'.length < columns ? '      total    1 min 2 s' : '      total    1 min 2…',
      );
      expect(text().includes(`${ESC}[2m`)).toBe(hasColour);
      close();
      expect(seen()).toBe('');
    });
  }
}

test('where rows have wrapped because the window became narrower, all of them are erased', () => {
  const { at, resize, text, close } = live(100);
  at(2000, engine, runs('lint', 'long', 'x'.repeat(200)), biome);
  const before = text().length;
  resize(40);
  // Of 99 signs there are three rows of 40 now; the two others still fit.
  expect(text().slice(before)).toMatch(/^.\[5A.*… {5}lint {5}2\.0 s · x+….\[K\n/);
  const again = text().length;
  resize(100);
  expect(text().slice(again)).toMatch(/^.\[3A/);
  close();
});

test('on a low window the total stays, and no more rows are drawn than there are', () => {
  const { at, seen, close } = live(60, { rows: 4 });
  at(0, ...Array.from({ length: 9 }, (_, index) => runs('lint', `${index}`, `command ${index}`)));
  const rows = seen().trimEnd().split('\n');
  expect(rows).toHaveLength(3);
  expect(rows.at(-1)).toMatch(/^ {6}total /);
  close();
});

test('no wide sign, tab or line break of others makes a row longer than the window', () => {
  const { at, text, seen, close } = live(30);
  at(0, runs('lint', 'wide', '漢'.repeat(40)), says('wide', 'a\tb\nc'));
  expect(text()).not.toContain('\t');
  expect(seen().trimEnd().split('\n')).toHaveLength(3);
  // What is wider than it is long, the terminal cuts: wrapping is off for as long as rows are written.
  expect(text().split(`${ESC}[?7l`)).toHaveLength(text().split(`${ESC}[?7h`).length);
  expect(text().indexOf(`${ESC}[?7l`)).toBeLessThan(text().indexOf('漢'));
  close();
});

test('a terminal obeys nothing of what a step says', () => {
  const { at, text, close } = live();
  at(0, biome, says('biome', `${ESC}[2Jgone ${ESC}]0;title\u0007`));
  expect(text()).not.toContain(`${ESC}[2J`);
  expect(text()).not.toContain(`${ESC}]0`);
  expect(text()).toContain('gone');
  close();
});

test('a failure stays with its reason while others run', () => {
  const { at, seen, close } = live(80);
  const failed = failedStage({
    name: 'tsc',
    exitCode: 2,
    firstErrors: ['src/b.ts(2,14): error TS2322: Type it is not'],
  });
  at(0, { kind: 'stage-finished', stage: failed }, runs('test', 'service', 'npm test'));
  expect(seen()).toMatch(/^FAIL {2}lint .*\n {6}src\/b\.ts\(2,14\): error TS2322: Type it is not\n… {5}test /);
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

test('the path of the report leads to it, and reads as in a log', () => {
  const screen = recorder({ isTerminal: true });
  const { listener, close } = renderTty({ screen, isVerbose: false, output: 'my out', folder: '/a/my out' });
  listener({ kind: 'run-finished', run: run({}) });
  close();
  const link = `${ESC}]8;;file:///a/my%20out/report.html${ESC}\\report: my out/report.html${ESC}]8;;${ESC}\\`;
  expect(screen.text()).toContain(`${link}, my out/summary.md, `);
});
