// Calls of the tool in texts that others copy or run: which function, with which options, through which door; and what of it does not exist.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isFunction, OPTIONS, type OptionName, optionInfo, optionsOf } from '../cli/functions.ts';

export type Call = { door: 'command line' | 'Dagger'; text: string; name: string; options: string[] };

const COMMAND_LINE =
  /^(?:npx drydock|npx tsx pipeline\/ci\.ts|node (?:\.\.\/drydock\/)?pipeline\/bin\/drydock\.mjs)(?= |$)/;
const DAGGER = /^dagger call(?= )/;

/** Null for any other command. */
export function readCall(text: string): Call | null {
  const door = COMMAND_LINE.test(text) ? 'command line' : DAGGER.test(text) ? 'Dagger' : null;
  if (door === null) return null;
  const said = text.replace(door === 'Dagger' ? DAGGER : COMMAND_LINE, '');
  const words = wordsOf(said);
  // What is chained to a function of the module is asked of what it returns.
  const end = words.findIndex((word) => ['report', 'exit-code', 'export'].includes(word));
  const own = end < 0 || door !== 'Dagger' ? words : words.slice(0, end);
  return { door, text, ...(door === 'Dagger' ? readModule(own) : readCommand(own)) };
}

/** A shell's, where a variable that may be unset brings its option along: `${BASE:+--base "$BASE"}`. */
function wordsOf(text: string): string[] {
  const always = text.replace(/\$\{\w+:\+([^}]*)\}/g, '$1').replace(/\s#\s.*$/, '');
  return always.match(/(?:"[^"]*"|'[^']*'|\S)+/g) ?? [];
}

const optionOf = (word: string) => word.replace(/^--/, '').replace(/=.*$/, '');

function readCommand(words: readonly string[]): Pick<Call, 'name' | 'options'> {
  const options = words.filter((word) => word.startsWith('--')).map(optionOf);
  const takesValue = (word = '') =>
    Object.hasOwn(OPTIONS, optionOf(word)) && optionInfo(optionOf(word) as OptionName).value !== undefined;
  const [name = 'ci'] = words.filter((word, at) => !word.startsWith('-') && !takesValue(words[at - 1]));
  return { name, options };
}

/** What all functions of the module share is said before the function. */
function readModule([...words]: readonly string[]): Pick<Call, 'name' | 'options'> {
  const options: string[] = [];
  while (words[0]?.startsWith('-')) {
    const word = words.shift() ?? '';
    if (word !== '-m') options.push(`shared ${optionOf(word)}`);
    if (MODULE.get(SHARED)?.get(optionOf(word)) !== 'boolean') words.shift();
  }
  const [name = '', ...rest] = words;
  return { name, options: [...options, ...rest.filter((word) => word.startsWith('--')).map(optionOf)] };
}

const SHARED = 'all of them';
/** The module's functions, with their arguments and the types of these: docs/functions.md, which a test holds equal to the module. */
const MODULE = new Map<string, Map<string, string>>();
const [overview = '', ...sections] = readFileSync(
  fileURLToPath(new URL('../../docs/functions.md', import.meta.url)),
  'utf8',
).split(/^## /m);
const rowsOf = (text: string) => [...text.matchAll(/^\| `(?:--)?([\w-]+)` *\|[^|]*\| ([\w, ]+?) *\|/gm)];
for (const [, name = ''] of overview.matchAll(/^\| `(\w+)` /gm)) MODULE.set(kebab(name), new Map());
for (const section of sections) {
  const [title = ''] = section.split('\n');
  // A value with a bar in it is written with a backslash.
  const rows = rowsOf(section.replaceAll('\\|', '/'));
  MODULE.set(kebab(title), new Map(rows.map(([, option = '', type = '']) => [option, type])));
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The words of a call that are made up. */
export function unknownIn({ door, name, options }: Call): string[] {
  const known = door === 'Dagger' ? ofModule(name) : isFunction(name) ? optionsOf(name) : null;
  if (known === null) return [name];
  return options
    .filter((option) => !known.some((one) => one === option))
    .map((option) => `--${option.replace('shared ', '')}`);
}

function ofModule(name: string): string[] | null {
  const own = MODULE.get(name);
  if (own === undefined || name === SHARED) return null;
  return [...[...(MODULE.get(SHARED)?.keys() ?? [])].map((option) => `shared ${option}`), ...own.keys()];
}
