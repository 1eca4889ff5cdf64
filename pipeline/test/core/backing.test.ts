// What is read of an engine's error about a service that a command was bound to, and how images are named.
import { describe, expect, test } from 'vitest';
import { backingFault, isReference, officialName, tagOf } from '../../src/core/backing.ts';
import { imageName } from '../../src/pins.ts';

const LINES = ['one', 'two', 'three', '', 'four', 'five'].join('\n');

describe('why a service did not start or stay', () => {
  const rows: [name: string, error: string, output: string, said: string[] | undefined][] = [
    [
      'the embedded engine: it ended',
      `start 5uag48ipimr5l (aliased as db): the service 5uag48ipimr5l ended before it was ready: exit code: 1; its last lines:\n${LINES}`,
      '',
      ['db did not start: exit code: 1', 'two', 'three', 'four', 'five'],
    ],
    [
      'the embedded engine: it is silent',
      'start abc (aliased as my-cache): the service abc did not accept connections on port 6379 within 150 s',
      '',
      ['my-cache did not start: it did not accept connections on port 6379 within 150 s'],
    ],
    [
      'it ended while a test ran',
      `bound service abc (aliased as db) exited: the service abc ended: exit code: 137; its last lines:\nLOG: ready`,
      '',
      ['db ended while it was needed: exit code: 137', 'LOG: ready'],
    ],
    [
      'a Dagger Engine, whose lines are elsewhere',
      'start abc.def (aliased as db): exit code: 1 [traceparent:00-1-2-01]',
      `\n${LINES}`,
      ['db did not start: exit code: 1', 'two', 'three', 'four', 'five'],
    ],
    ['something else', 'exit code: 1', LINES, undefined],
    ['a test that talks about aliases', 'process "sh" did not complete: (aliased as db): x', '', undefined],
  ];
  test.each(rows)('%s', (_, error, output, said) => expect(backingFault(error, output)).toEqual(said));
});

describe('references of images', () => {
  // The examples of the distribution project's own tests of references.
  for (const image of ['test_com', 'test.com:tag', 'test.com:5000', 'test.com/repo:tag', 'test:5000/repo', 'a/b/c:x-1'])
    test(`${image} names one`, () => expect(isReference(image)).toBe(true));
  for (const image of ['', ':justtag', 'repo@sha256:ff', 'Uppercase:tag', '-foo/bar', 'foo/foo_bar.com:', 'a b'])
    test(`${JSON.stringify(image)} names none`, () => expect(isReference(image)).toBe(false));

  test('whose image it is', () => {
    const names = ['postgres', 'library/redis:7', 'docker.io/library/mysql@sha256:0', 'bitnami/redis', 'ghcr.io/redis'];
    expect(names.map(officialName)).toEqual(['postgres', 'redis', 'mysql', null, null]);
  });

  test('a tag beside a digest', () => {
    expect(tagOf(`postgres:17@sha256:${'0'.repeat(64)}`)).toBe('postgres:17');
    expect([tagOf('postgres:17'), tagOf(`localhost:5000/db@sha256:${'0'.repeat(64)}`)]).toEqual([undefined, undefined]);
  });

  test('what its file is called in a folder of archives', () => {
    expect(imageName('postgres:17')).toBe('image-postgres-17');
    expect(imageName(`ghcr.io/acme/DB_x:1.2@sha256:${'ab'.repeat(32)}`)).toBe(
      'image-ghcr.io-acme-db-x-1.2-sha256-abababababab',
    );
  });
});
