// What a person is shown of a failed tool's output: real outputs, and the lines that have to come out of them.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { firstErrors, stripColours, testErrors } from '../../src/core/first-errors.ts';
import { parseJunit } from '../../src/core/junit.ts';

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}.txt`, import.meta.url), 'utf8');

const VITEST = [
  "test/broken.test.ts: Error: Cannot find module '../src/missing.ts' imported from /src/test/broken.test.ts (test/broken.test.ts:1:1)",
  'test/add.test.ts > adds: AssertionError: expected 3 to be 4 // Object.is equality (test/add.test.ts:3:40)',
];

const outputs: [file: string, lines: string[]][] = [
  [
    'biome',
    [
      'package.json format: File content differs from formatting output',
      'src/a.ts format: File content differs from formatting output',
      'test/add.test.ts:3:1 assist/source/organizeImports: This statement must be preceded by a blank line. Add a newline before this statement.',
      'test/add.test.ts format: File content differs from formatting output',
      'test/broken.test.ts:1:1 assist/source/organizeImports: Some imports or exports are not organized.',
      '… and 2 more',
    ],
  ],
  [
    'tsc',
    [
      "src/b.ts(2,14): error TS2322: Type 'number' is not assignable to type 'string'.",
      "src/b.ts(3,26): error TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.",
    ],
  ],
  ['vitest', VITEST],
  ['vitest-coloured', VITEST],
  [
    'vitest-syntax',
    [
      'test/config.test.ts: Error: Transform failed with 1 error: [PARSE_ERROR] Expected `,` or `)` but found `;` (test/config.test.ts:3:19)',
    ],
  ],
  ['vitest-threshold', ['Coverage for lines (66.66%) does not meet global threshold (98%)']],
  ['node-test', ['adds: AssertionError [ERR_ASSERTION]: 2 == 3']],
  [
    'npm-lock-mismatch',
    [
      '`npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync. Please update your lock file with `npm install` before continuing.',
      'Missing: ms@2.1.3 from lock file',
    ],
  ],
  [
    'npm-json-parse',
    [
      'JSON.parse Invalid package.json: JSONParseError: Expected double-quoted property name in JSON at position 35 while parsing near "...\\"version\\": \\"1.0.0\\", }\\n"',
      'JSON.parse Failed to parse JSON data.',
      'JSON.parse Note: package.json must be actual JSON, not just JavaScript.',
    ],
  ],
  [
    'npm-eresolve',
    [
      'ERESOLVE could not resolve',
      'While resolving: react-dom@18.0.0',
      'Found: react@16.0.0',
      'node_modules/react',
      'react@"16.0.0" from the root project',
      '… and 8 more',
    ],
  ],
  [
    'npm-integrity',
    [
      'Integrity checksum failed when using sha512: wanted sha512-AAAAubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA== but got sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9…',
    ],
  ],
  ['npm-script', ["throw new Error('boom')", 'Error: boom']],
];
for (const [file, lines] of outputs) {
  test(`first errors of ${file}`, () => expect(firstErrors(fixture(file))).toEqual(lines));
}

const small: [name: string, log: string, lines: string[]][] = [
  ['nothing', '', []],
  ['only blank lines', '\n  \n', []],
  ['no word that sounds like an error', 'one\ntwo\n', ['one', 'two']],
  ['a count of no errors is not an error', 'found 0 errors\nfatal: it broke\n', ['fatal: it broke']],
  ['the same line many times', 'error: x\nerror: x\n', ['error: x']],
  ['carriage returns', 'error: x\r\nok\r\n', ['error: x']],
];
for (const [name, log, lines] of small) {
  test(`first errors: ${name}`, () => expect(firstErrors(log)).toEqual(lines));
}

test('first errors: a long line is cut', () => {
  const [line = ''] = firstErrors(`error: ${'x'.repeat(500)}`);
  expect(line).toHaveLength(200);
  expect(line.endsWith('…')).toBe(true);
});

test('a line that nearly is a heading of Biome, and long, is read in no time that anybody notices', () => {
  expect(firstErrors(`a format ${'━'.repeat(1_000_000)}x\nfatal: it broke`)).toEqual(['fatal: it broke']);
});

test('colours and links are taken out', () => {
  expect(
    stripColours('\u001b[1m\u001b[31mred\u001b[39m\u001b[22m \u001b]8;;https://x\u001b\\link\u001b]8;;\u001b\\'),
  ).toBe('red link');
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
  test('is on one line, beside the others', () => {
    const [first, ...others] = testErrors([], cases(name));
    expect(first).toMatch(/^test\/a\.test\.ts > line 0 ⏎ line 1 ⏎ /);
    expect(others).toEqual(['test/a.test.ts > plain: no']);
    expect(testErrors([], cases('x&#13;&#10;y'))[0]).toBe('test/a.test.ts > x ⏎ y: expected 1 to be 2');
  });
  test('where there is none, the log is read', () =>
    expect(testErrors(['FAIL plain'], cases('x'))).toEqual(['FAIL plain']));
});

test('a log that names none of the failed tests, as of a reporter that writes to a file alone: the report does', () => {
  // mocha --reporter xunit: no message, the whole as text.
  const report =
    '<testsuite name="Mocha Tests" tests="1"><testcase classname="adds" name="two numbers" time="0"><failure>expected 3 to equal 2\nAssertionError</failure></testcase></testsuite>';
  expect(testErrors([], parseJunit(report))).toEqual(['adds > two numbers: expected 3 to equal 2']);
  expect(testErrors(['npm error code 1'], parseJunit(report))).toEqual(['adds > two numbers: expected 3 to equal 2']);
});
