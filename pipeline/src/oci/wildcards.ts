// Patterns of paths, matched in one pass over the path: strangers write them, and a regular expression tries for ages what can be read in many ways.
import { posix } from 'node:path';

type Fits = (char: number) => boolean;

/** One character that fits, any number of them, or folders: nothing, or all up to a slash. */
export type Part = { readonly kind: 'one' | 'many'; readonly fits: Fits } | { readonly kind: 'folders' };

const SLASH = 0x2f;
export const ANY: Fits = () => true;
const IN_NAME: Fits = (char) => char !== SLASH;

/** Where in a pattern one can be after the same text, read in every way at once; what comes after each character is worked out when it is met. */
interface State {
  readonly places: readonly number[];
  readonly isEnd: boolean;
  readonly next: Map<number, State>;
}

/** How many places are kept for all states together: more are forgotten, and worked out anew. */
const MOST_KEPT = 1 << 16;

export class Wildcards {
  /** Folders are two parts here: the second is that one of them has begun. */
  readonly #parts: readonly (Part | 'begun')[];
  #states = new Map<string, State>();
  #start: State;
  #kept = 0;

  constructor(parts: readonly Part[]) {
    this.#parts = parts.flatMap((part): (Part | 'begun')[] => (part.kind === 'folders' ? [part, 'begun'] : [part]));
    this.#start = this.#state(this.#reached([0]));
  }

  /** Whether it means this path. */
  fits(path: string): boolean {
    return this.#reads(path, false);
  }

  /** Whether it means this path, or a folder that the path lies in. */
  fitsAbove(path: string): boolean {
    return this.#reads(path, true);
  }

  #reads(path: string, isAboveEnough: boolean): boolean {
    let state = this.#start;
    for (let at = 0; at < path.length && state.places.length > 0; ) {
      const char = path.codePointAt(at) as number;
      if (isAboveEnough && char === SLASH && state.isEnd) return true;
      state = state.next.get(char) ?? this.#after(state, char);
      at += char > 0xffff ? 2 : 1;
    }
    return state.isEnd;
  }

  #after(state: State, char: number): State {
    const places = state.places.flatMap((place) => {
      const part = this.#parts[place];
      if (part === undefined) return [];
      if (part === 'begun') return char === SLASH ? [place, place + 1] : [place];
      if (part.kind === 'folders') return char === SLASH ? [place + 1, place + 2] : [place + 1];
      if (!part.fits(char)) return [];
      return part.kind === 'many' ? [place] : [place + 1];
    });
    const next = this.#state(this.#reached(places));
    this.#kept += 1;
    state.next.set(char, next);
    return next;
  }

  /** These places, and those to which nothing needs to be read. */
  #reached(places: readonly number[]): number[] {
    const reached = new Set<number>();
    for (let place of places) {
      while (!reached.has(place)) {
        reached.add(place);
        const part = this.#parts[place];
        if (part === undefined || part === 'begun' || part.kind === 'one') break;
        place += part.kind === 'many' ? 1 : 2;
      }
    }
    return [...reached].sort((one, other) => one - other);
  }

  #state(places: readonly number[]): State {
    const name = places.join();
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    if (this.#kept > MOST_KEPT) {
      this.#states.clear();
      this.#start = { ...this.#start, next: new Map() };
      this.#kept = 0;
    }
    this.#kept += places.length;
    const state: State = { places, isEnd: places.at(-1) === this.#parts.length, next: new Map() };
    this.#states.set(name, state);
    return state;
  }
}

export const literally = (text: string): Part[] =>
  [...text].map((char) => {
    const code = char.codePointAt(0);
    return { kind: 'one', fits: (other) => other === code };
  });

/** Of a pattern, in characters. */
const LONGEST = 1024;

/** Of workspaces and of what a package ships: `*` in a name, and `**`. One that is too long means nothing. */
export function folderPattern(glob: string): Wildcards {
  if (glob.length > LONGEST) return new Wildcards([{ kind: 'one', fits: () => false }]);
  const parts = glob.split(/(\*\*\/|\*\*?)/).flatMap((part): Part | Part[] => WILD.get(part) ?? literally(part));
  return new Wildcards(parts);
}

const WILD: ReadonlyMap<string, Part> = new Map([
  ['*', { kind: 'many', fits: IN_NAME }],
  ['**', { kind: 'many', fits: ANY }],
  ['**/', { kind: 'folders' }],
]);

