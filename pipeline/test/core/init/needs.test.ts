// What is taken over from compose files, as the documentation of images and frameworks shows them.
import { expect, test } from 'vitest';
import { needsIn } from '../../../src/core/init/needs.ts';

const read = (text: string) => needsIn({ file: 'compose.yaml', text });

test('a web service with Postgres and Redis', () =>
  expect(
    read(`services:
  web:
    build: .
    environment:
      - DATABASE_URL=postgres://postgres:example@db:5432/shop
      - REDIS_HOST=cache
      - NODE_ENV=development
  db:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD: \${DB_PASSWORD:-example}
      POSTGRES_DB: shop
  cache: { image: redis:7-alpine }
  proxy: { image: "nginx:1.28" }
`),
  ).toEqual({
    env: { DATABASE_URL: 'postgres://postgres:example@db:5432/shop', REDIS_HOST: 'cache' },
    needs: {
      db: { image: 'postgres:17', env: { POSTGRES_PASSWORD: 'example', POSTGRES_DB: 'shop' } },
      cache: { image: 'redis:7-alpine' },
    },
  }));

for (const [name, text] of [
  [
    'a password that somebody has',
    'services: { db: { image: postgres, environment: { POSTGRES_PASSWORD: $SECRET } } }',
  ],
  ['an image that a variable names', 'services: { db: { image: "redis:$V" } }'],
  ['aliases', 'x: &a { image: redis }\nservices: { db: *a }'],
  ['a file that smoke deploys itself', 'services: { app: { image: $APP_IMAGE }, db: { image: redis } }'],
  ['no file of this kind', '- a: ['],
] as const)
  test(`nothing of ${name}`, () => expect(read(text)).toEqual({ env: {}, needs: {} }));
