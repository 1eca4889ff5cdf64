// Lock files: on which line a package stands, which dependency brought it, and whether it ships.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { locate } from '../../../src/core/gate/locate.ts';
import { LockFile } from '../../../src/core/gate/lock-file.ts';
import { debian, finding, secret } from './make.ts';

const TEXT = `{
  "name": "sample",
  "version": "1.0.0",
  "lockfileVersion": 3,
  "packages": {
    "": {
      "name": "sample",
      "version": "1.0.0",
      "dependencies": { "a": "1", "@scope/b": "1", "renamed": "npm:lodash@4" },
      "devDependencies": { "tool": "1" }
    },
    "node_modules/@scope/b": {
      "version": "1.0.0",
      "dependencies": { "shared": "2" }
    },
    "node_modules/@scope/b/node_modules/shared": {
      "version": "2.0.0",
      "dependencies": { "deep": "1" }
    },
    "node_modules/a": {
      "version": "1.0.0",
      "dependencies": { "shared": "1" }
    },
    "node_modules/deep": {
      "version": "1.0.0",
      "dependencies": { "a": "1" }
    },
    "node_modules/renamed": {
      "name": "lodash",
      "version": "4.17.4"
    },
    "node_modules/shared": {
      "version": "1.0.0",
      "peerDependencies": { "not-there": "1" }
    },
    "node_modules/tool": {
      "version": "1.0.0",
      "dev": true,
      "dependencies": { "shared": "2" }
    },
    "node_modules/tool/node_modules/shared": {
      "version": "2.0.0",
      "dev": true
    },
    "node_modules/left-over": {
      "version": "1.0.0",
      "dev": true
    }
  }
}
`;
const sample = new LockFile('service/package-lock.json', TEXT);

const rows: [name: string, version: string, expected: unknown][] = [
  ['a', '1.0.0', { line: 20, via: ['a'], dev: false }],
  ['@scope/b', '1.0.0', { line: 12, via: ['@scope/b'], dev: false }],
  ['shared', '1.0.0', { line: 32, via: ['a', 'shared'], dev: false }],
  // Twice in this version, once of them for development only: it ships.
  ['shared', '2.0.0', { line: 16, via: ['@scope/b', 'shared'], dev: false }],
  ['deep', '1.0.0', { line: 24, via: ['@scope/b', 'shared', 'deep'], dev: false }],
  ['tool', '1.0.0', { line: 36, via: ['tool'], dev: true }],
  ['lodash', '4.17.4', { line: 28, via: ['renamed'], dev: false }],
  ['left-over', '1.0.0', { line: 45, via: [], dev: true }],
  ['shared', '3.0.0', undefined],
  ['b', '1.0.0', undefined],
  ['renamed', '4.17.4', undefined],
];
for (const [name, version, expected] of rows)
  test(`${name} ${version}`, () => expect(sample.find(name, version)).toEqual(expected));

test('what nothing leads to comes after what something does', () => {
  const text = JSON.stringify({
    packages: {
      '': { dependencies: { a: '1' } },
      'node_modules/left/node_modules/b': { version: '1.0.0' },
      'node_modules/a': { version: '1.0.0', dependencies: { b: '1' } },
      'node_modules/a/node_modules/b': { version: '1.0.0' },
    },
  });
  expect(new LockFile('a', text).find('b', '1.0.0')?.via).toEqual(['a', 'b']);
});

test('workspaces are where chains begin', () => {
  const text = JSON.stringify({
    packages: {
      '': { workspaces: ['packages/*'] },
      'node_modules/one': { resolved: 'packages/one', link: true },
      'packages/one': { name: 'one', version: '1.0.0', dependencies: { a: '1' } },
      'packages/one/node_modules/a': { version: '1.0.0', dependencies: { b: '1' } },
      'node_modules/b': { version: '1.0.0' },
    },
  });
  expect(new LockFile('a', text).find('b', '1.0.0')?.via).toEqual(['a', 'b']);
});

for (const text of ['', '{', 'null', '[]', '{}', '{"packages": 1}', '{"packages": {"node_modules/a": null}}']) {
  test(`a lock file that is none holds nothing: ${JSON.stringify(text)}`, () =>
    expect(new LockFile('a', text).find('a', '1.0.0')).toBeUndefined());
}

for (const file of ['package-lock.json', 'pipeline/package-lock.json']) {
  test(`every package of this repository's ${file} is on its line, and brought by one that package.json names`, () => {
    const text = readFileSync(new URL(`../../../../${file}`, import.meta.url), 'utf8');
    const { packages } = JSON.parse(text) as { packages: Record<string, Record<string, Record<string, string>>> };
    const direct = ['dependencies', 'devDependencies'].flatMap((kind) => Object.keys(packages['']?.[kind] ?? {}));
    const lock = new LockFile(file, text);
    const lines = text.split('\n');
    for (const [path, entry] of Object.entries(packages)) {
      if (path === '') continue;
      const name = path.split('node_modules/').at(-1) ?? '';
      const found = lock.find(name, String(entry.version));
      expect(lines[(found?.line ?? 0) - 1], path).toContain(`node_modules/${name}": {`);
      expect(direct, path).toContain(found?.via[0]);
      expect(found?.via.at(-1), path).toBe(name);
    }
  });
}

