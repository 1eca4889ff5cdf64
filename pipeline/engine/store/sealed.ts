// Small JSON facts with a checksum: what is torn, cut short or altered reads as absent.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const sumOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32);

export function seal(value: unknown): string {
  const text = JSON.stringify(value);
  return `${sumOf(text)}\n${text}\n`;
}

export function unseal<T>(sealed: string): T | undefined {
  const [sum, text = ''] = sealed.split('\n');
  return sum === sumOf(text) ? (JSON.parse(text) as T) : undefined;
}

/** The fact in a file; undefined when there is none, or none that is whole. */
export function readSealed<T>(path: string): T | undefined {
  try {
    return unseal<T>(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
