// Variables in the words of a Dockerfile: the examples of Docker's reference ("Environment replacement"), and cases of BuildKit's own table.
import { describe, expect, test } from 'vitest';
import { expand, Growth } from '../../src/dockerfile/expand.ts';

const VALUES: Readonly<Record<string, string>> = {
  foo: '/bar',
  variable: 'value',
  EMPTY: '',
  str: 'foobarbaz',
  two: 'a b',
  smile: '🙂b',
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

// research.swtch.com/glob: what a pattern that is tried in every way takes ages for
test('patterns that can be read in many ways', () => {
  const lookup = () => 'a'.repeat(1000);
  const many = 'a*'.repeat(100);
  for (const text of [`\${A#${many}b}`, `\${A##${many}b}`, `\${A%b${many}}`, `\${A%%b${many}}`, `\${A//${many}b/x}`])
    expect(expand(text, { escapeMark: '\\', lookup }).text, text).toBe('a'.repeat(1000));
});

// Bash's reference, "Shell Parameter Expansion", tried with bash 5.2
const patterns: [text: string, value: string][] = [
  ['${str#*o}', 'obarbaz'],
  ['${str##*o}', 'barbaz'],
  ['${str%a*}', 'foobarb'],
  ['${str%%a*}', 'foob'],
  ['${str%b??}', 'foobar'],
  ['${str#*}', 'foobarbaz'],
  ['${str##*}', ''],
  ['${str/o*a/X}', 'fXz'],
  ['${str//[a]/X}', 'foobarbaz'],
  ['${str/b*/X}', 'fooX'],
  ['${str//?/X}', 'XXXXXXXXX'],
  ['${str#\\f}', 'oobarbaz'],
  ['${str%\\*}', 'foobarbaz'],
  ['${smile#?}', 'b'],
];
for (const [text, value] of patterns) test(text, () => expect(expanded(text).text).toBe(value));

// The entities of "billion laughs" (CVE-2003-1564), as variables
describe('what grows without end is refused', () => {
  const values = { A: 'a'.repeat(1 << 20), B: 'b'.repeat(1 << 15) };
  const lookup = (name: string) => values[name as keyof typeof values];
  const grown = (text: string) => expand(text, { escapeMark: '\\', lookup }).text;
  for (const text of ['$A$A', '"$A"$A', '"$A$A"', '${A}x', '${NONE:-$A$A}', '${A//a/$B}', '${B//?/$B}'])
    test(text, () => expect(() => grown(text)).toThrow('a value grows to more than 1 MiB by its variables'));
  test('all together', () => {
    const growth = new Growth();
    const once = () => expand('$A', { escapeMark: '\\', lookup, growth });
    expect(() => Array.from({ length: 17 }, once)).toThrow('the variables of this file grow to more than 16 MiB');
  });
  test('what stands there as it is may be large', () =>
    expect(grown('x'.repeat((1 << 20) + 1))).toHaveLength((1 << 20) + 1));
  test('a pattern as large as the value', () => expect(() => grown('${A#?$B$B}')).toThrow('is too long for a value'));
  test('nesting', () =>
    expect(() => grown(`${'${N:-'.repeat(10_000)}x${'}'.repeat(10_000)}`)).toThrow('nested more than 100 levels deep'));
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
