// What all parts of docker-compose.yml are read with.
import { posix } from 'node:path';
import { isMap, type Node } from 'yaml';
import type { Fields } from '../yaml.ts';
import { type Shape, scalarOf } from './shapes.ts';

export type Fail = (node: Node | null | undefined, text: string) => void;

/** A fault for what does not fit; whether it is there, and fits. */
export function shaped(key: string, shape: Shape, fields: Fields, fail: Fail): boolean {
  const node = fields.nodeOf(key);
  if (node === undefined) return false;
  const misfits = shape(node);
  for (const misfit of misfits) fail(misfit.node ?? node, `${fields.pathOf(key)} ${misfit.text}`);
  return misfits.length === 0;
}

/** Nothing more is asked for. `x-…` is for whoever reads it; a name with nothing behind it is a slip, as it is for Compose. */
export function finish(fields: Fields, nullable: readonly string[] = []): void {
  for (const name of fields.names()) {
    if (name.startsWith('x-')) fields.has(name);
    else if (fields.isEmpty(name) && !nullable.includes(name)) fields.fault(name, 'has no value; leave it out');
  }
  fields.end();
}

/** Names and the nodes behind them. */
export function entriesOf(node: Node | undefined): [name: string, key: Node, value: Node | null][] {
  if (!isMap(node)) return [];
  return node.items.map(({ key, value }) => [String(scalarOf(key as Node) ?? key), key as Node, value as Node | null]);
}

/** A mapping's scalars by their names. */
export function scalarsOf(node: Node): Record<string, unknown> {
  return Object.fromEntries(entriesOf(node).map(([name, , value]) => [name, scalarOf(value)]));
}

/** A path relative to the folder of the file, without `./`; undefined for what is outside of it. */
export function insideOf(path: string): string | undefined {
  const clean = posix.normalize(path).replace(/(?<=.)\/$/, '');
  return path === '' || clean.startsWith('/') || clean === '..' || clean.startsWith('../') || /^~/.test(path)
    ? undefined
    : clean;
}

export const OUTSIDE = 'only files of the repository are at hand; write ./FILE';
