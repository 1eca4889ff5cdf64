// What a run says of failed tests: reports as runners wrote them, and the lines that a person reads.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { folderOf, testErrors } from '../../src/core/failed-tests.ts';
import { parseJunit } from '../../src/core/junit.ts';

const report = (runner: string) => readFileSync(new URL(`./fixtures/failed/${runner}.xml`, import.meta.url), 'utf8');
const errorsIn = (runner: string, folder = 'service') => testErrors([], parseJunit(report(runner)), folder);

test('Vitest: each with its place from the root of the repository, the first with its diff', () => {
  const errors = errorsIn('vitest');
  expect(errors.slice(0, 7)).toEqual([
    'service/test/broken.test.ts:3:104 prices > the broken 1: expected 2 to be 103 // Object.is equality',
    '  - Expected',
    '  + Received',
    '  - 103',
    '  + 2',
    'service/test/broken.test.ts:3:104 prices > the broken 2: expected 3 to be 106 // Object.is equality',
    'service/test/broken.test.ts:3:104 prices > the broken 3: expected 4 to be 109 // Object.is equality',
  ]);
  expect(errors.filter((line) => line.startsWith('service/'))).toHaveLength(13);
});

test('as many as it takes to see what broke, and how many more', () => {
  const cases = parseJunit(report('vitest'));
  const errors = testErrors([], [...cases, ...cases], '');
  expect(errors.filter((line) => line.startsWith('test/'))).toHaveLength(20);
  expect(errors.at(-1)).toBe('… and 6 more');
});

test('a diff of many lines is cut', () => {
  const large = JSON.stringify(Array.from({ length: 50 }, (_, index) => `- ${index}`)).replaceAll('","', '\n');
  const xml = `<testsuite name="a"><testcase classname="a.test.ts" name="x"><failure message="no">Error: no\n\n- Expected\n+ Received\n\n${large.replaceAll('"', '')}\n ❯ a.test.ts:1:1</failure></testcase></testsuite>`;
  const errors = testErrors([], parseJunit(xml), '');
  expect(errors).toHaveLength(14);
  expect(errors.at(-1)).toBe('  … and 40 more lines');
});

test('Node’s runner: the line that threw', () =>
  expect(errorsIn('node')).toEqual([
    expect.stringMatching(
      /^service\/test\/price\.test\.js:2:61 test > of a coat: Expected values to be strictly equal/,
    ),
  ]));

test('pytest: the deepest line', () =>
  expect(errorsIn('pytest', 'api')).toEqual([
    'api/tests/test_price.py:3 tests.test_price > test_price[1]: assert 1 == 3',
    'api/tests/test_price.py:3 tests.test_price > test_price[2]: assert 2 == 3',
  ]));

test('mocha’s xunit, which writes no message and no place', () => {
  const xml =
    '<testsuite name="Mocha Tests" tests="1"><testcase classname="adds" name="two numbers" time="0"><failure>expected 3 to equal 2\nAssertionError</failure></testcase></testsuite>';
  const errors = ['adds > two numbers: expected 3 to equal 2'];
  expect(testErrors([], parseJunit(xml), '')).toEqual(errors);
  expect(testErrors(['npm error code 1'], parseJunit(xml), '')).toEqual(errors);
});

test('what no report holds comes from the log: coverage, or all of it where no test failed', () => {
  const below = 'Coverage for lines (50%) does not meet global threshold (80%)';
  expect(testErrors([below, 'FAIL x'], parseJunit(report('pytest')), '')).toHaveLength(3);
  expect(testErrors([below, 'FAIL x'], parseJunit(report('pytest')), '').at(-1)).toBe(below);
  expect(testErrors(['sh: vitest: not found'], [], '')).toEqual(['sh: vitest: not found']);
});

describe('a failed test whose name has line breaks', () => {
  // XML 1.0, 3.3.3: a line break in the value of an attribute survives as a character reference.
  const name = Array.from({ length: 14 }, (_, line) => `line ${line}`).join('&#10;');
  const cases = (broken: string) =>
    parseJunit(`<testsuites><testsuite name="a">
      <testcase classname="test/a.test.ts" name="${broken}"><failure message="expected 1 to be 2&#10;more">x</failure></testcase>
      <testcase classname="test/a.test.ts" name="plain"><failure message="no">x</failure></testcase>
      <testcase classname="test/a.test.ts" name="fine"/>
    </testsuite></testsuites>`);
  test('is on one line, next to the others', () => {
    const [first, ...others] = testErrors([], cases(name), '');
    expect(first).toMatch(/^test\/a\.test\.ts line 0 ⏎ line 1 ⏎ /);
    expect(others).toEqual(['test/a.test.ts plain: no']);
    expect(testErrors([], cases('x&#13;&#10;y'), '')[0]).toBe('test/a.test.ts x ⏎ y: expected 1 to be 2');
  });
});

test.each([
  ['(cd service && npm test --silent)', 'service'],
  ["(cd 'my service' && npm test)", 'my service'],
  ['npm test', ''],
])('the folder of %s', (command, folder) => expect(folderOf(command)).toBe(folder));
