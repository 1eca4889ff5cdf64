// What a file of variables means: Docker's documentation of the syntax of env files, row by row, and what is refused.
import { expect, test } from 'vitest';
import { parseEnvFile } from '../../../src/core/compose/env-file.ts';

const rows: [line: string, value: string][] = [
  ['VAR=VAL', 'VAL'],
  ['VAR="VAL"', 'VAL'],
  ["VAR='VAL'", 'VAL'],
  ['VAR=VAL # comment', 'VAL'],
  ['VAR=VAL# not a comment', 'VAL# not a comment'],
  ['VAR="VAL # not a comment"', 'VAL # not a comment'],
  ['VAR="VAL" # comment', 'VAL'],
  ["VAR='$OTHER'", '$OTHER'],
  ["VAR='${OTHER}'", '${OTHER}'],
  ['VAR=${OTHER}', 'known'],
  ['VAR="$OTHER"', 'known'],
  ['export VAR = VAL', 'VAL'],
  ['VAR=', ''],
];
test.for(rows)('%s', ([line, value]) =>
  expect(parseEnvFile(`\n# comment\n${line}\n`, { OTHER: 'known' })).toEqual({ VAR: value }),
);

const faults: [text: string, fault: string][] = [
  ['A=1\nnonsense here', 'line 2: cannot be "nonsense here"; write NAME=VALUE'],
  ['A="open', 'line 1: a quoted value must end on its line'],
  ['A=$NONE', 'line 1: NONE is not defined'],
];
test.for(faults)('%s: %s', ([text, fault]) => expect(() => parseEnvFile(text, {})).toThrow(fault));
