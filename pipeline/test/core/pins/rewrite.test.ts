// Pins in texts: found in each of their forms, and moved without touching anything beside them.
import { expect, test } from 'vitest';
import { actionsIn, moveActions, moveImages, movePackages, packagesIn } from '../../../src/core/pins/rewrite.ts';

const [old, fresh] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
const node = {
  image: 'docker.io/library/node:24.1.0-slim',
  digest: old,
  to: { image: 'docker.io/library/node:24.2.0-slim', digest: fresh },
};
const images: [name: string, before: string, after: string][] = [
  ['in full', `image: ${node.image}@${old}`, `image: ${node.to.image}@${fresh}`],
  ['as Docker knows it', "'node:24.1.0-slim'", "'node:24.2.0-slim'"],
  ['lines apart', `image: '${node.image}',\n  digest: '${old}',`, `image: '${node.to.image}',\n  digest: '${fresh}',`],
  ['a longer tag', 'node:24.1.0-slim-x node:24.1.0-slim.1', 'node:24.1.0-slim-x node:24.1.0-slim.1'],
  ['a longer name', 'my-node:24.1.0-slim', 'my-node:24.1.0-slim'],
  ['a dot is a dot', 'node:24x1.0-slim', 'node:24x1.0-slim'],
];
for (const [name, before, after] of images)
  test(`image, ${name}`, () => expect(moveImages(before, [node])).toBe(after));

const [commit, next] = ['1'.repeat(40), '2'.repeat(40)];
const WORKFLOW = `
      - uses: github/codeql-action/upload-sarif@${commit} # v4.1.0
      - uses: actions/checkout@${commit} # v7.0.1
      - uses: actions/checkout@${commit} # v7.0.1
    uses: ./.github/workflows/ci.yml
`;

test('actions are found once each, by their repository', () =>
  expect(actionsIn(WORKFLOW)).toEqual([
    { repository: 'github/codeql-action', commit, version: 'v4.1.0' },
    { repository: 'actions/checkout', commit, version: 'v7.0.1' },
  ]));

test('an action moves with its tag, wherever it is used', () => {
  const moved = moveActions(WORKFLOW, [
    { repository: 'actions/checkout', commit, to: { version: 'v7.1.0', commit: next } },
  ]);
  expect(moved).toBe(WORKFLOW.replaceAll(`checkout@${commit} # v7.0.1`, `checkout@${next} # v7.1.0`));
});

test('an action below a path keeps the path', () =>
  expect(
    moveActions(WORKFLOW, [{ repository: 'github/codeql-action', commit, to: { version: 'v4.2.0', commit: next } }]),
  ).toContain(`github/codeql-action/upload-sarif@${next} # v4.2.0\n`));

const MANIFEST =
  '{\n  "name": "x",\n  "dependencies": { "yaml": "2.9.1" },\n  "devDependencies": { "@a/b": "1.0.0", "c": "^1.0.0" }\n}\n';

test('packages are those of an exact version', () =>
  expect(packagesIn(MANIFEST)).toEqual([
    { name: 'yaml', version: '2.9.1' },
    { name: '@a/b', version: '1.0.0' },
  ]));

test('a manifest keeps its form', () =>
  expect(movePackages(MANIFEST, [{ name: '@a/b', version: '1.0.0', to: { version: '1.1.0' } }])).toBe(
    MANIFEST.replace('"@a/b": "1.0.0"', '"@a/b": "1.1.0"'),
  ));
