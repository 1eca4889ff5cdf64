// The engine's documentation lists what it answers: every field of the schema, and no other.
import { readFileSync } from 'node:fs';
import { buildSchema, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { SCHEMA } from '../../engine/api/schema.ts';

test('the README lists every field of the schema, and no other', () => {
  const readme = readFileSync(new URL('../../engine/README.md', import.meta.url), 'utf8');
  const listed = [...readme.matchAll(/^- \*\*(\w+)\*\*: (.*)$/gm)].map(([, type = '', fields = '']) => [
    type,
    [...fields.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  ]);
  const types = Object.values(buildSchema(SCHEMA, { assumeValidSDL: true }).getTypeMap()).filter(isObjectType);
  const answered = types
    .filter(({ name }) => !name.startsWith('__'))
    .map((type) => [type.name, Object.keys(type.getFields()).filter((name) => name !== 'id')]);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(answered));
});
