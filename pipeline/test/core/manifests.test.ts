// Manifests and lock files that npm could not install, told in a sentence before npm is asked.
import { expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.ts';
import { NPM } from '../../src/core/manager.ts';
import { checkPackages } from '../../src/core/manifests.ts';

type Manifest = Record<string, unknown>;
const manifest = (over: Manifest = {}) => ({
  name: 'a',
  version: '1.0.0',
  dependencies: { express: '5.0.0' },
  ...over,
});
const lock = (over: Manifest = {}) => ({
  lockfileVersion: 3,
  packages: { '': { dependencies: { express: '5.0.0' } }, 'node_modules/express': { version: '5.0.0' } },
  ...over,
});
/** Dependencies by what is asked for and what is locked. */
const asking = (name: string, range: string) => manifest({ dependencies: { [name]: range } });
const locking = (name: string, version: string) =>
  lock({ packages: { '': { dependencies: { [name]: version } }, [`node_modules/${name}`]: { version } } });
const text = (value: unknown) => (typeof value === 'string' || value === null ? value : JSON.stringify(value));

const good: [name: string, manifest: unknown, lock: unknown][] = [
  ['equal', manifest(), lock()],
  ['a range that only npm can judge', manifest({ dependencies: { express: '^5.0.0' } }), lock()],
  ['an optional dependency that is not in the lock', manifest({ optionalDependencies: { fsevents: '2.0.0' } }), lock()],
  ['a later version that ^ takes', asking('bootstrap', '^4.3.1'), locking('bootstrap', '4.6.2')],
  ['a later version that ~ takes', asking('debug', '~4.4.1'), locking('debug', '4.4.3')],
  ['0.x, where ^ takes patches', asking('lob', '^0.2.3'), locking('lob', '0.2.9')],
  ['a range with more than a version', asking('lodash', '>=4 <5'), locking('lodash', '3.0.0')],
  ['a version before its release', asking('vue', '^3.0.0'), locking('vue', '3.0.0-rc.1')],
  ['another package by that name', asking('ms', 'npm:@scope/ms@2.0.0'), locking('ms', '1.0.0')],
  ['no dependencies at all', { name: 'a', version: '1.0.0' }, { packages: { '': {} } }],
];
for (const [name, given, locked] of good) {
  test(`manifest and lock: ${name}`, () => {
    expect(() =>
      checkPackages([{ folder: '', root: '', manager: NPM, manifest: text(given), lock: text(locked) }]),
    ).not.toThrow();
  });
}

const bad: [name: string, manifest: unknown, lock: unknown, code: string, sentence: string][] = [
  ['no manifest', null, lock(), 'BAD_MANIFEST', 'service/package.json is missing'],
  ['no lock file', manifest(), null, 'BAD_MANIFEST', 'service/package-lock.json is missing'],
  ['a comma too many', '{\n  "name": "a",\n}', lock(), 'BAD_MANIFEST', 'service/package.json is not JSON: '],
  [
    'conflict marks in the lock',
    manifest(),
    '<<<<<<< HEAD\n{}',
    'BAD_MANIFEST',
    'service/package-lock.json:1 holds a conflict of a merge',
  ],
  ['a manifest that is a list', '[]', lock(), 'BAD_MANIFEST', 'does not hold a JSON object'],
  ['a lock file of old', manifest(), { lockfileVersion: 1, dependencies: {} }, 'BAD_MANIFEST', 'has no "packages"'],
  [
    'a dependency that is not locked',
    manifest({ dependencies: { express: '5.0.0', ms: '2.1.3' } }),
    lock(),
    'LOCK_MISMATCH',
    'service/package-lock.json does not belong to service/package.json: ms is not in the lock',
  ],
  ['a dependency that is gone', manifest({ dependencies: {} }), lock(), 'LOCK_MISMATCH', 'express is only in the lock'],
  // hackathon-starter#937, TypeScript-Node-Starter#160: what `npm ci` said of them.
  ...(
    [
      ['bootstrap', '^4.3.1', '4.2.1'],
      ['mongoose', '^5.4.15', '5.4.7'],
      ['@octokit/rest', '^16.16.0', '16.13.3'],
      ['lodash', '^4.17.5', '4.17.4'],
      ['debug', '~4.4.1', '4.3.7'],
      ['js-yaml', '^0.0.3', '0.0.4'],
      ['express', '^5.0.0', '4.21.2'],
    ] as const
  ).map(([name, range, version]): (typeof bad)[number] => [
    `${name} ${range}, and ${version}`,
    asking(name, range),
    locking(name, version),
    'LOCK_MISMATCH',
    `${name} is ${range} in the manifest and ${version} in the lock`,
  ]),
  [
    'another version',
    manifest({ dependencies: { express: '5.1.0' } }),
    lock(),
    'LOCK_MISMATCH',
    'express is 5.1.0 in the manifest and 5.0.0 in the lock',
  ],
  [
    'many at once',
    manifest({ devDependencies: { a: '1.0.0', b: '1.0.0', c: '1.0.0', d: '1.0.0' } }),
    lock(),
    'LOCK_MISMATCH',
    'c is not in the lock and 1 more',
  ],
];
for (const [name, given, locked, code, sentence] of bad) {
  test(`manifest and lock: ${name}`, () => {
    const error = caught(() =>
      checkPackages([{ folder: 'service', root: 'service', manager: NPM, manifest: text(given), lock: text(locked) }]),
    );
    expect(error).toMatchObject({ code, exitCode: 2, message: expect.stringContaining(sentence) });
    expect(error.hint).not.toBe('');
  });
}

test('the place of a JSON fault is told by line', () => {
  const error = caught(() =>
    checkPackages([{ folder: '', root: '', manager: NPM, manifest: '{\n  "name": "a",\n}', lock: null }]),
  );
  expect(error.message).toMatch(/line 3/);
});

function caught(work: () => unknown): PipelineError {
  try {
    work();
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('a workspace is held against its own place in the lock file of its root', () => {
  const packages = {
    '': { workspaces: ['packages/*'] },
    'packages/a': { dependencies: { ms: '2.1.3', b: '*' } },
    'packages/a/node_modules/ms': { version: '2.1.3' },
    'node_modules/ms': { version: '2.0.0' },
    'node_modules/b': { resolved: 'packages/b', link: true },
  };
  const files = (dependencies: Record<string, string>) => [
    {
      folder: 'packages/a',
      root: '',
      manager: NPM,
      manifest: JSON.stringify({ dependencies }),
      lock: JSON.stringify({ packages }),
    },
  ];
  expect(() => checkPackages(files({ ms: '2.1.3', b: '*' }))).not.toThrow();
  expect(caught(() => checkPackages(files({ ms: '2.0.0', b: '*' })))).toMatchObject({
    code: 'LOCK_MISMATCH',
    message: expect.stringMatching(/^package-lock\.json does not belong to packages\/a\/package\.json: ms/),
  });
});
