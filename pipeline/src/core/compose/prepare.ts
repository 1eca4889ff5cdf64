// Makes a document plain before it is read: variables are substituted, aliases written out, and what `<<` names is merged.
import { type Document, isMap, isScalar, isSeq, type Node, type Pair, parse, Scalar, visit, type YAMLMap } from 'yaml';
import { reasonOf } from '../errors.ts';

type Fail = (node: Node | null | undefined, text: string) => void;

export function prepare(document: Document, expand: (text: string) => string, fail: Fail): void {
  // First, since an alias makes a text stand in two places.
  visit(document, { Scalar: (position, node) => (position === 'key' ? undefined : expandText(node, expand, fail)) });
  visit(document, { Alias: (_position, node) => node.resolve(document) });
  visit(document, { Map: (_position, map) => merge(map, fail) });
}

function expandText(node: Scalar, expand: (text: string) => string, fail: Fail): void {
  if (typeof node.value !== 'string') return;
  try {
    const text = expand(node.value);
    // What stands there without quotes may be a number afterwards.
    if (text !== node.value) node.value = node.type === Scalar.PLAIN && text !== '' ? parse(text) : text;
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
