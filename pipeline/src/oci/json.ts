// JSON with one spelling: keys in byte order, no blanks, so that equal documents have equal digests.
import { comparePaths } from './tar.ts';

/** The bytes of a value as JSON; keys whose value is undefined are left out. */
export function canonicalJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(sorted(value)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    sortedEntries(value as Record<string, unknown>).map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** The entries of a record by the bytes of their keys. */
export function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => comparePaths(a, b));
}
