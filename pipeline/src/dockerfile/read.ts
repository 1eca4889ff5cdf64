// Reads a Dockerfile into its instructions, as BuildKit's parser does: continued lines joined, comments left out, heredocs taken in.
// What the parsers on npm make of heredocs is for editors: dockerfile-ast takes `"<<EOF"` in quotes for the start of one, and with it the rest of the file.
import { expand } from './expand.ts';
import { DockerfileFault } from './fault.ts';

export interface Heredoc {
  readonly name: string;
  readonly content: string;
  /** Whether variables in it mean something: no part of its name was quoted. */
  readonly isExpanded: boolean;
}

export interface Instruction {
  /** Where it begins, counted from one. */
  readonly line: number;
  /** In capitals. */
  readonly keyword: string;
  /** Each as in `--name=value`. */
  readonly flags: readonly string[];
  /** What follows the flags, on one line. */
  readonly rest: string;
  readonly heredocs: readonly Heredoc[];
}

export interface Dockerfile {
  readonly escapeMark: string;
  readonly instructions: readonly Instruction[];
}

const isComment = (line: string) => /^\s*#/.test(line);

export function readDockerfile(text: string): Dockerfile {
  const lines = new Lines(text);
  const escapeMark = escapeOf(lines.all);
  const instructions: Instruction[] = [];
  while (!lines.isAtEnd) {
    const line = lines.at + 1;
    const command = lines.nextCommand(escapeMark);
    if (command === '') continue;
    const heredocs = heredocsIn(command, escapeMark).map((announced) => lines.nextHeredoc(announced, line));
    instructions.push({ line, ...partsOf(command, escapeMark), heredocs });
  }
  return { escapeMark, instructions };
}

/** The lines of a file, taken one after the other. */
class Lines {
  readonly all: readonly string[];
  at = 0;

  constructor(text: string) {
    this.all = text.replace(/^\uFEFF/, '').split(/(?<=\n)/);
  }

  get isAtEnd(): boolean {
    return this.at >= this.all.length;
  }

  #next(): string {
    return (this.all[this.at++] as string).replace(/(?<![\r\n])[\r\n]+$/, '');
  }

  /** The next line with those that continue it; empty for a blank one or a comment. */
  nextCommand(escapeMark: string): string {
    const continuation = escapeMark === '`' ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/;
    let part = this.#next().trimStart();
    if (isComment(part)) return '';
    let joined = part.replace(continuation, '$1');
    while (continuation.test(part) && !this.isAtEnd) {
      const next = this.#next();
      if (next.trim() === '' || isComment(next)) continue;
      part = next;
      joined += part.replace(continuation, '$1');
    }
    return joined.trim();
  }

  nextHeredoc({ mark, ...heredoc }: Announced, line: number): Heredoc {
    const withoutTabs = (text: string) => (mark === '-' ? text.replace(/^\t+/gm, '') : text);
    const from = this.at;
    while (!this.isAtEnd) {
      if (withoutTabs(this.#next()) !== heredoc.name) continue;
      return { ...heredoc, content: withoutTabs(this.all.slice(from, this.at - 1).join('')) };
    }
    throw new DockerfileFault(`line ${line}: the heredoc is not ended by a line that is ${heredoc.name}`);
  }
}

/** Directives are comments at the very top, one a line. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const [, name, value] = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+)$/.exec(line.trimEnd()) ?? [];
    if (name === undefined) break;
    if (name.toLowerCase() !== 'escape') continue;
    if (value !== '`' && value !== '\\') throw new DockerfileFault(`the escape directive is ${value}, not \\ or \``);
    return value;
  }
  return '\\';
}

/** The keyword, the flags, whose quotes and escapes are taken away, and what follows them. */
function partsOf(line: string, escapeMark: string): Pick<Instruction, 'keyword' | 'flags' | 'rest'> {
  const [, keyword = '', text = ''] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? [];
  const flags: string[] = [];
  let rest = text;
  while (rest.startsWith('--')) {
    const [flag = ''] = flagPattern(escapeMark).exec(rest) ?? [];
    rest = rest.slice(flag.length).trimStart();
    if (flag === '--') break;
    flags.push(flag.replace(escapeMark === '`' ? /`(.)|["']/g : /\\(.)|["']/g, '$1'));
  }
  return { keyword: keyword.toUpperCase(), flags, rest };
}

const flagPattern = (escapeMark: string) =>
  escapeMark === '`' ? /^(?:`.|"[^"]*"|'[^']*'|\S)*/ : /^(?:\\.|"[^"]*"|'[^']*'|\S)*/;

/** Of which instructions a heredoc can be a part. */
const WITH_HEREDOC = /^(ONBUILD\s+)?(RUN|COPY|ADD)\s/i;

interface Announced extends Omit<Heredoc, 'content'> {
  readonly mark: string;
}

function heredocsIn(command: string, escapeMark: string): Announced[] {
  if (!command.includes('<<') || !WITH_HEREDOC.test(command)) return [];
  if (jsonWords(partsOf(command.replace(/^ONBUILD\s+/i, ''), escapeMark).rest) !== undefined) return [];
  return rawWords(command).flatMap((word) => heredocMark(word) ?? []);
}

/** A word that announces a heredoc: `<<EOF`, `3<<-"EOF"`. */
export function heredocMark(word: string): Announced | undefined {
  const [, mark, quoted] = /^\d*<<(-?)\s*([^<\s][^<]*)$/.exec(word) ?? [];
  if (mark === undefined || quoted === undefined) return undefined;
  const { text: name, words } = expand(quoted, { escapeMark: '\\', lookup: () => undefined });
  return words.length === 1 ? { name, mark, isExpanded: name === quoted } : undefined;
}

/** A line that no shell would read, as one with a quote that is not closed, has no words. */
function rawWords(line: string): readonly string[] {
  try {
    return expand(line, { escapeMark: '\\', lookup: () => undefined, isRaw: true }).words;
  } catch {
    return [];
  }
}

/** A JSON array of texts, or undefined for what is none, as `[ -f x ]`. */
export function jsonWords(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  let words: unknown[];
  try {
    words = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (words.every((word) => typeof word === 'string')) return words;
  throw new DockerfileFault('only strings in double quotes are allowed in the array');
}

/** Words as they are written, quotes and escapes kept, parted by blanks outside of quotes. */
export function quotedWords(text: string, escapeMark: string): string[] {
  const escaped = escapeMark === '`' ? '`[\\s\\S]' : '\\\\[\\s\\S]';
  const other = escapeMark === '`' ? '[^\\s"\'`]' : '[^\\s"\'\\\\]';
  const inDouble = escapeMark === '`' ? '[^"`]' : '[^"\\\\]';
  const word = new RegExp(`(?:${escaped}|"(?:${escaped}|${inDouble})*"?|'[^']*'?|${other})+`, 'g');
  return text.match(word) ?? [];
}
