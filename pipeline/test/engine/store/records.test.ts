// Facts with a checksum, the stamp of a store, and the sentence for a full disk.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diskFullError } from '../../../engine/store/disk.ts';
import { claimFormat, FORMAT, formatOf } from '../../../engine/store/format.ts';
import { seal, unseal } from '../../../engine/store/sealed.ts';
import { temporaryRoot } from './stores.ts';

const fact = { exitCode: 0, said: 'two\nlines', nothing: null };

test('a sealed fact is read as it was', () => expect(unseal('records/a/b', seal('records/a/b', fact))).toEqual(fact));

test('a sealed fact that lacks or alters any byte counts as absent', () => {
  const sealed = seal('records/a/b', fact);
  for (let index = 0; index < sealed.length - 1; index += 1) {
    expect(unseal('records/a/b', sealed.slice(0, index)), `cut at ${index}`).toBeUndefined();
    const other = sealed[index] === 'x' ? 'y' : 'x';
    const altered = sealed.slice(0, index) + other + sealed.slice(index + 1);
    expect(unseal('records/a/b', altered), `altered at ${index}`).toBeUndefined();
  }
  for (const nonsense of ['', '\0\0\0\0', '{}', 'null', '\n\n'])
    expect(unseal('records/a/b', nonsense)).toBeUndefined();
});

test('a sealed fact in the place of another counts as absent', () => {
  for (const place of ['records/a/c', 'records/b/b', 'layers/b/mark', ''])
    expect(unseal(place, seal('records/a/b', fact))).toBeUndefined();
});

test('a new store is stamped, and known again', () => {
  const root = temporaryRoot();
  expect(formatOf(root)).toBe('empty');
  mkdirSync(root);
  claimFormat(root);
  expect(formatOf(root)).toBe(FORMAT);
  expect(() => claimFormat(root)).not.toThrow();
});

const stamps: [name: string, stamp: string | undefined, said: RegExp][] = [
  ['newer', `drydock store ${FORMAT + 1}\n`, /has format 3, this engine reads 2; remove it with .* gc --all/],
  ['older', 'drydock store 1\n', /has format 1, this engine reads 2/],
  ['damaged', 'drydock st', /does not say which version wrote it: its file `format` is damaged or missing; remove it/],
  ['missing', undefined, /does not say which version wrote it/],
];
for (const [name, stamp, said] of stamps) {
  test(`a stamp that is ${name}: the store is left alone`, () => {
    const root = temporaryRoot();
    mkdirSync(join(root, 'layers'), { recursive: true });
    if (stamp !== undefined) writeFileSync(join(root, 'format'), stamp);
    expect(() => claimFormat(root)).toThrow(said);
  });
}

test('a crash while the first stamp was written is a new store', () => {
  const root = temporaryRoot();
  mkdirSync(root);
  writeFileSync(join(root, 'format.4711'), 'dry');
  expect(formatOf(root)).toBe('empty');
});

const noSpace = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
const faults: [name: string, error: unknown, isFull: boolean][] = [
  ['the call itself', noSpace, true],
  ['a cause of a cause', new Error('a', { cause: new Error('b', { cause: noSpace }) }), true],
  ['a quota', Object.assign(new Error('EDQUOT'), { code: 'EDQUOT' }), true],
  ['a program that says so', new Error('git: fatal: write error: No space left on device'), true],
  ['another fault', Object.assign(new Error('EACCES'), { code: 'EACCES' }), false],
  ['no error at all', 'ENOSPC', false],
];
for (const [name, error, isFull] of faults)
  test(`a full disk: ${name}`, () => expect(diskFullError(error, '/cache') !== undefined).toBe(isFull));
