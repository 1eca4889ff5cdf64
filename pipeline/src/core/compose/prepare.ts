// Makes a document plain before it is read: words become what they are to Compose, variables are substituted, aliases written out, and what `<<` and `extends` name is merged.
import { type Document, isMap, isScalar, isSeq, type Node, type Pair, Scalar, visit, type YAMLMap } from 'yaml';
import { reasonOf } from '../errors.ts';
import { extend } from './extends.ts';
import { Odd, resolve } from './scalars.ts';

type Fail = (node: Node | null | undefined, text: string) => void;

export function prepare(document: Document, expand: (text: string) => string, fail: Fail): void {
  // First, since an alias makes a text stand in two places.
  visit(document, { Scalar: (position, node) => (position === 'key' ? undefined : expandText(node, expand, fail)) });
  visit(document, { Alias: (_position, node) => node.resolve(document) });
  visit(document, { Map: (_position, map) => merge(map, fail) });
  extend(document.contents as Node | null, fail);
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