// ------------------------------------------------------------------------------------------------ locate

const found = { name: 'deep', version: '1.0.0', ecosystem: 'npm', purl: 'pkg:npm/deep@1.0.0' };
const inSource = finding({ package: found, layer: null, via: [], places: [place('service/package-lock.json')] });
const inImage = finding({
  package: found,
  via: [],
  places: [{ in: 'image', file: 'app/node_modules/deep/package.json', line: null }],
});
const shipped = 'service/package-lock.json';

function place(file: string, line: number | null = null) {
  return { in: 'source' as const, file, line };
}

test('locate: a finding in the source gets its line and its chain', () => {
  const located = locate(inSource, [sample], shipped);
  expect([located.places, located.via, located.dev]).toEqual([
    [place(shipped, 24)],
    ['@scope/b', 'shared', 'deep'],
    false,
  ]);
});

test('locate: a finding in the image gets the lock file that it is built from, and stays where it was', () => {
  const other = new LockFile('package-lock.json', TEXT);
  expect(locate(inImage, [other, sample], shipped).places).toEqual([...inImage.places, place(shipped, 24)]);
});

const dev = { name: 'tool', version: '1.0.0', ecosystem: 'npm', purl: 'pkg:npm/tool@1.0.0' };
test('locate: what only development needs is told', () =>
  expect(locate({ ...inSource, package: dev }, [sample], shipped).dev).toBe(true));
test('locate: what is in the image ships, whatever the lock file says', () =>
  expect(locate({ ...inImage, package: dev }, [sample], shipped).dev).toBe(false));

const untouched: [name: string, given: ReturnType<typeof finding>][] = [
  ['a secret', secret()],
  ['a Debian package', debian()],
  ['a package of the base image, though ours has the same', { ...inImage, layer: 'base' }],
  ['a version that is in no lock file', { ...inSource, package: { ...found, version: '9.9.9' } }],
  ['a lock file that is not there', { ...inSource, places: [place('other/package-lock.json')] }],
];
for (const [name, given] of untouched)
  test(`locate: ${name} stays as it is`, () => expect(locate(given, [sample], shipped)).toEqual(given));

// As npm 6 writes it (docs.npmjs.com, package-lock.json, "Hidden lockfiles" and "lockfileVersion"): nested, with `requires`.
const OLD = `{
  "name": "sample",
  "version": "1.0.0",
  "lockfileVersion": 1,
  "requires": true,
  "dependencies": {
    "a": {
      "version": "1.0.0",
      "requires": {
        "shared": "1"
      }
    },
    "dependencies": {
      "version": "0.0.1",
      "dev": true
    },
    "mocha": {
      "version": "2.5.3",
      "dev": true,
      "requires": {
        "minimist": "0.0.8"
      },
      "dependencies": {
        "minimist": {
          "version": "0.0.8",
          "resolved": "https://registry.example/minimist/-/minimist-0.0.8.tgz",
          "dev": true
        }
      }
    },
    "minimist": {
      "version": "1.2.8"
    },
    "renamed": {
      "version": "npm:lodash@4.17.4"
    },
    "shared": {
      "version": "1.0.0",
      "requires": {
        "minimist": "^1.2.0"
      }
    }
  }
}
`;
const old = new LockFile('service/package-lock.json', OLD);
test.each([
  ['a', '1.0.0', { line: 7, via: ['a'], dev: false }],
  ['dependencies', '0.0.1', { line: 13, via: ['dependencies'], dev: true }],
  ['mocha', '2.5.3', { line: 17, via: ['mocha'], dev: true }],
  ['minimist', '0.0.8', { line: 24, via: ['mocha', 'minimist'], dev: true }],
  ['minimist', '1.2.8', { line: 31, via: ['a', 'shared', 'minimist'], dev: false }],
  ['lodash', '4.17.4', { line: 34, via: ['renamed'], dev: false }],
  ['shared', '1.0.0', { line: 37, via: ['a', 'shared'], dev: false }],
  ['minimist', '9.9.9', undefined],
])('in a lock file of version 1: %s %s', (name, version, expected) =>
  expect(old.find(name, version)).toEqual(expected),
);

test('a file of version 2 is read by its packages, and says the lines of these', () => {
  const both = TEXT.replace('"lockfileVersion": 3', '"lockfileVersion": 2').replace(
    /\n}\n$/,
    ',\n  "dependencies": {\n    "tool": {\n      "version": "1.0.0"\n    }\n  }\n}\n',
  );
  const found = new LockFile('package-lock.json', both).find('tool', '1.0.0');
  expect(found).toEqual(sample.find('tool', '1.0.0'));
});
