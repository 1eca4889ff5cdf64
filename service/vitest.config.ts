// How the tests run. JUNIT_FILE and COVERAGE_DIR name where their reports go; without them there are none.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const { JUNIT_FILE, COVERAGE_DIR } = process.env;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Programs are tested as they ship: compiled, in processes of their own.
    globalSetup: 'test/build.ts',
    // Some start programs, and a machine may be busy.
    testTimeout: 60_000,
    // By itself vitest leaves a core to somebody who watches.
    maxWorkers: availableParallelism(),
    reporters: JUNIT_FILE ? ['default', ['junit', { outputFile: JUNIT_FILE }]] : ['default'],
    coverage: {
      enabled: Boolean(COVERAGE_DIR),
      provider: 'v8',
      reportOnFailure: true,
      reportsDirectory: COVERAGE_DIR || 'coverage',
      reporter: ['json-summary', 'lcov', 'text'],
      // Matched anywhere in a path: with `**` all of a repository that lies in a folder named src would count, its tests too.
      include: ['src/*.ts'],
      // Both only run as child processes, which v8 does not see from here; test/programs.test.ts runs all their ways out.
      exclude: ['src/server.ts', 'src/healthcheck.ts'],
      thresholds: { statements: 98, branches: 95, functions: 98, lines: 98 },
    },
  },
});
