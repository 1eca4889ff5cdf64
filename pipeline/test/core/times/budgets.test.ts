// policy/budgets.yaml and what it makes of the times of many runs.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Budgets, overrun, parseBudgets, phraseOverrun, withOverruns } from '../../../src/core/times/budgets.ts';
import { samplesOf } from '../../../src/core/times/ledger.ts';
import { renderTimes } from '../../../src/core/times/table.ts';
import { refusalOf } from '../../cli/make.ts';
import { failedStage, run, stage } from '../make.ts';
import { timed } from './make.ts';

// ------------------------------------------------------------------------------------------------------- the file

test("this repository's own can be read", () => {
  const own = readFileSync(new URL('../../../../policy/budgets.yaml', import.meta.url), 'utf8');
  expect(parseBudgets(own).stages).toHaveProperty('test');
});

const files: [text: string, budgets: Budgets][] = [
  ['version: 1', { runs: 5, stages: {} }],
  ['version: 1\nruns: 3\nstages:\n  lint: 60\n  install: 90', { runs: 3, stages: { lint: 60, install: 90 } }],
  ['version: 1\nstages:\n  lint:', { runs: 5, stages: {} }],
];
for (const [text, budgets] of files)
  test(`budgets: ${JSON.stringify(text)}`, () => expect(parseBudgets(text)).toEqual(budgets));

const faults: [text: string, message: string][] = [
  ['', 'policy/budgets.yaml:1: the file must be a mapping of names to values'],
  ['stages: {}', 'policy/budgets.yaml:1: version must be 1, the one version there is'],
  ['version: 1\nruns: 0', 'policy/budgets.yaml:2: runs must be 1 or more'],
  ['version: 1\nruns: many', 'policy/budgets.yaml:2: runs must be a whole number, 0 or more'],
  ['version: 1\nstages:\n  lint: 0', 'policy/budgets.yaml:3: stages.lint must be 1 or more'],
  ['version: 1\nstages:\n  lint: 1.5', 'policy/budgets.yaml:3: stages.lint must be a whole number, 0 or more'],
  ['version: 1\nstages:\n  lnt: 60', 'policy/budgets.yaml:3: there is no "stages.lnt"; did you mean lint?'],
  ['version: 1\nstages: 60', 'policy/budgets.yaml:2: stages must be a mapping of names to values'],
  ['version: 1\nbudget: 1', 'policy/budgets.yaml:2: there is no "budget"; it can be version, stages, runs'],
  [
    'version: 1\nruns: -1\nstages:\n  lint: x',
    'policy/budgets.yaml:2: runs must be a whole number, 0 or more (and 1 more: policy/budgets.yaml:4: stages.lint must be a whole number, 0 or more)',
  ],
];
for (const [text, message] of faults)
  test(`budgets that cannot be meant: ${JSON.stringify(text)}`, () =>
    expect(refusalOf(() => parseBudgets(text))).toMatchObject({ code: 'BAD_POLICY', exitCode: 2, message }));

// --------------------------------------------------------------------------------------------------- what it decides

/** Runs of lint on the days of a month, by how long each took. */
const month = (seconds: readonly number[]) =>
  seconds.map((time, index) => timed(`2026-01-${String(index + 1).padStart(2, '0')}`, { lint: time }));

const overruns: [name: string, seconds: number[], since: string | null][] = [
  ['no run', [], null],
  ['fewer runs than count', [99, 99], null],
  ['all within', [10, 10, 10, 10], null],
  ['exactly the budget', [20, 20, 20], null],
  ['one slow run is noise', [10, 10, 99], null],
  ['two of three are none', [10, 99, 99], '2026-01-03'],
  ['slow from the first', [99, 99, 99], '2026-01-03'],
  ['slow for long', [10, 10, 10, 99, 99, 99, 99], '2026-01-05'],
  ['slow once, and fixed', [99, 99, 99, 10, 10], null],
  ['slow again: only since then', [99, 99, 99, 10, 10, 99, 99], '2026-01-07'],
  ['a fast run in between changes no median', [10, 99, 99, 10, 99, 99], '2026-01-03'],
];
for (const [name, seconds, since] of overruns)
  test(`over the budget: ${name}`, () => {
    const found = overrun(samplesOf(month(seconds), 'lint', 'embedded'), 20, 3);
    expect(found?.since.startedAt.slice(0, 10) ?? null).toBe(since);
  });

test('it is told in one sentence', () => {
  const found = overrun(samplesOf(month([10, 80, 90]), 'lint', 'embedded'), 20, 3);
  expect(found === null ? '' : phraseOverrun(found)).toBe(
    'slower than policy/budgets.yaml allows: the median of the last 3 runs is 1 min 20 s, the budget 20.0 s; ' +
      'since the run of 2026-01-03 12:34, commit 202601030000',
  );
});

const past = month([99, 99]);
const budgets = { runs: 3, stages: { lint: 20 } };
const tells: [name: string, over: Parameters<typeof run>[0], count: number][] = [
  ['a run that breaks it', { stages: [stage({ seconds: 99 })] }, 1],
  ['a fast run after slow ones', { stages: [stage({ seconds: 1 })] }, 1],
  ['a stage without a budget', { stages: [stage({ name: 'test', seconds: 99 })] }, 0],
  ['a cached one', { stages: [stage({ seconds: 0.1, cached: true })] }, 0],
  ['one that failed', { stages: [failedStage()] }, 0],
  ['another engine', { stages: [stage({ seconds: 99 })], engine: { kind: 'dagger', why: '' } }, 0],
  ['one that never ran', { stages: [] }, 0],
];
for (const [name, over, count] of tells)
  test(`${name} has ${count} to say, and is else as it was`, () => {
    const given = run({ startedAt: '2026-02-01T00:00:00.000Z', ...over });
    const told = withOverruns(given, { past, budgets });
    const details = told.stages.flatMap((one) => one.details);
    expect(details.length).toBe(count);
    expect({ ...told, stages: told.stages.map((one) => ({ ...one, details: [] })) }).toEqual(given);
  });

// -------------------------------------------------------------------------------------------------------- as a table

test('the table, by kind of engine', () =>
  expect(
    `\n${renderTimes({
      past: [
        ...month([10, 80, 90]),
        timed('2026-01-09', { lint: 0.1, build: 7 }, { cached: true }),
        timed('2026-01-10', { test: 75 }, { engine: 'dagger' }),
      ],
      budgets,
    })}`,
  ).toMatchInlineSnapshot(`
    "
    embedded engine
    stage  runs  cached      median         p95  budget
    lint      3       1  1 min 20 s  1 min 30 s  20.0 s
    build     0       1           –           –
    lint: slower than policy/budgets.yaml allows: the median of the last 3 runs is 1 min 20 s, the budget 20.0 s; since the run of 2026-01-03 12:34, commit 202601030000

    dagger engine
    stage  runs  cached      median         p95  budget
    test      1       0  1 min 15 s  1 min 15 s
    "
  `));
