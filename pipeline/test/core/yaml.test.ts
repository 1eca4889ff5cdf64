// Faults in what people write by hand: each is named with its line, and nothing that cannot be meant is taken for a value.
import { expect, test } from 'vitest';
import { type Fields, phraseFaults, YamlFile } from '../../src/core/yaml.ts';

/** The faults of a text whose fields are read by `read`, as `line: text`. */
function faultsOf(text: string, read: (fields: Fields) => unknown = () => undefined): string[] {
  const yaml = new YamlFile('a.yaml', text);
  const fields = yaml.fields();
  if (fields !== undefined) read(fields);
  return yaml.faults.map(({ place, text }) => `${place.replace('a.yaml:', '')}: ${text}`);
}

const broken: [name: string, text: string, faults: (string | RegExp)[]][] = [
  ['nothing at all', '', ['1: the file must be a mapping of names to values']],
  ['comments alone', '# a\n# b\n', ['1: the file must be a mapping of names to values']],
  ['a list', '- a\n', ['1: the file must be a mapping of names to values']],
  ['a text', 'a\n', ['1: the file must be a mapping of names to values']],
  ['an open bracket', 'a: 1\nb: [1\n', [/^3: Flow sequence .* end with a \]$/]],
  ['a tab', 'a:\n\t- b\n', ['2: Tabs are not allowed as indentation']],
  ['a name that stands twice', 'a: 1\nb: 2\na: 3\n', ['3: this name stands here a second time']],
  ['a second document', 'a: 1\n---\na: 2\n', ['2: a second document begins here, and only one is read']],
  ['a comma that is missing', '{"a": 1,\n "b": 2\n "c": 3}', [/^2: a comma or a bracket is missing before this$/]],
  ['a bracket that is missing', '{"a":\n 1\n', [/^3: Flow map must end with a \}$/]],
  ['an alias', 'a: &x 1\nb: *x\n', ['2: an alias hides what is meant: write the value out']],
  ['an alias of nothing', 'b: *x\n', ['1: an alias hides what is meant: write the value out']],
  ['an alias merged in', 'a: &x {c: 1}\nb:\n  <<: *x\n', ['3: an alias hides what is meant: write the value out']],
  ['a type that nobody knows', 'a: !secret b\n', ['1: Unresolved tag: !secret']],
];
for (const [name, text, faults] of broken) {
  test(`broken: ${name}`, () => {
    const found = faultsOf(text);
    expect(found.slice(0, faults.length)).toEqual(
      faults.map((fault) => (typeof fault === 'string' ? fault : expect.stringMatching(fault))),
    );
    expect(new YamlFile('a.yaml', text).fields()).toBeUndefined();
  });
}

const wrong: [name: string, text: string, read: (fields: Fields) => unknown, faults: string[]][] = [
  ['a text is missing', 'b: 1\n', (f) => f.required('a'), ['1: a is missing']],
  ['a name without a value', 'b: 1\na:\n', (f) => f.required('a'), ['2: a is missing']],
  ['null is no text', 'b: 1\na: null\n', (f) => f.required('a'), ['2: a is missing']],
  ['a number is no text', 'a: 1\n', (f) => f.required('a'), ['1: a must be a text that is not empty']],
  ['a blank text', 'a: " "\n', (f) => f.text('a'), ['1: a must be a text that is not empty']],
  ['a list is no text', 'a: [b]\n', (f) => f.text('a'), ['1: a must be a text that is not empty']],
  ['yes is no flag', 'a: yes\n', (f) => f.flag('a', true), ['1: a must be true or false']],
  ['a flag in quotes', 'a: "true"\n', (f) => f.flag('a', true), ['1: a must be true or false']],
  ['a fraction', 'a: 1.5\n', (f) => f.count('a', 0), ['1: a must be a whole number, 0 or more']],
  ['less than nothing', 'a: -1\n', (f) => f.count('a', 0), ['1: a must be a whole number, 0 or more']],
  ['infinity', 'a: .inf\n', (f) => f.count('a', 0), ['1: a must be a whole number, 0 or more']],
  [
    'a number in quotes',
    'a: "1"\n',
    (f) => f.count('a', 0),
    ['1: a must be a whole number, 0 or more, without quotes'],
  ],
  ['another version', 'a: 2\n', (f) => f.exactly('a', 1, 'so'), ['1: a must be 1, so']],
  ['no version', 'b: 1\n', (f) => f.exactly('a', 1, 'so'), ['1: a must be 1, so']],
  ['a slip', 'a: HIHG\n', (f) => f.oneOf('a', ['LOW', 'HIGH'], 'LOW'), ['1: a cannot be "HIHG"; did you mean HIGH?']],
  [
    'small letters',
    'a: high\n',
    (f) => f.oneOf('a', ['LOW', 'HIGH'], 'LOW'),
    ['1: a cannot be "high"; did you mean HIGH?'],
  ],
  ['no choice', 'a: 7\n', (f) => f.oneOf('a', ['LOW', 'HIGH'], 'LOW'), ['1: a cannot be 7; it can be LOW, HIGH']],
  [
    'a list of choices',
    'a: [HIGH]\n',
    (f) => f.oneOf('a', ['LOW', 'HIGH'], 'LOW'),
    ['1: a cannot be a list or a mapping; it can be LOW, HIGH'],
  ],
  ['a text for a list', 'a: b\n', (f) => f.texts('a'), ['1: a must be a list']],
  ['a number among texts', 'a:\n  - b\n  - 1\n', (f) => f.texts('a'), ['3: a must be a list of texts']],
  ['a blank among texts', 'a:\n  - ""\n', (f) => f.texts('a'), ['2: a must be a list of texts']],
  [
    'a text among mappings',
    'a:\n  - b: 1\n  - c\n',
    (f) => f.list('a'),
    ['3: a[1] must be a mapping of names to values'],
  ],
  ['a list for a mapping', 'a: []\n', (f) => f.mapping('a'), ['1: a must be a mapping of names to values']],
  [
    'a fault further in',
    'a:\n  b:\n    c: 1\n',
    (f) => f.mapping('a')?.mapping('b')?.text('c'),
    ['3: a.b.c must be a text that is not empty'],
  ],
  [
    'several at once, each with its line',
    'a: 1\nb: yes\nd: 3\n',
    (f) => [f.text('a'), f.flag('b', false), f.required('c'), f.end()],
    [
      '1: a must be a text that is not empty',
      '2: b must be true or false',
      '1: c is missing',
      '3: there is no "d"; did you mean a?',
    ],
  ],
  [
    'a name that is a slip',
    'failat: 1\n',
    (f) => [f.has('failAt'), f.end()],
    ['1: there is no "failat"; did you mean failAt?'],
  ],
  [
    'a name that is nothing like one',
    'zzzzzz: 1\n',
    (f) => [f.has('failAt'), f.end()],
    ['1: there is no "zzzzzz"; it can be failAt'],
  ],
  ['a merge key', '<<: {a: 1}\n', (f) => [f.text('a'), f.end()], ['1: there is no "<<"; it can be a']],
];
for (const [name, text, read, faults] of wrong)
  test(`wrong: ${name}`, () => expect(faultsOf(text, read)).toEqual(faults));

