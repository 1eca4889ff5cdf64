// What a person is shown of a failed tool's output: real outputs, and the lines that have to come out of them.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { firstErrors, stripColours } from '../../src/core/first-errors.ts';

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
  [
    'ruff',
    [
      'app/sums.py:1:8 F401 `os` imported but unused',
      'app/sums.py:2:8 F401 `sys` imported but unused',
      'app/sums.py:3:1 UP035 `typing.List` is deprecated, use `list` instead',
      'app/sums.py:3:20 F401 `typing.List` imported but unused',
      'app/sums.py:7:16 F821 Undefined name `c`',
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
