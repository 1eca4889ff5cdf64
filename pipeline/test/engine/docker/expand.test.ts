// Variables in the words of a Dockerfile: the examples of Docker's reference ("Environment replacement"), and cases of BuildKit's own table.
import { expect, test } from 'vitest';
import { expand } from '../../../engine/docker/expand.ts';

const VALUES: Readonly<Record<string, string>> = {
  foo: '/bar',
  variable: 'value',
  EMPTY: '',
  str: 'foobarbaz',
  two: 'a b',
};
const expanded = (text: string, escapeMark = '\\') => expand(text, { escapeMark, lookup: (name) => VALUES[name] });

const cases: [text: string, expanded: string][] = [
  ['$foo', '/bar'],
  ['${foo}_x', '/bar_x'],
  ['$foo_x', ''],
  ['\\$foo', '$foo'],
  ['\\${foo}', '${foo}'],
  ["'$foo'", '$foo'],
  ['"$foo"', '/bar'],
  ['"\\$foo \\" \\n"', '$foo " \\n'],
  ['a\\ b', 'a b'],
  ['a"b c"d', 'ab cd'],
  ['$', '$'],
  ['$1x', 'x'],
  ['a$/b', 'a$/b'],
  ['${variable:-word}', 'value'],
  ['${NOPE:-word}', 'word'],
  ['${EMPTY:-word}', 'word'],
  ['${EMPTY-word}', ''],
  ['${NOPE-word}', 'word'],
  ['${variable:+word}', 'word'],
  ['${EMPTY:+word}', ''],
  ['${EMPTY+word}', 'word'],
  ['${NOPE:+word}', ''],
  ['${NOPE:-${foo}/x}', '/bar/x'],
  ['${NOPE:-"a b"}', 'a b'],
  ['${variable:?no}', 'value'],
  ['${str#f*b}', 'arbaz'],
  ['${str##f*b}', 'az'],
  ['${str%b*}', 'foobar'],
  ['${str%%b*}', 'foo'],
  ['${str#x}', 'foobarbaz'],
  ['${str/ba/fo}', 'fooforbaz'],
  ['${str//ba/fo}', 'fooforfoz'],
  ['${str//b?r/$}', 'foo$baz'],
];
for (const [text, value] of cases) test(text, () => expect(expanded(text).text).toBe(value));

test('a backtick escapes where it is told to', () => expect(expanded('`$foo\\$foo', '`').text).toBe('$foo\\/bar'));
test('what was quoted is one word', () => expect(expanded('$two "$two" c').words).toEqual(['a', 'b', 'a b', 'c']));
test('quotes of a heredoc stay', () => {
  const options = { escapeMark: '\\', lookup: (name: string) => VALUES[name], ignoresQuotes: true };
  expect(expand('it\'s "$foo" \\$foo', options).text).toBe('it\'s "/bar" $foo');
});

const faults: [text: string, said: string][] = [
  ['${NOPE:?is needed}', 'NOPE: is needed'],
  ['${EMPTY:?}', 'EMPTY: is not allowed to be empty'],
  ['${NOPE?}', 'NOPE: is not allowed to be unset'],
  ['${foo', '} is missing'],
  ['${}', 'bad substitution'],
  ['${foo:=x}', 'unsupported modifier (:=)'],
  ['"a', 'the closing " is missing'],
  ["'a", "the closing ' is missing"],
];
for (const [text, said] of faults) test(`fault: ${text}`, () => expect(() => expanded(text)).toThrow(said));
