// Rules about .env.example, here because no `.env*` is ever uploaded to where unit tests run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './support.ts';

const keys = [...readFileSync(join(ROOT, '.env.example'), 'utf8').matchAll(/^(\w+)=/gm)].map(([, key = '']) => key);

test('.env.example has every variable of docker-compose.yml, and no other', () => {
  const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
  const variables = new Set([...compose.matchAll(/\$\{(\w+)/g)].map(([, name]) => name));
  expect([...keys].sort()).toEqual([...variables].sort());
});

test('no key of .env.example is the default of a function’s argument, as Dagger reads it', () => {
  expect(keys.filter((key) => /^(LINT|TEST|BUILD|CI|CD|SMOKE|UP)_/.test(key))).toEqual([]);
});
