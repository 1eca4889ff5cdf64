// Why a stage ran again, as a person reads it while they work.
import { expect, test } from 'vitest';
import { phraseChanges, reasonsToRun } from '../../../cli/watch/reasons.ts';
import type { StageResult } from '../../../src/core/model.ts';
import { describeSubject } from '../../../src/core/subject.ts';
import { filesOf, stage, step } from '../../core/make.ts';

const SUBJECT = await describeSubject(
  `
services: [{ path: service }]
packages:
  - { name: repository, path: ., lint: eslint . }
  - { name: pipeline, path: ., types: tsc, ignore: [service/**] }
`,
  { text: async () => null, manifests: async () => [] },
);

test('changes: three are named', () => {
  expect(phraseChanges(['a.ts'])).toBe('a.ts changed');
  expect(phraseChanges(['a', 'b', 'c', 'd', 'e'])).toBe('a, b, c and 2 more changed');
});

const ran = (name: StageResult['name'], ...steps: Parameters<typeof step>[0][]) =>
  stage({ name, steps: steps.map((over) => step({ cached: false, ...over })) });

const rows: [name: string, now: StageResult[], before: StageResult[], changed: string[], reasons: string[]][] = [
  ['nothing changed: a first run', [ran('lint', { name: 'repository' })], [], [], []],
  ['all is cached', [ran('lint', { name: 'repository', cached: true })], [], ['README.md'], []],
  ['what asks anew on each run', [ran('scan', { name: 'database-lookup', always: true })], [], ['README.md'], []],
  [
    'a file of the service',
    [ran('lint', { name: 'repository' }, { name: 'types-service' }, { name: 'types-pipeline', cached: true })],
    [],
    ['service/src/app.ts'],
    ['lint ran again (repository, types-service): service/src/app.ts changed'],
  ],
  [
    'only what concerns a step is its reason',
    [ran('lint', { name: 'repository' }, { name: 'types-service' })],
    [],
    ['README.md', 'service/src/app.ts'],
    [
      'lint ran again (repository): README.md, service/src/app.ts changed',
      'lint ran again (types-service): service/src/app.ts changed',
    ],
  ],
  [
    'a failure is tried again',
    [ran('test', { name: 'service' })],
    [ran('test', { name: 'service', exitCode: 1 })],
    ['README.md'],
    ['test ran again (service): it failed before'],
  ],
  [
    'a lock file, and what rests on it',
    [ran('install', { name: 'root' }), ran('test', { name: 'service' })],
    [],
    ['package-lock.json'],
    ['install ran again (root): package-lock.json changed', 'test ran again (service): what it builds on is another'],
  ],
];
for (const [name, now, before, changed, reasons] of rows)
  test(name, () => expect(reasonsToRun(now, before, changed, SUBJECT)).toEqual(reasons));

test('of a workspace, what it is linked to and the manifests of all are read, too', async () => {
  const repository = await describeSubject(
    'services: [{ path: apps/api }]',
    filesOf({
      'package.json': '{ "workspaces": ["apps/*", "packages/*"] }',
      'apps/api/package.json': '{ "scripts": { "build": "tsc" }, "dependencies": { "lib": "*" } }',
      'apps/web/package.json': '{}',
      'packages/lib/package.json': '{ "name": "lib", "scripts": { "build": "tsc" } }',
    }),
  );
  const now = [ran('install', { name: 'root' }, { name: 'build-packages-lib' }), ran('test', { name: 'apps-api' })];
  const reasons = (changed: string) => reasonsToRun(now, [], [changed], repository);
  const [own, other] = ['packages/lib/src/index.ts changed', 'what it builds on is another'];
  expect(reasons('packages/lib/src/index.ts')).toEqual([
    ...[`install ran again (root): ${other}`, `install ran again (build-packages-lib): ${own}`],
    `test ran again (apps-api): ${own}`,
  ]);
  expect(reasons('apps/web/package.json')[0]).toBe('install ran again (root): apps/web/package.json changed');
});

// As the step itself leaves files out: by Docker's patterns, of which one without a slash means a name at the top alone.
const ignoring: [pattern: string, path: string, isRead: boolean][] = [
  ['generated', 'generated/api.ts', false],
  ['generated', 'src/generated/api.ts', true],
  ['**/generated', 'src/generated/api.ts', false],
  ['docs/**', 'docs/a/b.md', false],
  ['*.md', 'README.md', false],
  ['*.md', 'docs/README.md', true],
  ['generated#', 'generated#/api.ts', false],
  [`${'**/'.repeat(100)}x`, `${'d/'.repeat(500)}y`, true], // minimatch's CVE-2022-3517 is of this kind
];
for (const [pattern, path, isRead] of ignoring)
  test(`${pattern.slice(0, 20)} of ignore, and ${path.slice(0, 20)}`, async () => {
    const subject = await describeSubject(
      JSON.stringify({ services: [{ path: 'service' }], packages: [{ path: 'tools', lint: 'x', ignore: [pattern] }] }),
      { text: async () => null, manifests: async () => [] },
    );
    expect(reasonsToRun([ran('lint', { name: 'tools' })], [], [`tools/${path}`], subject)).toEqual([
      `lint ran again (tools): ${isRead ? `tools/${path} changed` : 'what it builds on is another'}`,
    ]);
  });

test('a pattern that means nothing is refused where it is read, before anything runs', async () => {
  const read = describeSubject('services: [{ path: service, ignore: ["src/[z-a]*"] }]', filesOf({}));
  await expect(read).rejects.toThrow('the range z-a is out of order');
});
