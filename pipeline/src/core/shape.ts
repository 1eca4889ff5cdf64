// Reads JSON that comes back from a file: says whether it has the shape that a type promises, and names every place where it hasn't.
import { reasonOf } from './errors.ts';
import { isRecord } from './record.ts';

/** Adds to `faults` what is wrong at `path`. Made for a type, so that the compiler holds the two together. */
export type Shape<T> = (value: unknown, path: string, faults: string[]) => value is T;

function primitive<T>(what: string, is: (value: unknown) => boolean): Shape<T> {
  return (value, path, faults): value is T => is(value) || miss(path, what, faults);
}

export const text: Shape<string> = primitive('a text', (value) => typeof value === 'string');
export const flag: Shape<boolean> = primitive('true or false', (value) => typeof value === 'boolean');
/** A whole number, 0 or more. */
export const count: Shape<number> = primitive('a count', (value) => Number.isSafeInteger(value) && Number(value) >= 0);
export const amount: Shape<number> = primitive('a number', (value) => Number.isFinite(value));

export function oneOf<T extends string | number>(choices: readonly T[]): Shape<T> {
  return primitive(choices.join(', '), (value) => choices.some((choice) => choice === value));
}

export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path, faults): value is T | null => value === null || shape(value, path, faults);
}

export function listOf<T>(shape: Shape<T>): Shape<T[]> {
  return (value, path, faults): value is T[] => {
    if (!Array.isArray(value)) return miss(path, 'a list', faults);
    return value.map((entry, index) => shape(entry, `${path}[${index}]`, faults)).every(Boolean);
  };
}

export function recordOf<T>(shape: Shape<T>): Shape<Record<string, T>> {
  return (value, path, faults): value is Record<string, T> => {
    if (!isRecord(value)) return miss(path, 'an object', faults);
    return Object.entries(value)
      .map(([key, entry]) => shape(entry, `${path}.${key}`, faults))
      .every(Boolean);
  };
}

/** What else the object holds is nobody's concern. */
export function objectOf<T extends object>(shapes: { [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  return (value, path, faults): value is T => {
    if (!isRecord(value)) return miss(path, 'an object', faults);
    return Object.entries<Shape<unknown>>(shapes)
      .map(([key, shape]) => shape(value[key], path === '' ? key : `${path}.${key}`, faults))
      .every(Boolean);
  };
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, path, faults): value is T | undefined => value === undefined || shape(value, path, faults);
}

/** A JSON text as a type. Throws an error whose message, behind the file's name, says why it is none: `it is not JSON: …`. */
export function readJson<T extends object>(json: string, shape: Shape<T>, version?: Version<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new Error(`it is not JSON: ${reasonOf(cause)}`, { cause });
  }
  const twice = repeatedKey(json);
  if (twice !== null) throw new Error(`it says ${twice} twice in one place`);
  const [key, known] = version ?? [];
  const found = key === undefined || !isRecord(value) ? known : value[key];
  if (found !== known) throw new Error(`its ${key} is ${JSON.stringify(found) ?? 'missing'}, and this reads ${known}`);
  const faults: string[] = [];
  if (shape(value, '', faults)) return value;
  const [first, ...more] = faults;
  throw new Error(`${first}${more.length === 0 ? '' : ` (and ${more.length} more)`}`);
}

/** A key that an object of a JSON text has twice, as it is written: one reader would take the first, another the last. The text is JSON. */
function repeatedKey(json: string): string | null {
  const open: Set<string>[] = [];
  const next = /["{}]/g;
  for (let match = next.exec(json); match !== null; match = next.exec(json)) {
    if (match[0] === '{') open.push(new Set());
    else if (match[0] === '}') open.pop();
    else {
      next.lastIndex = endOfText(json, match.index);
      BEFORE_VALUE.lastIndex = next.lastIndex;
      if (!BEFORE_VALUE.test(json)) continue;
      const key = JSON.parse(json.slice(match.index, next.lastIndex)) as string;
      if (open.at(-1)?.has(key)) return JSON.stringify(key);
      open.at(-1)?.add(key);
    }
  }
  return null;
}

const BEFORE_VALUE = /\s*:/y;

function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** The field that holds a format's version, and the one that is known here: told before anything else, since all else may differ. */
export type Version<T> = readonly [key: keyof T & string, known: number];

function miss(path: string, what: string, faults: string[]): false {
  faults.push(`${path === '' ? 'the whole' : path} is not ${what}`);
  return false;
}
