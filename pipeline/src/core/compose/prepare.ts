// Makes a document plain before it is read: words become what they are to Compose, variables are substituted, aliases written out, and what `<<` and `extends` name is merged.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import { reasonOf } from '../errors.ts';
import { extend } from './extends.ts';
import type { Fail } from './reading.ts';
import { Odd, resolve } from './scalars.ts';

/** Of a file, with all that its aliases repeat. */
const MOST_VALUES = 100_000;

export function prepare(document: Document, expand: (text: string) => string, fail: Fail): void {
  // First, since an alias makes a text stand in two places.
  visit(document, { Scalar: (position, node) => (position === 'key' ? undefined : expandText(node, expand, fail)) });
  if (sizeOf(document.contents as Node | null, document) > MOST_VALUES)
    fail(document.contents as Node, `its aliases repeat more than ${MOST_VALUES} values`);
  else writeOut(document, fail);
}

function writeOut(document: Document, fail: Fail): void {
  visit(document, { Alias: (_position, node) => node.resolve(document) });
  visit(document, { Map: (_position, map) => merge(map, fail) });
  extend(document.contents as Node | null, fail);
}

/** How many values there are once each alias is written out; without end for one that holds itself. */
function sizeOf(node: unknown, document: Document, known = new Map<unknown, number>()): number {
  if (isAlias(node)) return sizeOf(node.resolve(document), document, known);
  if (!isMap(node) && !isSeq(node)) return 1;
  const found = known.get(node);
  if (found !== undefined) return found;
  known.set(node, Number.POSITIVE_INFINITY);
  const parts = isMap(node) ? node.items.map(({ value }) => value) : node.items;
  const size = parts.reduce<number>((sum, part) => sum + sizeOf(part, document, known), 1);
  known.set(node, size);
  return size;
}

/** Only what is a text before can have variables, and is a text afterwards, whatever it looks like then. */
function expandText(node: Scalar, expand: (text: string) => string, fail: Fail): void {
  if (node.type === Scalar.PLAIN && node.tag === undefined) node.value = resolve(node.source ?? '');
  else if (typeof node.value === 'number' && Number.isInteger(node.value)) node.value = BigInt(node.value);
  if (node.value instanceof Odd && !node.value.isDate)
    fail(node, `${node.source} is a number that Compose refuses; put it in quotes`);
  if (typeof node.value !== 'string') return;
  try {
    node.value = expand(node.value);
  } catch (error) {
    fail(node, reasonOf(error));
  }
}

/** A mapping's own pairs come before those that are merged into it. */
function merge(map: YAMLMap, fail: Fail): void {
  const pairs = map.items as Pair<Node, Node | null>[];
  const isMerge = ({ key }: Pair<Node>) => isScalar(key) && key.source === '<<';
  const merged = pairs.filter(isMerge).flatMap(({ value }) => {
    const parts = isSeq(value) ? (value.items as Node[]) : [value];
    return parts.flatMap((part) => {
      if (isMap(part)) return part.items as Pair<Node, Node | null>[];
      fail(value, '<< must name a mapping');
      return [];
    });
  });
  if (!pairs.some(isMerge)) return;
  const found = new Map<string, Pair<Node, Node | null>>();
  for (const pair of [...merged.toReversed(), ...pairs.filter((own) => !isMerge(own))])
    found.set(String(pair.key), pair);
  map.items = [...found.values()];
}