/** A pattern that means nothing, as Docker's own words have it. */
export class BadPattern extends Error {
  constructor(pattern: string, why: string) {
    super(`syntax error in pattern ${JSON.stringify(pattern)}: ${why}`);
    this.name = 'BadPattern';
  }
}

/** As Docker reads them: `*`, `?` and `[…]` in a name, and `**`. Throws a `BadPattern`. */
export function dockerPattern(pattern: string): Wildcards {
  if (pattern.length > LONGEST)
    throw new BadPattern(`${pattern.slice(0, 40)}…`, `it has more than ${LONGEST} characters`);
  const chars = [...pattern];
  const parts: Part[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] as string;
    if (char === '*' && chars[at + 1] === '*') {
      at += chars[at + 2] === '/' ? 2 : 1;
      parts.push(at === chars.length - 1 ? { kind: 'many', fits: ANY } : { kind: 'folders' });
    } else if (char === '*') parts.push({ kind: 'many', fits: IN_NAME });
    else if (char === '?') parts.push({ kind: 'one', fits: IN_NAME });
    else if (char === '[') {
      const end = chars.indexOf(']', at + 2);
      parts.push(...(end < 0 ? literally(char) : [oneOf(chars.slice(at + 1, end), pattern)]));
      if (end >= 0) at = end;
    } else if (char === '\\' && at + 1 < chars.length) parts.push(...literally(chars[++at] as string));
    else parts.push(...literally(char));
  }
  return new Wildcards(parts);
}

/** What stands between brackets: characters and ranges of them, `!` or `^` before all others. */
export function oneOf(content: readonly string[], pattern: string): Part {
  const isNegated = content[0] === '!' || content[0] === '^';
  const ranges: [first: number, last: number][] = [];
  for (let at = isNegated ? 1 : 0; at < content.length; at++) {
    const first = content[at] as string;
    const isRange = content[at + 1] === '-' && at + 2 < content.length;
    const last = isRange ? (content[at + 2] as string) : first;
    if (isRange) at += 2;
    if (codeOf(first) > codeOf(last)) throw new BadPattern(pattern, `the range ${first}-${last} is out of order`);
    ranges.push([codeOf(first), codeOf(last)]);
  }
  return {
    kind: 'one',
    fits: (char) => ranges.some(([first, last]) => first <= char && char <= last) !== isNegated,
  };
}

const codeOf = (char: string): number => char.codePointAt(0) as number;

/** The names that a pattern begins with, as they are; the last perhaps not to its end. */
export const literalStart = (path: string) => (path === '.' ? '' : (/^[^*?[\\]*/.exec(path)?.[0] ?? ''));

interface Rule {
  readonly negated: boolean;
  /** What every path that fits begins with: names as they are, the last perhaps not to its end. */
  readonly prefix: string;
  readonly wildcards: Wildcards;
}

/**
 * A list of rules of which the last that fits decides; a rule that fits a folder fits all below it. Paths are relative to where the list
 * applies: a rule that begins with a slash fits none of them, as a real engine has it. Throws a `BadPattern`.
 */
export class Patterns {
  readonly #rules: Rule[];

  constructor(patterns: readonly string[]) {
    this.#rules = patterns
      .map((pattern) => pattern.trim())
      .filter((pattern) => pattern !== '' && pattern !== '!')
      .map((pattern) => {
        const negated = pattern.startsWith('!');
        const path = posix.normalize(negated ? pattern.slice(1) : pattern).replace(/\/+$/, '');
        return { negated, prefix: literalStart(path), wildcards: dockerPattern(path === '.' ? '**' : path) };
      });
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** Whether something in a folder may fit, as far as the names tell with which the rules begin. */
  mayFitIn(folder: string): boolean {
    return this.#rules.some(
      ({ negated, prefix }) => !negated && (`${prefix}/`.startsWith(`${folder}/`) || `${folder}/`.startsWith(prefix)),
    );
  }

  /** Whether a later rule takes something back, so that a folder that fits may still hold what does not. */
  get hasExceptions(): boolean {
    return this.#rules.some((rule) => rule.negated);
  }

  matches(path: string): boolean {
    let matched = false;
    for (const rule of this.#rules)
      if (rule.negated === matched && rule.wildcards.fitsAbove(path)) matched = !rule.negated;
    return matched;
  }
}
