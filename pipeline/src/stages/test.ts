// Test: each package's own tests, side by side, each with a JUnit report and coverage.
import type { Backing } from '../core/backing.ts';
import { parseCoverage } from '../core/coverage.ts';
import { reasonOf } from '../core/errors.ts';
import { folderOf, testErrors } from '../core/failed-tests.ts';
import { countTests, parseJunit, type SuiteCases, type TestCase } from '../core/junit.ts';
import type { Coverage, StageResult, StandIn, SuiteResult } from '../core/model.ts';
import { type Backed, backedBy, stopBacking, withBacking } from './backing.ts';
import type { PackageContext } from './context.ts';
import { contentsIfAny } from './engine.ts';
import { commandIn, ownImageFor, withFolder } from './own-image.ts';
import { commandOf, type Installed, NOTHING_TO_RUN, withSource } from './package.ts';
import { runStep, stepFolder } from './step.ts';
import { timedStage } from './timed.ts';

type Suite = { name: string; user: string; backing: Backing } & ReturnType<typeof commandOf>;
type SuiteOutcome = {
  step: StageResult['steps'][number];
  suite: SuiteResult | null;
  cases: TestCase[];
  fault: string | null;
};

export type Tested = { stage: StageResult; cases: SuiteCases; standIns: StandIn[] };

export async function test(context: PackageContext, installed: Installed): Promise<Tested> {
  const { service, packages } = context.subject;
  const cases = new Map<string, TestCase[]>();
  const standIns: StandIn[] = [];
  const stage = await timedStage(context, 'test', async () => {
    const own = await ownImageFor(context, 'test', [service.test]);
    const suites = [service, ...packages].flatMap((of): Suite[] => {
      if (of.test === null) return [];
      if (of !== service || own === null)
        return [
          { name: of.name, user: '', backing: of, ...commandOf(withSource(context, installed(of), of), of, of.test) },
        ];
      const asked = commandIn(own, service, { step: of.name, command: of.test });
      return asked === null ? [] : [{ name: of.name, user: own.user, backing: of, ...asked }];
    });
    const backed = await Promise.all(
      suites.map(async (suite) => ({ suite, backed: await backedBy(context, suite.backing, `test-${suite.name}`) })),
    );
    standIns.push(...(own?.standIns ?? []), ...backed.flatMap((each) => each.backed.standIns));
    const lacking = backed.flatMap(({ suite, backed: { missing } }) =>
      missing === null ? [] : `${suite.name}: ${missing}`,
    );
    const outcomes = await Promise.all(
      backed
        .filter(({ backed: { missing } }) => missing === null)
        .map(async ({ suite, backed: own }) => {
          try {
            const outcome = await runSuite(context, suite, own);
            cases.set(suite.name, outcome.cases);
            return outcome;
          } finally {
            await stopBacking(own);
          }
        }),
    );
    const faults = outcomes.flatMap(({ fault }) => fault ?? []);
    return {
      steps: [...(own?.steps ?? []), ...outcomes.map(({ step }) => step)],
      suites: outcomes.flatMap(({ suite }) => suite ?? []),
      fault: faults.length > 0 ? faults.join('; ') : null,
      notEvaluated: lacking.length > 0 ? lacking.join('; ') : null,
      ...(suites.length > 0 || own !== null ? {} : { remark: NOTHING_TO_RUN }),
      details: outcomes.some(({ fault }) => fault?.endsWith(NO_REPORT)) ? REPORTERS : [],
    };
  });
  return { stage, cases, standIns };
}

async function runSuite(context: PackageContext, suite: Suite, backed: Backed): Promise<SuiteOutcome> {
  const reports = `${stepFolder(suite.name)}/reports`;
  const { result, container } = await runStep(context, {
    stage: 'test',
    step: suite.name,
    // Not every reporter makes the folder that it is to write into.
    container: withBacking(withFolder(suite.container, reports, suite.user), suite.backing, backed)
      .withEnvVariable('JUNIT_FILE', `${reports}/junit.xml`)
      .withEnvVariable('COVERAGE_DIR', `${reports}/coverage`),
    args: suite.args,
    shown: suite.shown,
  });
  const [junit, coverage] = await Promise.all([
    contentsIfAny(container, `${reports}/junit.xml`),
    contentsIfAny(container, `${reports}/coverage/coverage-summary.json`),
  ]);
  const read = readReports(suite.name, result.exitCode === 0, junit, coverage);
  return {
    step: { ...result, firstErrors: testErrors(result.firstErrors, read.cases, folderOf(suite.shown)) },
    ...read,
  };
}

const NO_REPORT = 'the tests wrote no JUnit report to $JUNIT_FILE';
const REPORTERS = [
  'vitest run --reporter=default --reporter=junit --outputFile.junit="$JUNIT_FILE"',
  'node --test --test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination="$JUNIT_FILE"',
  'JEST_JUNIT_OUTPUT_FILE="$JUNIT_FILE" jest --reporters=default --reporters=jest-junit',
  'mocha --reporter=xunit --reporter-option=output="$JUNIT_FILE"',
].map((command) => `a runner writes one so: ${command}`);

/** A suite that says it passed but shows no test has not passed: a runner that finds nothing must not look green. */
function readReports(name: string, isGreen: boolean, junit: string | null, coverage: string | null) {
  const none = (fault: string) => ({ suite: null, cases: [], fault: isGreen ? fault : null });
  if (junit === null) return none(`${name}: ${NO_REPORT}`);
  try {
    const cases = parseJunit(junit);
    const tests = countTests(cases);
    const suite: SuiteResult = { name, tests, coverage: readCoverage(coverage) };
    if (tests.total - tests.skipped === 0)
      return { suite, cases, fault: isGreen ? `${name}: no test ran${phraseSkipped(tests.skipped)}` : null };
    const fault =
      isGreen && tests.failed > 0 ? `${name}: exit code 0, but the report says ${tests.failed} failed` : null;
    return { suite, cases, fault };
  } catch (error) {
    return none(`${name}: the report in $JUNIT_FILE cannot be read: ${reasonOf(error)}`);
  }
}

const phraseSkipped = (skipped: number) =>
  skipped === 0 ? '' : `: ${skipped === 1 ? 'the only one is' : `all ${skipped} are`} skipped`;

/** Coverage decides nothing here (the suite's own thresholds do), so a strange report is an absent one. */
function readCoverage(text: string | null): Coverage | null {
  try {
    return text === null ? null : parseCoverage(text);
  } catch {
    return null;
  }
}
