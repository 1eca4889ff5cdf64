import { expect, test } from 'vitest';
import { substitute } from '../../../src/core/compose/variables.ts';

const VARIABLES = { NAME: 'value', EMPTY: '' };

const cases: [text: string, result: string][] = [
  ['plain', 'plain'],
  ['$NAME and ${NAME}', 'value and value'],
  ['$$NAME', '$NAME'],
  ['^A_(B|C)$$', '^A_(B|C)$'],
  ['${EMPTY}', ''],
  ['${NONE:-default}', 'default'],
  ['${NONE-default}', 'default'],
  ['${EMPTY:-default}', 'default'],
  ['${EMPTY-default}', ''],
  ['${NONE:-${NAME}s}', 'values'],
  ['${NONE:-a}${NAME:-b}', 'avalue'],
  ['${NAME:+other}', 'other'],
  ['${EMPTY:+other}', ''],
  ['${NAME:?message}', 'value'],
];
test.for(cases)('%s becomes %s', ([text, result]) => expect(substitute(text, VARIABLES)).toBe(result));

const faults: [text: string, fault: string][] = [
  ['${NONE:?run: this}', 'NONE is not defined: run: this'],
  ['${EMPTY:?run: this}', 'EMPTY is not defined: run: this'],
  ['${NONE}', 'NONE is not defined; give it a value, or write ${NONE:-default}'],
  ['$NONE', 'NONE is not defined; give it a value, or write ${NONE:-default}'],
  ['costs $5', '"costs $5" has a $ that begins no variable; write $$'],
  ['${NAME', '"${NAME" has a ${ that is not closed on its line'],
  ['${NAME/a/b}', '${NAME/a/b} is no variable; write ${NAME}, or ${NAME:-default}'],
];
test.for(faults)('%s: %s', ([text, fault]) => expect(() => substitute(text, VARIABLES)).toThrow(new Error(fault)));
