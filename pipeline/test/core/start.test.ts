// How a service is started, by what public starters have in their package.json: Express's generator, Nest, Fastify, Next's custom server, and others.
import { expect, test } from 'vitest';
import { entryOf, filesOf, startsOf } from '../../src/core/start.ts';

const cases: [name: string, fields: Record<string, unknown>, starts: string[]][] = [
  ['the generator of Express', { scripts: { start: 'node ./bin/www' } }, ['bin/www']],
  [
    'a main that npm init wrote, beside a script',
    { main: 'index.js', scripts: { start: 'node app.js' } },
    ['app.js', 'index.js'],
  ],
  ['Nest', { scripts: { start: 'nest start', 'start:prod': 'node dist/main' } }, ['dist/main']],
  [
    'flags of Node',
    { scripts: { start: 'node --enable-source-maps --import ./otel.js dist/server.js' } },
    ['--enable-source-maps --import ./otel.js dist/server.js'],
  ],
  ['variables before it', { scripts: { start: 'NODE_ENV=production node server.js' } }, ['server.js']],
  ['the same on Windows', { scripts: { start: 'cross-env NODE_ENV=production node server.js' } }, ['server.js']],
  ['a program that watches', { main: 'dist/a.js', scripts: { start: 'nodemon server.js' } }, ['dist/a.js']],
  ['Node that watches', { main: 'a.js', scripts: { start: 'node --watch server.js' } }, ['a.js']],
  ['a shell', { main: 'a.js', scripts: { start: 'npm run build && node dist/a.js' } }, ['a.js']],
  ['a variable', { main: 'a.js', scripts: { start: 'node $ENTRY' } }, ['a.js']],
  ['TypeScript', { main: 'dist/a.js', scripts: { start: 'node src/a.ts' } }, ['dist/a.js']],
  ['main alone', { main: './dist/server.js' }, ['dist/server.js']],
  ['nothing at all', {}, ['server.js']],
  ['a main that is no text', { main: { a: 1 }, scripts: [] }, ['server.js']],
];
test.for(cases)('%s', ([, fields, expected]) =>
  expect(startsOf(fields, null).map(({ words }) => words.join(' '))).toEqual(expected),
);

test('what drydock.yaml says counts alone', () =>
  expect(startsOf({ main: 'a.js' }, ['--import', './otel.js', 'b.js'])).toEqual([
    { words: ['--import', './otel.js', 'b.js'], from: 'start' },
  ]));

test('blanks without end', () => {
  const script = `node ${' '.repeat(1_000_000)}!`;
  expect(startsOf({ main: 'a.js', scripts: { start: script } }, null).map(({ from }) => from)).toEqual(['main']);
});

test('the file among the words', () => {
  expect(entryOf(['-r', 'dotenv/config', 'a.js', 'serve'])).toBe('a.js');
  expect(entryOf(['--title=x', './bin/www'])).toBe('bin/www');
  expect(entryOf(['--import', './otel.js'])).toBeNull();
});

test('a name without its end', () => {
  expect(filesOf('dist/main')).toEqual(['dist/main', 'dist/main.js', 'dist/main.cjs', 'dist/main/index.js']);
  expect(filesOf('a.mjs')).toEqual(['a.mjs']);
});
