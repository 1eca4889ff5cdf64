// What differs between two capsules, and the search for the one thing that matters.

import { describe, expect, test } from 'vitest';
import {
  bisect,
  mixLock,
  mixManifest,
  packageUnits,
  type Unit,
  unitsBetween,
} from '../../../src/core/capsule/bisect.ts';
import { diffCapsules, phraseDifferences } from '../../../src/core/capsule/diff.ts';
import type { CapsuleManifest } from '../../../src/core/capsule/manifest.ts';
import { lockedPackages } from '../../../src/core/capsule/packages.ts';
import { capsule, file, locked } from './make.ts';

const rows: [name: string, change: Partial<CapsuleManifest>, lines: string[]][] = [
  ['nothing', { clock: '2027-01-01T00:00:00.000Z' }, ['a and b hold the same, and ended the same']],
  [
    'a file',
    { files: [file('source/README.md', 'c'), file('source/service/src/app.ts', 'b')] },
    ['files: 1', '  ~ README.md'],
  ],
  [
    'a new file, one that is gone',
    { files: [file('source/README.md', 'a'), file('source/new.ts', 'b')] },
    ['files: 2', '  + new.ts', '  - service/src/app.ts'],
  ],
  [
    'a package inside another',
    { packages: [locked('express', '5.1.0'), locked('express/node_modules/qs', '6.14.0')] },
    ['packages: 1', '  ~ service: express > qs: 6.13.0 → 6.14.0'],
  ],
  [
    'an image',
    { images: [{ name: 'node', pin: 'docker.io/library/node:24@sha256:2', standIn: null, held: true }] },
    ['images: 1', '  ~ node: docker.io/library/node:24@sha256:1 → docker.io/library/node:24@sha256:2'],
  ],
  ['a database', { database: 'f'.repeat(64) }, ['database: 1', `  + vulnerability database ${'f'.repeat(12)}`]],
  ['a tool', { tools: { syft: '1.54.1' } }, ['tools: 1', '  + syft 1.54.1']],
  ['a secret', { secrets: ['token'] }, ['environment: 1', '  + token a secret']],
  [
    'an argument',
    { arguments: { ...capsule().arguments, strict: true } },
    ['arguments: 1', '  ~ strict: false → true'],
  ],
  ['the engine', { engine: { kind: 'dagger', why: '' } }, ['engine: 1', '  ~ engine: embedded → dagger']],
  [
    'the result',
    { stages: [{ name: 'test', status: 'passed', reason: null, steps: [], fingerprint: null }] },
    ['result: 1', '  ~ test: test, service: exit 1: a > b: AssertionError → passed'],
  ],
];
for (const [name, change, lines] of rows) {
  test(`diff: ${name}`, () =>
    expect(phraseDifferences(diffCapsules(capsule(), capsule(change)), 'a', 'b')).toEqual(lines));
}

describe('bisect', () => {
  const unit = (name: string): Unit => ({ kind: 'file', name, shown: name });
  const units = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(unit);

  for (const culprit of ['a', 'd', 'g']) {
    test(`finds ${culprit} among seven, in few tries`, async () => {
      let tries = 0;
      const found = await bisect(units, async (from) => {
        tries += 1;
        return from.some(({ name }) => name === culprit);
      });
      expect(found).toEqual({ unit: unit(culprit), isAlone: true });
      expect(tries).toBeLessThanOrEqual(4);
    });
  }

  test('two that are needed together: the later one is named, and not as enough', async () => {
    const found = await bisect(units, async (from) =>
      ['b', 'e'].every((name) => from.some((taken) => taken.name === name)),
    );
    expect(found).toEqual({ unit: unit('e'), isAlone: false });
  });

  test('lock files and manifests are one thing; all else is one by one', () => {
    const bad = capsule({
      files: [
        file('source/README.md', 'c'),
        file('source/service/src/app.ts', 'b'),
        file('source/service/package.json', 'c'),
        file('source/service/package-lock.json', 'c'),
      ],
      images: [{ name: 'node', pin: 'other', standIn: null, held: true }],
      database: 'f',
    });
    expect(unitsBetween(capsule(), bad).map(({ kind, name }) => [kind, name])).toEqual([
      ['packages', 'service'],
      ['file', 'README.md'],
      ['image', 'node'],
      ['database', 'vulnerability database'],
    ]);
  });

  test('the packages of a set, by name and version', () => {
    const bad = capsule({ packages: [locked('express', '5.2.0'), locked('new', '1.0.0')] });
    expect(packageUnits(capsule(), bad, 'service').map(({ shown }) => shown)).toEqual([
      'service: express 5.1.0 → 5.2.0',
      'service: express > qs 6.13.0 → absent',
      'service: new absent → 1.0.0',
    ]);
    expect(packageUnits(capsule(), bad, 'tools')).toEqual([]);
  });

  const lock = (packages: object, dependencies: object) =>
    JSON.stringify({ packages: { '': { dependencies }, ...packages } });
  const good = lock({ 'node_modules/a': { version: '1' }, 'node_modules/b': { version: '1' } }, { a: '1', b: '1' });
  const bad = lock({ 'node_modules/a': { version: '2' }, 'node_modules/c': { version: '1' } }, { a: '2', c: '1' });
  const mixes: [paths: string[], packages: object, dependencies: object][] = [
    [[], { 'node_modules/a': { version: '1' }, 'node_modules/b': { version: '1' } }, { a: '1', b: '1' }],
    [
      ['node_modules/a'],
      { 'node_modules/a': { version: '2' }, 'node_modules/b': { version: '1' } },
      { a: '2', b: '1' },
    ],
    [
      ['node_modules/b', 'node_modules/c'],
      { 'node_modules/a': { version: '1' }, 'node_modules/c': { version: '1' } },
      { a: '1', c: '1' },
    ],
  ];
  for (const [paths, packages, dependencies] of mixes) {
    test(`a lock with ${paths.join(', ') || 'nothing'} of the bad one`, () => {
      expect(JSON.parse(mixLock(good, bad, paths))).toEqual(JSON.parse(lock(packages, dependencies)));
      const manifest = (of: string) => JSON.stringify(JSON.parse(of).packages['']);
      expect(JSON.parse(mixManifest(manifest(good), manifest(bad), paths))).toEqual({ dependencies });
    });
  }
});

// Whoever makes a capsule writes its lock files.
test.each([
  'null',
  '[]',
  '7',
  '{',
  '{"packages":7}',
  '{"packages":{"":null,"node_modules/a":null,"node_modules/b":{"version":{}}}}',
])('a lock file that says %s has no packages, and is mixed with another all the same', (odd) => {
  const plain = '{"packages":{"":{"dependencies":{"a":"1"}},"node_modules/a":{"version":"1"}}}';
  expect(lockedPackages('root', odd)).toEqual([]);
  const a = { 'node_modules/a': { version: '1' } };
  expect(JSON.parse(mixLock(odd, plain, ['node_modules/a'])).packages).toMatchObject(a);
  expect(JSON.parse(mixLock(plain, odd, ['node_modules/c'])).packages).toMatchObject(a);
  expect(JSON.parse(mixManifest(odd, '{"dependencies":{}}', ['node_modules/a']))).toBeTypeOf('object');
  expect(JSON.parse(mixManifest('{}', odd, ['node_modules/a']))).toEqual({});
});