const right: [name: string, text: string, read: (fields: Fields) => unknown, value: unknown][] = [
  ['a text', 'a: b c\n', (f) => f.required('a'), 'b c'],
  ['a text that is not there', 'b: 1\n', (f) => f.text('a'), undefined],
  ['a day is a text', 'a: 2026-12-31\n', (f) => f.text('a'), '2026-12-31'],
  ['a flag', 'a: true\n', (f) => f.flag('a', false), true],
  ['a count of nothing', 'a: 0\n', (f) => f.count('a', 5), 0],
  ['a count that is not there', 'b: 0\n', (f) => f.count('a', 5), 5],
  ['a list with nothing behind its name', 'a:\n', (f) => f.texts('a'), []],
  ['texts', 'a: [b, c]\n', (f) => f.texts('a'), ['b', 'c']],
  ['names', 'b: 1\na: 2\n', (f) => f.names(), ['b', 'a']],
  ['JSON with tabs', '{\n\t"a": ["b"]\n}', (f) => f.texts('a'), ['b']],
  ['letters beyond the plane', '{"a": "\\ud83d\\ude00"}', (f) => f.text('a'), '😀'],
];
for (const [name, text, read, value] of right) {
  test(`right: ${name}`, () => {
    const yaml = new YamlFile('a.yaml', text);
    const fields = yaml.fields();
    expect(yaml.faults).toEqual([]);
    expect(fields && read(fields)).toEqual(value);
    expect(yaml.faults).toEqual([]);
  });
}

const fault = (line: number) => ({ place: `a.yaml:${line}`, text: 'x is wrong' });
const phrases: [lines: number[], phrase: string][] = [
  [[], ''],
  [[1], 'a.yaml:1: x is wrong'],
  [[1, 2], 'a.yaml:1: x is wrong (and 1 more: a.yaml:2: x is wrong)'],
  [
    [1, 2, 3, 4, 5],
    'a.yaml:1: x is wrong (and 4 more: a.yaml:2: x is wrong; a.yaml:3: x is wrong; a.yaml:4: x is wrong …)',
  ],
];
for (const [lines, phrase] of phrases)
  test(`${lines.length} faults in one sentence`, () => expect(phraseFaults(lines.map(fault))).toBe(phrase));

// Texts that are small and deep, as for the parsers of JSON and YAML in https://github.com/nst/JSONTestSuite and libyaml's CVE-2014-9130.
const deep: [name: string, text: string, line: number][] = [
  ['lists', `a: 1\nb: ${'['.repeat(20_000)}`, 2],
  ['closed lists', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, 1],
  ['objects of JSON', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, 1],
  ['mappings', Array.from({ length: 3000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'), 100],
  ['dashes', `${'- '.repeat(20_000)}x`, 1],
  ['question marks', `${'? '.repeat(20_000)}x`, 1],
];
for (const [name, text, line] of deep)
  test(`nested deep is one fault: ${name}`, () => {
    const file = new YamlFile('x.yaml', text);
    expect(file.fields()).toBeUndefined();
    expect(file.faults).toEqual([{ place: `x.yaml:${line}`, text: 'this is nested more than 100 levels deep' }]);
  });

test('brackets in words nest nothing, and forty levels are none too many', () => {
  const file = new YamlFile('x.yaml', `a: "${'['.repeat(5000)}"\nb: ${'['.repeat(40)}${']'.repeat(40)}\n`);
  expect(file.fields()?.names()).toEqual(['a', 'b']);
});
