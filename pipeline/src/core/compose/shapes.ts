// What Docker Compose takes as the value of a key, for keys of which only that has to be known. A quoted value counts as a number or a flag
// where the Compose specification casts it.
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { Inexact } from './scalars.ts';

type Misfit = { node: Node | null | undefined; text: string };
/** Nothing for what fits; a misfit's text follows the key's name. */
export type Shape = (node: Node | null | undefined) => Misfit[];

/** The value of a scalar. */
export const scalarOf = (node: Node | null | undefined): unknown => (isScalar(node) ? node.value : undefined);
const when =
  (fits: (value: unknown) => boolean, wanted: string): Shape =>
  (node) =>
    isScalar(node) && fits(node.value) ? [] : [{ node, text: `must be ${wanted}` }];
const matches = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);

export const text = when((value) => typeof value === 'string', 'a text; put it in quotes');
export const wordOf = (...words: string[]) =>
  when((value) => words.includes(String(value)), `one of ${words.join(', ')}`);
export const patterned = (pattern: RegExp, example: string) => when(matches(pattern), `like ${example}`);
export const duration = patterned(/^[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/, '500ms, 10s or 1m30s');

/** `yes` and the like, in quotes. */
const FLAG_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'y', 'yes', 'on'].map((word): [string, boolean] => [word, true]),
  ...['false', 'n', 'no', 'off'].map((word): [string, boolean] => [word, false]),
]);
export function castFlag(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return typeof value === 'string' ? FLAG_WORDS.get(value.toLowerCase()) : undefined;
}
/** Quotes are cast as decimal numbers. */
export function castWhole(value: unknown): number | undefined {
  if (typeof value === 'bigint') return asSafe(Number(value));
  return typeof value === 'string' && /^[-+]?\d+$/.test(value) ? asSafe(Number(value)) : undefined;
}
const asSafe = (number: number) => (Number.isSafeInteger(number) ? number : undefined);

export const flag = when((value) => castFlag(value) !== undefined, 'true or false');
export const strictFlag = when((value) => typeof value === 'boolean', 'true or false, without quotes');
export const whole = when((value) => castWhole(value) !== undefined, 'a whole number');
export const strictWhole = when((value) => typeof value === 'bigint', 'a whole number, without quotes');
const isNumber = (value: unknown) => typeof value === 'bigint' || value instanceof Inexact;
const DECIMAL = /^[-+]?\d+(\.\d+)?$/;
export const decimal = when((value) => isNumber(value) || matches(DECIMAL)(value), 'a number');
const SIZE = /^\d+(\.\d+)?( ?[kKmMgGtTpP]?[iI]?[bB]?)$/;
export const sizeText = patterned(SIZE, '"256M"');
export const size = when((value) => typeof value === 'bigint' || matches(SIZE)(value), 'like 256M');
/** What can stand for a label or a variable. */
export const cell = when((value) => isCell(value), 'a text, a number, true or false; put it in quotes');
const isCell = (value: unknown) =>
  value === null || typeof value === 'boolean' || typeof value === 'string' || isNumber(value);

export function list(each: Shape): Shape {
  return (node) => {
    if (!isSeq(node)) return [{ node, text: 'must be a list' }];
    const items = node.items as Node[];
    const seen = items.map((item) => scalarOf(item));
    const twice = items.filter((_, at) => seen[at] !== undefined && seen.indexOf(seen[at]) !== at);
    return [...items.flatMap(each), ...twice.map((item) => ({ node: item, text: 'has this twice' }))];
  };
}

export function mapping(each: Shape, name = /./): Shape {
  return (node) => {
    if (!isMap(node)) return [{ node, text: 'must be a mapping of names to values' }];
    return node.items.flatMap(({ key, value }) => [
      ...(matches(name)(scalarOf(key as Node)) ? [] : [{ node: key as Node, text: `cannot have the name ${key}` }]),
      ...each(value as Node | null).map((misfit) => ({
        node: misfit.node ?? (key as Node),
        text: `${key} ${misfit.text}`,
      })),
    ]);
  };
}

/** `x-…` is for whoever reads it. */
export function fields(shapes: Readonly<Record<string, Shape>>, needed: readonly string[] = []): Shape {
  return (node) => {
    if (!isMap(node)) return [{ node, text: 'must be a mapping of names to values' }];
    const missing = needed.filter((name) => !node.has(name)).map((name) => ({ node, text: `has no ${name}` }));
    const misfits = node.items.flatMap(({ key, value }) => {
      const name = String(scalarOf(key as Node));
      if (name.startsWith('x-')) return [];
      const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
      if (shape === undefined) return [{ node: key as Node, text: `has no ${JSON.stringify(name)}` }];
      return shape(value as Node | null).map((misfit) => ({
        node: misfit.node ?? (key as Node),
        text: `${name} ${misfit.text}`,
      }));
    });
    return [...missing, ...misfits];
  };
}

/** The one that fits; of those that do not, what the last says. */
export function either(...shapes: Shape[]): Shape {
  return (node) => {
    const found = shapes.map((shape) => shape(node));
    return found.some((misfits) => misfits.length === 0) ? [] : (found.at(-1) ?? []);
  };
}

export const texts = list(text);
export const textOrTexts = either(text, texts);
export const table = either(texts, mapping(cell));
export const optional =
  (shape: Shape): Shape =>
  (node) =>
    node === null || node === undefined || scalarOf(node) === null ? [] : shape(node);
