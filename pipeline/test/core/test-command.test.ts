// Test scripts as public starters have them, and what runs them: a report of JUnit is asked for where the runner can be told, and nowhere twice.
import { expect, test } from 'vitest';
import { testCommand } from '../../src/core/test-command.ts';

const PLAIN = 'npm test --silent';
const asked = async (script: string, configs: Record<string, string> = {}, plain = PLAIN) =>
  await testCommand(plain, script, async (names) => names.map((name) => configs[name] ?? null));

const VITEST = `${PLAIN} -- --reporter=default --reporter=junit --outputFile.junit="$JUNIT_FILE"`;
const NODE =
  'NODE_OPTIONS="$NODE_OPTIONS --test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination=$JUNIT_FILE" npm test --silent';

test.for([
  ['vitest', VITEST],
  ['vitest run', VITEST],
  ['vitest run --coverage', VITEST],
  ['tsc --noEmit && npx vitest --run', VITEST],
  ['vitest run && echo done', PLAIN],
  ['vitest bench', PLAIN],
  ['vitest run --reporter=dot', PLAIN],
  ['vitest run --outputFile.junit=$JUNIT_FILE', PLAIN],
  ['node --test', NODE],
  ['node --test test/', NODE],
  ['node --import tsx --test "test/**/*.test.ts"', NODE],
  ['node --import=tsx --test "test/**/*.test.ts"', NODE],
  ['node --test --test-reporter=tap', PLAIN],
  ['node test.js', PLAIN],
  ['jest', PLAIN],
  ['mocha', PLAIN],
  ['echo "Error: no test specified" && exit 1', null],
] as const)('%s', async ([script, command]) => expect(await asked(script)).toBe(command));

test('a Vitest that is told in its own file is told no more', async () => {
  const config =
    'export default { test: { reporters: ["default", ["junit", { outputFile: process.env.JUNIT_FILE }]] } }';
  expect(await asked('vitest run', { 'vitest.config.ts': config })).toBe(PLAIN);
  expect(await asked('vitest run', { 'vite.config.js': 'export default {}' })).toBe(VITEST);
});

test('Yarn hands on what stands behind the name of a script', async () =>
  expect(await asked('vitest run', {}, 'yarn run test')).toBe(
    'yarn run test --reporter=default --reporter=junit --outputFile.junit="$JUNIT_FILE"',
  ));
