// Small JSON facts with a checksum over them and their place in the store: what is torn, cut short, altered or moved reads as absent.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const sumOf = (place: string, text: string) =>
  createHash('sha256').update(`${place}\n${text}`).digest('hex').slice(0, 32);

/** `place` is the path from the store's root under which the fact will be found. */
export function seal(place: string, value: unknown): string {
  const text = JSON.stringify(value);
  return `${sumOf(place, text)}\n${text}\n`;
}

export function unseal<T>(place: string, sealed: string): T | undefined {
  const [sum, text = ''] = sealed.split('\n');
  return sum === sumOf(place, text) ? (JSON.parse(text) as T) : undefined;
}

/** The fact at a place of a store; undefined when there is none, or none that is whole and was made for it. */
export function readSealed<T>(root: string, place: string): T | undefined {
  try {
    return unseal<T>(place, readFileSync(join(root, place), 'utf8'));
  } catch {
    return undefined;
  }
}
