// What GitHub shows on the lines of a pull request: which errors, where, and that no text can be another command.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Annotation, renderAnnotation, renderAnnotations } from '../../src/core/annotations.ts';
import { parseJunit, type SuiteCases } from '../../src/core/junit.ts';
import type { ReportTexts, RunResult } from '../../src/core/model.ts';
import { REPORTS } from '../reports.ts';
import { failedStage, run, stage, step } from './make.ts';

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');

const commands: [what: string, annotation: Annotation, line: string][] = [
  ['no place', { title: 't', message: 'm', place: null }, '::error title=t::m'],
  ['a file', { title: 't', message: 'm', place: { file: 'a b/c.ts' } }, '::error file=a b/c.ts,title=t::m'],
  [
    'line and column',
    { title: 't', message: 'm', place: { file: 'a.ts', line: 3, column: 7 } },
    '::error file=a.ts,line=3,col=7,title=t::m',
  ],
  [
    'a message of several lines, that would be commands',
    { title: 't', message: '50 % done\r\n::warning::x', place: null },
    '::error title=t::50 %25 done%0A::warning::x',
  ],
  [
    'properties with what ends them',
    { title: 'a: b, c\n::stop::', message: 'm', place: { file: 'C:,%.ts' } },
    '::error file=C%3A%2C%25.ts,title=a%3A b%2C c%0A%3A%3Astop%3A%3A::m',
  ],
  ['what is long', { title: 't', message: 'x'.repeat(2000), place: null }, `::error title=t::${'x'.repeat(999)}…`],
];
test.for(commands)('a command: %s', ([, annotation, line]) => expect(renderAnnotation(annotation)).toBe(line));

const NOTHING: { suites: SuiteCases; logs: ReportTexts } = { suites: new Map(), logs: new Map() };
const lint = (name: string, command: string, log: string) => {
  const failed = step({ name, command, exitCode: 1, log: `logs/lint-${name}.log`, firstErrors: ['it is wrong'] });
  return {
    run: run({ verdict: 'failed', stages: [stage({ status: 'failed', steps: [failed] })] }),
    suites: NOTHING.suites,
    logs: new Map([[failed.log, log]]),
  };
};
const tested = (command: string, xml: string) => {
  const failed = step({ name: 'service', command, exitCode: 1 });
  const red = stage({ name: 'test', status: 'failed', steps: [failed] });
  return {
    run: run({ verdict: 'failed', stages: [red] }),
    suites: new Map([['service', parseJunit(xml)]]),
    logs: NOTHING.logs,
  };
};
const only = (over: Partial<RunResult>) => ({ run: run(over), ...NOTHING });

const told: [what: string, of: { run: RunResult; suites: SuiteCases; logs: ReportTexts }, lines: string[]][] = [
  ['nothing that passed', REPORTS.passed, []],
  [
    'tsc, in a package of its own',
    lint('types-service', '(cd service && npm run --silent types)', fixture('tsc.txt')),
    [
      "::error file=service/src/b.ts,line=2,col=14,title=lint%3A types-service::error TS2322: Type 'number' is not assignable to type 'string'.",
      "::error file=service/src/b.ts,line=3,col=26,title=lint%3A types-service::error TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.",
    ],
  ],
  [
    'tsc, told for people',
    lint('types', 'npx tsc', "src/b.ts:2:14 - error TS2322: Type 'number' is wrong.\n"),
    ["::error file=src/b.ts,line=2,col=14,title=lint%3A types::error TS2322: Type 'number' is wrong."],
  ],
  [
    'Biome: more than one place, and no more lines than a person reads',
    lint('biome', 'npx biome ci .', 'a.ts:3:5 lint/style/useConst ━━━━━━━━━━\n\n  × Only assigned once.\n'),
    ['::error file=a.ts,line=3,col=5,title=lint%3A biome::lint/style/useConst: Only assigned once.'],
  ],
  [
    'vitest’s report',
    tested('(cd service && npm test --silent)', fixture('vitest.xml')),
    [
      '::error file=service/test/add.test.ts,line=3,col=40,title=test/add.test.ts > adds::expected 3 to be 4 // Object.is equality',
      "::error file=service/test/broken.test.ts,line=1,col=1,title=test/broken.test.ts > test/broken.test.ts::Cannot find module '../src/missing.ts' imported from /src/test/broken.test.ts",
    ],
  ],
  [
    'Node’s report, which has paths of the container',
    tested('(cd service && npm test --silent)', fixture('node-test.xml')),
    ['::error file=nt.test.mjs,line=2,col=27,title=test > adds::2 == 3'],
  ],
  [
    'a runner without a report, by its log',
    lint('unit', 'node --test', fixture('node-test.txt')),
    ['::error file=nt.test.mjs,line=2,col=1,title=lint%3A unit::adds: AssertionError [ERR_ASSERTION]: 2 == 3'],
  ],
  [
    'a test without a stack: its file',
    tested(
      'npm test',
      '<testsuite><testcase classname="a.test.ts" name="t"><failure message="no"/></testcase></testsuite>',
    ),
    ['::error file=a.test.ts,title=a.test.ts > t::no'],
  ],
  [
    'a path that leads out of the repository: no place',
    tested(
      'npm test',
      '<testsuite><testcase classname="../../a.ts" name="t"><failure>at f (/etc/x.js:1:2)</failure></testcase></testsuite>',
    ),
    ['::error title=../../a.ts > t::at f (/etc/x.js:1:2)'],
  ],
  [
    'a log that names no place, or is too large to be at hand: one for all its lines',
    only({ verdict: 'failed', stages: [failedStage({ firstErrors: ['one', 'two'] })] }),
    ['::error title=lint%3A biome::npx biome ci .: exit 1%0Aone%0Atwo'],
  ],
  [
    'a policy that cannot be meant, at its line',
    only({ error: { code: 'BAD_POLICY', message: 'policy/gate.yaml:3:5: failAt is none', hint: 'fix it' } }),
    ['::error file=policy/gate.yaml,line=3,title=BAD_POLICY::policy/gate.yaml:3:5: failAt is none%0Ahint: fix it'],
  ],
  [
    'what was not evaluated, strictly',
    only({
      strict: true,
      stages: [stage({ name: 'scan', status: 'not evaluated', steps: [], reason: 'no database' })],
    }),
    ['::error title=scan%3A not evaluated::no database'],
  ],
  [
    'what was not evaluated, on a laptop',
    only({ stages: [stage({ name: 'scan', status: 'not evaluated', steps: [], reason: 'no database' })] }),
    [],
  ],
  ['a deployment', REPORTS.undeployed, ['::error title=smoke%3A failed::5 of 7 checks passed; failed: app is healthy']],
];
test.for(told)('told: %s', ([, { run, suites, logs }, lines]) =>
  expect(renderAnnotations(run, suites, logs).split('\n').slice(0, -1)).toEqual(lines),
);

test('of many, those that GitHub shows are of every step, and the rest is counted', () => {
  const { run, suites, logs } = REPORTS.failed;
  const lines = renderAnnotations(run, suites, logs).trimEnd().split('\n');
  expect(lines).toHaveLength(11);
  expect(lines.pop()).toBe('::notice title=drydock::3 more of them in the summary and in report.html');
  expect(lines.slice(0, 4).map((line) => /title=(.*?)::/.exec(line)?.[1])).toEqual([
    'lint%3A biome',
    'lint%3A types-pipeline',
    'test/add.test.ts > adds',
    'CVE-2019-10744 in lodash 4.17.4',
  ]);
  for (const line of lines) expect(line).toMatch(/^::error (\w+=[^:,]*,)*title=[^:,]*::.+$/);
});
