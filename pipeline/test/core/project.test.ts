// Where a package's lock file lies and what it is linked to, in the layouts that the documentation of npm, Yarn and pnpm and well-known starters show.
import { describe, expect, test } from 'vitest';
import { projectOf } from '../../src/core/project.ts';
import { filesOf } from './make.ts';

const manifest = (fields: object) => JSON.stringify(fields);

/** Turborepo's layout, with npm. */
const TURBO = {
  'package.json': manifest({ name: 'my-turborepo', workspaces: ['apps/*', 'packages/*'] }),
  'package-lock.json': '{}',
  'apps/api/package.json': manifest({
    ...{ name: 'api', dependencies: { '@repo/ui': '*', express: '5.1.0' } },
    devDependencies: { '@repo/typescript-config': '*' },
  }),
  'apps/docs/package.json': manifest({ name: 'docs', dependencies: { '@repo/ui': '*' } }),
  'packages/ui/package.json': manifest({
    ...{ name: '@repo/ui', scripts: { build: 'tsc' }, peerDependencies: { '@repo/math': '*' } },
  }),
  'packages/math/package.json': manifest({ name: '@repo/math', scripts: { build: 'tsc' } }),
  'packages/typescript-config/package.json': manifest({ name: '@repo/typescript-config' }),
  'packages/ui/test/fixture/package.json': manifest({ name: 'express' }),
};

test('a workspace: the lock file of the root, and what it is linked to behind what that needs', async () => {
  expect(await projectOf('apps/api', filesOf(TURBO))).toEqual({
    ...{ root: '', manager: { name: 'npm', version: '', integrity: null }, hasWorkspaces: true },
    members: ['apps/api', 'apps/docs', 'packages/math', 'packages/typescript-config', 'packages/ui'],
    locals: [
      { name: '@repo/math', path: 'packages/math', hasBuild: true, isWorkspace: true, isApart: false, isCopied: false },
      { name: '@repo/ui', path: 'packages/ui', hasBuild: true, isWorkspace: true, isApart: false, isCopied: false },
      ...[{ name: '@repo/typescript-config', path: 'packages/typescript-config', hasBuild: false }].map((local) => ({
        ...{ ...local, isWorkspace: true, isApart: false, isCopied: false },
      })),
    ],
  });
});

describe('the root', () => {
  const rows: [name: string, files: Record<string, string>, root: string][] = [
    ['a lock file of its own comes first', { ...TURBO, 'apps/api/package-lock.json': '{}' }, 'apps/api'],
    ['./ before and / behind', { 'package.json': manifest({ workspaces: ['./apps/api/'] }) }, ''],
    ['Yarn with nohoist', { 'package.json': manifest({ workspaces: { packages: ['apps/**'], nohoist: [] } }) }, ''],
    ['pnpm-workspace.yaml', { 'pnpm-workspace.yaml': "packages:\n  - 'apps/*'\n" }, ''],
    ['taken back', { 'pnpm-workspace.yaml': "packages: ['**', '!apps/api']\n" }, 'apps/api'],
    ['the nearest above', { ...TURBO, 'apps/package.json': manifest({ workspaces: ['api'] }) }, 'apps'],
    ['of others alone', { 'package.json': manifest({ workspaces: ['packages/*'] }) }, 'apps/api'],
  ];
  for (const [name, files, root] of rows)
    test(name, async () => expect((await projectOf('apps/api', filesOf(files))).root).toBe(root));
});

describe('links', () => {
  const rows: [name: string, range: string, linked: string[]][] = [
    ['a folder', 'file:../lib', ['packages/lib']],
    ['a folder, as Yarn and pnpm name it', 'link:../lib/', ['packages/lib']],
    ['a workspace, as pnpm names it', 'workspace:^', ['packages/lib']],
    ['a workspace by its version', '^1.0.0', ['packages/lib']],
    ['an archive', 'file:../lib.tgz', []],
    ['a folder outside of the repository', 'file:../../../lib', []],
    ['another package', 'npm:other@1.0.0', []],
    ['a repository', 'github:owner/lib', []],
  ];
  for (const [name, range, linked] of rows)
    test(name, async () => {
      const files = filesOf({
        'package.json': manifest({ workspaces: ['packages/*'] }),
        'packages/a/package.json': manifest({ name: 'a', dependencies: { lib: range } }),
        'packages/lib/package.json': manifest({ name: 'lib', dependencies: { a: 'workspace:*' } }),
      });
      expect((await projectOf('packages/a', files)).locals.map(({ path }) => path)).toEqual(linked);
    });
});

// The kind of minimatch's advisories (CVE-2022-3517 and those after it)
test('a pattern of workspaces that can be read in many ways', async () => {
  const deep = 'd/'.repeat(27).slice(0, -1);
  const files = filesOf({
    'package.json': JSON.stringify({ workspaces: [`${'**/'.repeat(24)}x`] }),
    'package-lock.json': '{}',
    [`${deep}/package.json`]: '{}',
    [`${deep}/x/package.json`]: '{}',
  });
  expect((await projectOf('', files)).members).toEqual([`${deep}/x`]);
});
