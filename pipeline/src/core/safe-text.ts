// Text that strangers had a hand in (output of steps, names, capsules), made safe for what shows it: nothing in it is obeyed, and nothing of it is lost.

const ESC = '\u001b';
/** Colours, as most tools write them: nothing is lost without them. */
const COLOURS = new RegExp(`${ESC}\\[[0-9;:]*m`, 'g');
/** What the painter of our own lines puts there (cli/render.ts). */
const OUR_COLOUR = `${ESC}\\[(?:0|2|31|32|33)m`;
/**
 * Whatever a terminal may obey or a reader may be misled by: control characters of both kinds, marks of direction, ends of lines that look like
 * none, and what nobody sees (zero width, soft hyphens, tags). Of that, joiners and selectors stay right behind an emoji.
 */
const UNSAFE =
  /(?![\t\n])(?!(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)(?:\u200d|\ufe0e|\ufe0f))[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb\ufffe\uffff]/gu;
/** At the start of a line GitHub's runner obeys the first, and anywhere in it the second; Azure's and TeamCity's have the second, too. */
const COMMANDS = new RegExp(`^((?:[^\\S\\n]|${OUR_COLOUR})*):(?=:)|#(?=#(?:\\[|vso\\[|teamcity\\[))`, 'gm');

/** Most text is: it is safe as it is. */
const PLAIN = /^[\t\n -~]*$/;

/** One character for one, from the pictures of control characters where there is one. */
const picture = (character: string): string => {
  const code = character.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
};

/** For every surface: no control character but tab and newline, no mark that turns the direction of what follows. */
export function safeText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.toWellFormed().replaceAll('\r\n', '\n').replace(COLOURS, '').replace(UNSAFE, picture);
}

/** For a terminal or the log of a CI system: colours of ours stay, and no line is a command to whoever reads the log. */
export function safeLines(text: string): string {
  return text
    .split(new RegExp(`(${OUR_COLOUR})`))
    .map((part, index) => (index % 2 === 1 ? part : safeText(part)))
    .join('')
    .replace(COMMANDS, (start) => `${start} `);
}

/** For a place that is one line: a text with line breaks would make lines of its own, which look like ours. */
export function oneLine(text: string): string {
  return text.includes('\n') ? text.trimEnd().replace(/\r?\n\s*/g, ' ⏎ ') : text;
}

/** Lines as a text: each is one, whatever is in it. */
export function asLines(lines: readonly string[]): string {
  return lines.map((line) => `${oneLine(line)}\n`).join('');
}

/** JSON of which a terminal obeys nothing either. It says the same. */
export function safeJson(value: unknown): string {
  const escaped = (character: string) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('');
  return `${JSON.stringify(value, null, 2).replace(UNSAFE, escaped)}\n`;
}
