// Variables and quotes in the words of a Dockerfile, as BuildKit's own small shell has them: `$A`, `${A:-b}`, `${A#pattern}`, 'as it is', "with $A".
import { DockerfileFault } from './fault.ts';

type Lookup = (name: string) => string | undefined;

/** What a text may grow to by its variables, and all texts of a build together: each line can double what the one before it made. */
const MOST = { one: 1 << 20, all: 1 << 24 } as const;
const MOST_NESTED = 100;
/** How often a value is compared with a pattern, character by character. */
const MOST_COMPARED = 1 << 27;

/** Counts what the texts of a build have grown by. */
export class Growth {
  #size = 0;

  add(size: number): void {
    this.#size += Math.max(0, size);
    if (this.#size > MOST.all)
      throw new DockerfileFault(`the variables of this file grow to more than ${MOST.all >> 20} MiB`);
  }
}

export interface Expansion {
  readonly escapeMark: string;
  readonly lookup: Lookup;
  readonly growth?: Growth;
  /** Quotes mean nothing, as in a heredoc. */
  readonly ignoresQuotes?: boolean;
  /** Quotes, escapes and unknown variables stay as they are written: only the words are wanted. */
  readonly isRaw?: boolean;
}

export interface Expanded {
  readonly text: string;
  readonly words: readonly string[];
}

export function expand(source: string, expansion: Expansion): Expanded {
  const expanded = new Reader(source, expansion).upTo();
  expansion.growth?.add(expanded.text.length - source.length);
  return expanded;
}

class Reader {
  readonly #source: string;
  readonly #expansion: Expansion;
  readonly #most: number;
  #at = 0;
  #depth = 0;

  constructor(source: string, expansion: Expansion) {
    this.#source = source;
    this.#expansion = expansion;
    this.#most = Math.max(MOST.one, source.length);
  }

  /** All up to the end, or up to `stop`, which is taken, too. */
  upTo(stop?: string, keepsEscapes = this.#expansion.isRaw ?? false): Expanded {
    const { escapeMark, ignoresQuotes } = this.#expansion;
    const words = new Words();
    let text = '';
    while (this.#at < this.#source.length) {
      const char = this.#peek();
      if (char === stop) {
        this.#at++;
        return { text, words: words.all() };
      }
      const isQuoted = (char === "'" || char === '"') && !ignoresQuotes;
      const part = isQuoted ? this.#quoted(char) : this.#part(keepsEscapes);
      words.add(part, isQuoted || char === '<' || char === escapeMark);
      text = this.#sized(text, part);
    }
    if (stop !== undefined) throw new DockerfileFault(`${stop} is missing in ${this.#source}`);
    return { text, words: words.all() };
  }

  #sized(text: string, part: string): string {
    if (text.length + part.length <= this.#most) return text + part;
    throw new DockerfileFault(`a value grows to more than ${MOST.one >> 20} MiB by its variables`);
  }

  #part(keepsEscapes: boolean): string {
    const char = this.#peek();
    if (char === '$') return this.#variable();
    if (char === '<') return this.#heredocMark();
    return char === this.#expansion.escapeMark ? this.#escaped(keepsEscapes) : this.#next();
  }

