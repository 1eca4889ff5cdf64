// Reads a Dockerfile into its instructions, as BuildKit's parser does: continued lines joined, comments left out, heredocs taken in.
// What the parsers on npm make of heredocs is for editors: dockerfile-ast takes `"<<EOF"` in quotes for the start of one, and with it the rest of the file.
import { EngineError } from '../errors.ts';
import { expand } from './expand.ts';

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
  const lines = text.replace(/^\uFEFF/, '').split(/(?<=\n)/);
  const escapeMark = escapeOf(lines);
  const continuation = escapeMark === '`' ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/;
  const instructions: Instruction[] = [];
  let at = 0;
  const nextLine = () => (lines[at++] as string).replace(/[\r\n]+$/, '');
  while (at < lines.length) {
    const line = at + 1;
    let part = nextLine().trimStart();
    if (part === '' || isComment(part)) continue;
    let joined = part.replace(continuation, '$1');
    while (continuation.test(part) && at < lines.length) {
      const next = nextLine();
      if (next.trim() === '' || isComment(next)) continue;
      part = next;
      joined += part.replace(continuation, '$1');
    }
    if (joined.trim() === '') continue;
    const heredocs = heredocsIn(joined, escapeMark).map(({ mark, ...heredoc }) => {
      const from = at;
      while (at < lines.length) {
        const end = nextLine();
        if ((mark === '-' ? end.replace(/^\t+/, '') : end) !== heredoc.name) continue;
        const content = lines.slice(from, at - 1).join('');
        return { ...heredoc, content: mark === '-' ? content.replace(/^\t+/gm, '') : content };
      }
      throw new EngineError(`line ${line}: the heredoc is not ended by a line that is ${heredoc.name}`);
    });
    instructions.push({ line, ...partsOf(joined, escapeMark), heredocs });
  }
  return { escapeMark, instructions };
}

/** Directives are comments at the very top, one a line. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const [, name, value] = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
    if (name === undefined) break;
    if (name.toLowerCase() !== 'escape') continue;
    if (value !== '`' && value !== '\\') throw new EngineError(`the escape directive is ${value}, not \\ or \``);
    return value;
  }
  return '\\';
}

/** The keyword, the flags, whose quotes and escapes are taken away, and what follows them. */
function partsOf(line: string, escapeMark: string): Pick<Instruction, 'keyword' | 'flags' | 'rest'> {
  const [, keyword = '', text = ''] = /^(\S+)\s*([\s\S]*)$/.exec(line.trim()) ?? [];
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

function heredocsIn(line: string, escapeMark: string): Announced[] {
  const command = line.trim();
  if (!command.includes('<<') || !WITH_HEREDOC.test(command)) return [];
  if (jsonWords(partsOf(command.replace(/^ONBUILD\s+/i, ''), escapeMark).rest) !== undefined) return [];
  return rawWords(command).flatMap((word) => heredocMark(word) ?? []);
}

/** A word that announces a heredoc: `<<EOF`, `3<<-"EOF"`. */
export function heredocMark(word: string): Announced | undefined {
  const [, mark, quoted] = /^\d*<<(-?)\s*([^<]+)$/.exec(word) ?? [];
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
  throw new EngineError('only strings in double quotes are allowed in the array');
}

/** Words as they are written, quotes and escapes kept, parted by blanks outside of quotes. */
export function quotedWords(text: string, escapeMark: string): string[] {
  const escaped = escapeMark === '`' ? '`[\\s\\S]' : '\\\\[\\s\\S]';
  const other = escapeMark === '`' ? '[^\\s"\'`]' : '[^\\s"\'\\\\]';
  const inDouble = escapeMark === '`' ? '[^"`]' : '[^"\\\\]';
  const word = new RegExp(`(?:${escaped}|"(?:${escaped}|${inDouble})*"?|'[^']*'?|${other})+`, 'g');
  return text.match(word) ?? [];
}
