// Variables and quotes in the words of a Dockerfile, as BuildKit's own small shell has them: `$A`, `${A:-b}`, `${A#pattern}`, 'as it is', "with $A".
import { EngineError } from '../errors.ts';

type Lookup = (name: string) => string | undefined;

export interface Expansion {
  readonly escapeMark: string;
  readonly lookup: Lookup;
  /** Quotes mean nothing, as in a heredoc. */
  readonly ignoresQuotes?: boolean;
  /** Quotes, escapes and unknown variables stay as they are written: only the words are wanted. */
  readonly isRaw?: boolean;
}

export interface Expanded {
  readonly text: string;
  readonly words: readonly string[];
}

export const expand = (source: string, expansion: Expansion): Expanded => new Reader(source, expansion).upTo();

class Reader {
  readonly #source: string;
  readonly #expansion: Expansion;
  #at = 0;

  constructor(source: string, expansion: Expansion) {
    this.#source = source;
    this.#expansion = expansion;
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
      text += part;
    }
    if (stop !== undefined) throw new EngineError(`${stop} is missing in ${this.#source}`);
    return { text, words: words.all() };
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
      if (quote === '"' && char === '$') text += this.#variable();
      else if (quote === '"' && char === escapeMark) text += this.#escapedInQuotes();
      else text += this.#next();
    }
    throw new EngineError(`the closing ${quote} is missing in ${this.#source}`);
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
    if (['', '{', '}', ':'].includes(this.#peek())) throw new EngineError(`bad substitution in ${this.#source}`);
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
    const word = this.upTo(modifier === '/' ? '/' : '}', isPattern || isRaw).text;
    const replacement = modifier === '/' ? this.upTo('}', true).text : '';
    const value = lookup(name);
    if (isRaw && value === undefined) return this.#source.slice(from, this.#at);
    const isSet = value !== undefined && !(emptyIsUnset && value === '');
    if (modifier === '-') return isSet ? value : word;
    if (modifier === '+') return isSet ? word : '';
    if (modifier === '?') {
      if (isSet) return value;
      throw new EngineError(`${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`);
    }
    if (!isPattern || modifier === '')
      throw new EngineError(`unsupported modifier (${emptyIsUnset ? ':' : ''}${modifier}) in ${this.#source}`);
    if (modifier === '/')
      return (value ?? '').replace(new RegExp(regExpOf(word), isAll ? 'gs' : 's'), () => replacement);
    const isLongest = word.startsWith(modifier);
    return trimmed(value ?? '', isLongest ? word.slice(1) : word, { isLongest, isAtEnd: modifier === '%' });
  }
}

/** What a shell's words are: parted by blanks, but not by those that were quoted. */
class Words {
  readonly #words: string[] = [];
  #word = '';

  add(text: string, isWhole: boolean): void {
    for (const char of text) {
      if (isWhole || !/\s/.test(char)) this.#word += char;
      else this.all();
    }
  }

  all(): readonly string[] {
    if (this.#word !== '') this.#words.push(this.#word);
    this.#word = '';
    return this.#words;
  }
}

/** A shell's pattern: `*` is any text, `?` one character. */
const regExpOf = (pattern: string) =>
  pattern.replace(/\\(.)|[\s\S]/g, (char, escaped?: string) => {
    if (char === '*') return '.*';
    if (char === '?') return '.';
    return (escaped ?? char).replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  });

/** A value without the shortest or longest beginning, or end, that fits a pattern. */
function trimmed(
  value: string,
  pattern: string,
  { isLongest, isAtEnd }: { isLongest: boolean; isAtEnd: boolean },
): string {
  const whole = new RegExp(`^${regExpOf(pattern)}$`, 's');
  const sizes = Array.from({ length: value.length + 1 }, (_, size) => (isLongest ? value.length - size : size));
  const cut = (size: number) => (isAtEnd ? value.length - size : size);
  const fits = (size: number) => whole.test(isAtEnd ? value.slice(cut(size)) : value.slice(0, cut(size)));
  const size = sizes.find(fits);
  if (size === undefined) return value;
  return isAtEnd ? value.slice(0, cut(size)) : value.slice(cut(size));
}