  #peek(): string {
    return this.#source.charAt(this.#at);
  }

  #next(): string {
    return this.#source.charAt(this.#at++);
  }

  #escaped(keepsEscapes: boolean): string {
    const escapeMark = this.#next();
    return (keepsEscapes ? escapeMark : '') + this.#next();
  }

  /** Blanks after `<<` belong to the word that ends a heredoc. */
  #heredocMark(): string {
    const [mark = ''] = /^<(<[ \t]*)?/.exec(this.#source.slice(this.#at)) ?? [];
    this.#at += mark.length;
    return mark;
  }

  #quoted(quote: string): string {
    const { isRaw, escapeMark } = this.#expansion;
    const mark = isRaw ? this.#next() : this.#next() && '';
    let text = mark;
    while (this.#at < this.#source.length) {
      const char = this.#peek();
      if (char === quote) {
        this.#at++;
        return text + mark;
      }
      if (quote === '"' && char === '$') text = this.#sized(text, this.#variable());
      else if (quote === '"' && char === escapeMark) text += this.#escapedInQuotes();
      else text += this.#next();
    }
    throw new DockerfileFault(`the closing ${quote} is missing in ${this.#source}`);
  }

  /** Between double quotes only these can be escaped; before all else the escape is one more character. */
  #escapedInQuotes(): string {
    const escapeMark = this.#next();
    const char = this.#peek();
    if (char !== '"' && char !== '$' && char !== escapeMark) return escapeMark;
    return (this.#expansion.isRaw ? escapeMark : '') + this.#next();
  }

  #variable(): string {
    const from = this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : this.#value(name, from);
    }
    this.#at++;
    if (['', '{', '}', ':'].includes(this.#peek())) throw new DockerfileFault(`bad substitution in ${this.#source}`);
    const name = this.#name();
    if (this.#peek() !== '}') return this.#substituted(name, from);
    this.#at++;
    return this.#value(name, from);
  }

  #value(name: string, from: number): string {
    const value = this.#expansion.lookup(name);
    return value ?? (this.#expansion.isRaw ? this.#source.slice(from, this.#at) : '');
  }

  #name(): string {
    const [name = ''] = /^(\d+|[@*#?$!-]|[\p{L}_][\p{L}\d_]*)/u.exec(this.#source.slice(this.#at)) ?? [];
    this.#at += name.length;
    return name;
  }

  #substituted(name: string, from: number): string {
    const { lookup, isRaw } = this.#expansion;
    const emptyIsUnset = this.#peek() === ':';
    if (emptyIsUnset) this.#at++;
    const modifier = this.#next();
    const isPattern = '#%/'.includes(modifier) && !emptyIsUnset;
    const isAll = modifier === '/' && this.#peek() === '/';
    if (isAll) this.#at++;
    if (++this.#depth > MOST_NESTED)
      throw new DockerfileFault(`a substitution is nested more than ${MOST_NESTED} levels deep`);
    const word = this.upTo(modifier === '/' ? '/' : '}', isPattern || isRaw).text;
    const replacement = modifier === '/' ? this.upTo('}', true).text : '';
    this.#depth--;
    const value = lookup(name);
    if (isRaw && value === undefined) return this.#source.slice(from, this.#at);
    const isSet = value !== undefined && !(emptyIsUnset && value === '');
    if (modifier === '-') return isSet ? value : word;
    if (modifier === '+') return isSet ? word : '';
    if (modifier === '?') {
      if (isSet) return value;
      throw new DockerfileFault(
        `${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`,
      );
    }
    if (!isPattern || modifier === '')
      throw new DockerfileFault(`unsupported modifier (${emptyIsUnset ? ':' : ''}${modifier}) in ${this.#source}`);
    if (modifier === '/') return this.#replaced(value ?? '', word, replacement, isAll);
    const isLongest = word.startsWith(modifier);
    return trimmed(value ?? '', isLongest ? word.slice(1) : word, { isLongest, isAtEnd: modifier === '%' });
  }

  #replaced(value: string, pattern: string, replacement: string, isAll: boolean): string {
    const [chars, pieces] = [[...value], piecesOf(pattern)];
    let result = '';
    let from = 0;
    for (let span = spanIn(chars, pieces); span !== undefined; span = isAll ? spanIn(chars, pieces, from) : undefined) {
      const [start, end] = span;
      // Where nothing fits, one character goes on.
      const next = end > start ? end : end + 1;
      result = this.#sized(result, chars.slice(from, start).join('') + replacement + chars.slice(end, next).join(''));
      from = next;
    }
    return this.#sized(result, chars.slice(from).join(''));
  }
}

/** What a shell's words are: parted by blanks, but not by those that were quoted. */
class Words {
  readonly #words: string[] = [];
  #word = '';

  add(text: string, isWhole: boolean): void {
    const [first = '', ...others] = isWhole ? [text] : text.split(/\s/);
    this.#word += first;
    for (const other of others) {
      this.all();
      this.#word = other;
    }
  }

  all(): readonly string[] {
    if (this.#word !== '') this.#words.push(this.#word);
    this.#word = '';
    return this.#words;
  }
}

/** What stands between the `*` of a shell's pattern, which are any text; undefined is `?`, any character. */
type Piece = readonly (string | undefined)[];

function piecesOf(pattern: string): Piece[] {
  const pieces: (string | undefined)[][] = [[]];
  for (const [part, escaped] of pattern.matchAll(/\\(.)|[\s\S]/gsu)) {
    if (part === '*') pieces.push([]);
    else pieces.at(-1)?.push(part === '?' ? undefined : (escaped ?? part));
  }
  return pieces;
}

const fitsAt = (text: readonly string[], piece: Piece, at: number) =>
  at >= 0 &&
  at + piece.length <= text.length &&
  piece.every((char, index) => (char ?? text[at + index]) === text[at + index]);

/** The first place from `at` on, or with a negative step the last place before it. */
function placeOf(text: readonly string[], piece: Piece, at: number, step = 1): number | undefined {
  for (; at >= 0 && at + piece.length <= text.length; at += step) if (fitsAt(text, piece, at)) return at;
  return undefined;
}

interface Span {
  /** The text has to begin with it. */
  readonly isAnchored?: boolean;
  readonly isLongest?: boolean;
}

/** The first part of a text that fits. Each piece is put as far to the front as it can be, which leaves most for the others. */
function spanIn(
  text: readonly string[],
  pieces: readonly Piece[],
  from = 0,
  { isAnchored = false, isLongest = true }: Span = {},
): [start: number, end: number] | undefined {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (size * (text.length - from) > MOST_COMPARED)
    throw new DockerfileFault(`a pattern of ${size} characters is too long for a value of ${text.length}`);
  if (from > text.length) return undefined;
  const [first = [], ...others] = pieces;
  const start = isAnchored ? (fitsAt(text, first, from) ? from : undefined) : placeOf(text, first, from);
  if (start === undefined) return undefined;
  let end = start + first.length;
  for (const [index, piece] of others.entries()) {
    const isLast = index === others.length - 1;
    const place = placeOf(text, piece, end);
    if (place === undefined) return undefined;
    end =
      (isLast && isLongest ? (placeOf(text, piece, text.length - piece.length, -1) as number) : place) + piece.length;
  }
  return [start, end];
}

/** A value without the shortest or longest beginning, or end, that fits a pattern. */
function trimmed(
  value: string,
  pattern: string,
  { isLongest, isAtEnd }: { isLongest: boolean; isAtEnd: boolean },
): string {
  const turned = <T>(list: readonly T[]) => (isAtEnd ? list.toReversed() : list);
  const chars = [...value];
  const [, end = 0] =
    spanIn(turned(chars), turned(piecesOf(pattern)).map(turned), 0, { isAnchored: true, isLongest }) ?? [];
  return (isAtEnd ? chars.slice(0, chars.length - end) : chars.slice(end)).join('');
}
