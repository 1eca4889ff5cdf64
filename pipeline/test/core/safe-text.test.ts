// What must not get through to a terminal, a log or a page, by sequences that are known to have been used, and by chance.
import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { oneLine, safeJson, safeLines, safeText } from '../../src/core/safe-text.ts';

const ESC = '\u001b';
const rows: [name: string, text: string, shown: string][] = [
  ['plain text, with tabs and lines', 'a\tb\nc é 漢字 😀', 'a\tb\nc é 漢字 😀'],
  ['lines as Windows ends them', 'a\r\nb', 'a\nb'],
  ['colours of a tool', `${ESC}[1;38;5;196mred${ESC}[0m`, 'red'],
  ['a reset of the terminal', `${ESC}c`, '␛c'],
  ['a title that does not end', `${ESC}]0;owned`, '␛]0;owned'],
  ['the clipboard, by OSC 52', `${ESC}]52;c;cm0gLXJm\u0007`, '␛]52;c;cm0gLXJm␇'],
  ['a device control string', `${ESC}P+q544e${ESC}\\`, '␛P+q544e␛\\'],
  ['a line written over', 'FAIL\rok  ', 'FAIL␍ok  '],
  ['a word written over', 'FAIL\b\b\b\bok', 'FAIL␈␈␈␈ok'],
  ['a character deleted', 'FAIL\u007fok', 'FAIL␡ok'],
  ['the cursor moved', `${ESC}[2A${ESC}[0J`, '␛[2A␛[0J'],
  ['sequences that begin with one byte', '\u009b31m \u009d0;x\u009c', '\ufffd31m \ufffd0;x\ufffd'],
  [
    'direction turned, as in trojan source',
    'if (x\u202e \u2066// admin\u2069 \u2066)',
    'if (x\ufffd \ufffd// admin\ufffd \ufffd)',
  ],
  // Unicode, Default_Ignorable_Code_Point: zero width space, soft hyphen, word joiner, Hangul filler, and a tag (as in prompt smuggling).
  ['what nobody sees', 'a\u200bb\u00adc\u2060d\u3164e\u{e0041}f\ufeff', 'a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffd'],
  ['a joiner in a word', 'pass\u200dword \ufe0f', 'pass\ufffdword \ufffd'],
  ['emoji that are joined and varied', '👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 ⚠\ufe0f', '👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 ⚠\ufe0f'],
  ['half of a character', 'a\ud800b', 'a\ufffdb'],
];
for (const [name, text, shown] of rows) test(`safe: ${name}`, () => expect(safeText(text)).toBe(shown));

const lines: [name: string, text: string, shown: string][] = [
  ['our own colours stay', `${ESC}[31mFAIL${ESC}[0m ${ESC}[8mhidden`, `${ESC}[31mFAIL${ESC}[0m hidden`],
  ['a command to GitHub', '::add-mask::a', ': :add-mask::a'],
  ['… that is indented, or in a later line', 'x\n  ::stop-commands::t', 'x\n  : :stop-commands::t'],
  ['… behind a colour', `${ESC}[2m::error::x${ESC}[0m`, `${ESC}[2m: :error::x${ESC}[0m`],
  ['… of the old form, anywhere', 'x ##[command]y', 'x # #[command]y'],
  ['a command to Azure', '##vso[task.setvariable]x', '# #vso[task.setvariable]x'],
  ['colons that are none', 'std::vector a::b http://x', 'std::vector a::b http://x'],
];
for (const [name, text, shown] of lines) test(`lines: ${name}`, () => expect(safeLines(text)).toBe(shown));

const ones: [name: string, text: string, shown: string][] = [
  ['one that is one', '  a  ', '  a  '],
  ['a line that looks like ours', 'x\nsame failure: test, service: exit 0', 'x ⏎ same failure: test, service: exit 0'],
  ['breaks of both kinds, in a row', 'x\r\n\n  # H1\n', 'x ⏎ # H1'],
];
for (const [name, text, shown] of ones) test(`one line: ${name}`, () => expect(oneLine(text)).toBe(shown));

test('JSON says the same, in characters that no terminal obeys', () => {
  const value = { text: `${ESC}c\u009b31m\u202e\u{e0041}`, list: ['::x', 1, null] };
  expect(JSON.parse(safeJson(value))).toEqual(value);
  expect(safeJson(value)).not.toMatch(/[^\n -~]/);
});

test('of ten thousand random texts, nothing that is obeyed gets through', () => {
  const pieces = [
    ESC,
    '[',
    ']',
    ';',
    '0',
    '31',
    'm',
    'c',
    'P',
    '\\',
    '::',
    '##[',
    '\r',
    '\n',
    '\b',
    '\u0007',
    '\u009b',
    '\u202e',
    '\ud83d',
    ' ',
    'é',
  ];
  const ours = new RegExp(`${ESC}\\[(?:0|2|31|32|33)m`, 'g');
  for (let round = 0; round < 10_000; round++) {
    const text = Array.from({ length: randomInt(24) }, () =>
      randomInt(3) === 0 ? String.fromCharCode(randomInt(0x10000)) : pieces[randomInt(pieces.length)],
    ).join('');
    const shown = safeLines(text).replace(ours, '');
    expect(shown.replace(/[\n\t]/g, ''), JSON.stringify(text)).not.toMatch(/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u);
    for (const line of shown.split('\n')) expect(line, JSON.stringify(text)).not.toMatch(/^\s*::|##\[/);
  }
});
