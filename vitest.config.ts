// How the tests run. `unit` needs Node alone; `system` runs whole pipelines on the embedded engine, some files side by side.
// JUNIT_FILE and COVERAGE_DIR name where the reports go; without them there are none.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type Reporter, type TestCase, type TestSpecification } from 'vitest/node';

/** Those that take longest begin first, so that none of them is left to run by itself in the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      /\/(bare-root|bundle|capsule|cd|docker|failures|gate|pace|pipeline|smoke)\.test\.ts$/.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** Names what held only at the second attempt: it hides nothing, and is to be looked into. */
class SecondAttempts implements Reporter {
  readonly #names: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky) this.#names.push(`${test.module.relativeModuleId} > ${test.fullName}`);
  }

  onTestRunEnd(): void {
    for (const name of this.#names) console.log(`held at the second attempt only: ${name}`);
  }
}

const { CI, JUNIT_FILE, COVERAGE_DIR } = process.env;
const reports: ['junit', { outputFile: string }][] = JUNIT_FILE ? [['junit', { outputFile: JUNIT_FILE }]] : [];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['pipeline/test/**/*.test.ts'],
          exclude: ['pipeline/test/system/**'],
          // A process for each file would cost a third of the tests' own time.
          isolate: false,
          setupFiles: 'pipeline/test/as-found.ts',
          unstubEnvs: true,
          unstubGlobals: true,
          restoreMocks: true,
          // By itself vitest leaves a core to somebody who watches.
          maxWorkers: availableParallelism(),
          // Some start programs, and a machine may be busy.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['pipeline/test/system/**/*.test.ts'],
          globalSetup: 'pipeline/test/system/setup.ts',
          setupFiles: 'pipeline/test/system/one-id.ts',
          // More than a small machine has cores: what waits (for an alert, a service, a download) leaves room for what computes.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          // Where nobody watches, one of thousands of starts of programs may fail by itself.
          retry: CI ? 1 : 0,
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
    sequence: { sequencer: LongestFirst },
    reporters: ['default', new SecondAttempts(), ...reports],
    coverage: {
      enabled: Boolean(COVERAGE_DIR),
      provider: 'v8',
      reportOnFailure: true,
      reportsDirectory: COVERAGE_DIR || 'coverage',
      reporter: ['json-summary', 'lcov', 'text'],
      // What unit tests can decide; stages and the engine are tested by running them, in processes of their own.
      include: [
        'pipeline/src/core/**',
        'pipeline/src/oci/**',
        'pipeline/cli/**',
        'pipeline/src/suggest.ts',
        'pipeline/engine/images/assembled/**',
      ],
    },
  },
});
