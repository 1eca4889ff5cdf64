// A rule about .env.example, here because no `.env*` is ever uploaded to where unit tests run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './support.ts';

test('no key of .env.example is the default of a function’s argument, as Dagger reads it', () => {
  const keys = [...readFileSync(join(ROOT, '.env.example'), 'utf8').matchAll(/^(\w+)=/gm)].map(([, key = '']) => key);
  expect(keys).toContain('PORT');
  expect(keys.filter((key) => /^(LINT|TEST|BUILD|CI)_/.test(key))).toEqual([]);
});
