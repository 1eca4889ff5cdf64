// Services that extend another of the same file: what the other says is theirs as well, unless they say it themselves. Lists grow, mappings are
// merged; what starts the container is taken or left whole.
import { isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Fail } from './reading.ts';

type Entry = Pair<Node, Node | null>;

/** Keys of which a service has its own or the other's, never both. */
const WHOLE = ['command', 'entrypoint', 'image', 'test'];
/** `NAME=VALUE`, or a mapping. */
const TABLES = ['environment', 'labels', 'annotations'];
/** One text, or a list of them. */
const LISTS = ['env_file', 'tmpfs'];
/** Names, or a mapping with more to say of each. */
const NAMED: Readonly<Record<string, () => Node>> = {
  networks: () => new Scalar(null),
  depends_on: () => mapOf([['condition', new Scalar('service_started')]]),
};

export function extend(root: Node | null, fail: Fail): void {
  const services = isMap(root) ? root.get('services', true) : undefined;
  if (!isMap(services)) return;
  const done = new Set<YAMLMap>();
  for (const { value } of services.items) if (isMap(value)) extendOne(value, services, done, fail, []);
}

function extendOne(service: YAMLMap, all: YAMLMap, done: Set<YAMLMap>, fail: Fail, way: readonly YAMLMap[]): void {
  if (done.has(service)) return;
  const from = service.get('extends', true) as Node | undefined;
  if (from === undefined) return;
  const isLong = isMap(from) && !from.has('file') && from.items.length === 1;
  const name = isLong ? from.get('service') : isScalar(from) ? from.value : undefined;
  const base = typeof name === 'string' ? all.get(name, true) : undefined;
  if (!isMap(base) || way.includes(base) || base === service) {
    fail(from, 'extends must name a service of this file, and not itself');
    return;
  }
  extendOne(base, all, done, fail, [...way, service]);
  service.delete('extends');
  service.items = merged(base, service, fail).items;
  done.add(service);
}

function merged(base: YAMLMap, own: YAMLMap, fail: Fail): YAMLMap {
  const result = new YAMLMap();
  result.range = own.range ?? null;
  const [theirs, ours] = [entries(base), entries(own)];
  for (const [name, pair] of theirs) if (!ours.has(name)) result.items.push(pair);
  for (const [name, pair] of ours) {
    const other = theirs.get(name)?.value;
    const both = other === undefined || other === null ? pair.value : combined(name, other, pair.value, fail);
    result.items.push(new Pair(pair.key, both));
  }
  return result;
}

function combined(name: string, base: Node, own: Node | null, fail: Fail): Node | null {
  if (own === null || (isScalar(base) && isScalar(own) && !LISTS.includes(name)) || WHOLE.includes(name)) return own;
  const [theirs, ours] = [formOf(name, base), formOf(name, own)];
  if (isMap(theirs) && isMap(ours)) return merged(theirs, ours, fail);
  if (isSeq(theirs) && isSeq(ours)) {
    const both = new YAMLSeq();
    both.range = own.range ?? null;
    both.items = [...theirs.items, ...ours.items];
    return both;
  }
  fail(own, `${name} is said in another form than in the service that is extended; write both alike`);
  return own;
}

/** The form that can be merged with any other. */
function formOf(name: string, node: Node): Node {
  if (isScalar(node) && LISTS.includes(name)) {
    const list = new YAMLSeq();
    list.items = [node];
    return list;
  }
  if (!isSeq(node)) return node;
  const texts = (node.items as Node[]).map((item) => (isScalar(item) ? item.value : undefined));
  if (!texts.every((text) => typeof text === 'string')) return node;
  const more = NAMED[name];
  if (more !== undefined) return mapOf(texts.map((text) => [text, more()]));
  if (!TABLES.includes(name)) return node;
  return mapOf(
    texts.map((text) => {
      const at = text.indexOf('=');
      return at === -1 ? [text, new Scalar(null)] : [text.slice(0, at), new Scalar(text.slice(at + 1))];
    }),
  );
}

function mapOf(pairs: readonly (readonly [string, Node])[]): YAMLMap {
  const map = new YAMLMap();
  for (const [name, value] of pairs) map.set(new Scalar(name), value);
  return map;
}

const entries = (map: YAMLMap): Map<string, Entry> =>
  new Map((map.items as Entry[]).map((pair) => [String(isScalar(pair.key) ? pair.key.value : pair.key), pair]));
