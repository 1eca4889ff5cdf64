// Which tags an image gets, by names that people give branches and tags, and by what the registry has already.
import { describe, expect, test } from 'vitest';
import { allTags, tagsOf, withoutNewer } from '../../../src/core/delivery/tags.ts';
import { PipelineError } from '../../../src/core/errors.ts';
import { isTag } from '../../../src/oci/reference.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const SOURCE = { commit: COMMIT, branch: 'main', dirty: false, reason: null };
const tagsAt = (ref: string) => tagsOf({ ...SOURCE, branch: null }, ref);

const rows: [ref: string, branch: string | null, fixed: string, moving: string][] = [
  ['', 'main', COMMIT, 'main'],
  ['', 'feature/x y', COMMIT, 'feature-x-y'],
  ['', null, COMMIT, ''],
  ['refs/heads/release/2', 'main', COMMIT, 'release-2'],
  ['refs/tags/v1.2.3', 'main', `${COMMIT} 1.2.3`, '1.2 1'],
  ['refs/tags/1.2.3', 'main', `${COMMIT} 1.2.3`, '1.2 1'],
  ['refs/tags/v1.2.3-rc.1', 'main', `${COMMIT} 1.2.3-rc.1`, ''],
  ['refs/tags/v0.0.0', 'main', `${COMMIT} 0.0.0`, '0.0 0'],
  ['refs/tags/2026.11.28', 'main', `${COMMIT} 2026.11.28`, '2026.11 2026'],
  ['refs/tags/nightly', 'main', COMMIT, 'nightly'],
  ['refs/heads/-.x', null, COMMIT, 'x'],
  // What issue trackers call a branch.
  ['refs/heads/12-fix-login', null, COMMIT, '12-fix-login'],
  ['refs/heads/1.x', null, COMMIT, '1.x'],
  ['refs/heads/dependabot/npm_and_yarn/express-4.17.3', null, COMMIT, 'dependabot-npm_and_yarn-express-4.17.3'],
];
test.for(rows)('%j of %j', ([ref, branch, fixed, moving]) => {
  const tags = tagsOf({ ...SOURCE, branch }, ref);
  expect([tags.fixed.join(' '), tags.moving.join(' '), tags.remarks]).toEqual([fixed, moving, []]);
});

test('a ref that is none', () => {
  expect(() => tagsAt('main')).toThrow(PipelineError);
  expect(() => tagsAt('main')).toThrow(/^--ref main is no branch and no tag/);
});

describe('a branch that is called as a version or a commit is a branch, and takes the tag of none', () => {
  test.each(['v1.2.3', '1.2.3', '1.2', '1', 'v2', '1.2.3-rc.1', COMMIT])('%s', (name) => {
    const { fixed, moving, remarks } = tagsAt(`refs/heads/${name}`);
    expect([fixed, moving]).toEqual([[COMMIT], [`branch-${name}`]]);
    expect(remarks).toEqual([`the branch "${name}" would read as a version or a commit: it is tagged branch-${name}`]);
  });
});

// Semantic Versioning 2.0.0, items 9 and 10: what follows a + is of no account for the order, and part of the name.
describe('metadata of a build', () => {
  test.each([
    ['v1.2.3+build.5', '1.2.3_build.5', '1.2 1'],
    ['1.0.0-alpha+001', '1.0.0-alpha_001', ''],
    ['1.0.0+20130313144700', '1.0.0_20130313144700', '1.0 1'],
    ['1.0.0+21AF26D3---117B344092BD', '1.0.0_21AF26D3---117B344092BD', '1.0 1'],
  ])('%s', (name, tag, moving) => {
    const tags = tagsAt(`refs/tags/${name}`);
    expect([tags.fixed, tags.moving.join(' ')]).toEqual([[COMMIT, tag], moving]);
    expect(tags.remarks).toEqual([`a tag cannot hold a +: ${name} is tagged ${tag}`]);
  });
});

describe('letters that a tag cannot hold are said, and have one spelling each', () => {
  const names = ['größe', 'grösse-ü', '日本語', '日本', 'фича', 'f\u0301eature', '🚀', 'größe/ä', '.日'];
  test.each(names)('%s', (name) => {
    const { moving, remarks } = tagsAt(`refs/heads/${name}`);
    expect(moving).toHaveLength(1);
    expect(moving[0]).toSatisfy(isTag);
    expect(remarks).toEqual([`a tag cannot hold the letters of the branch "${name}": it is tagged ${moving[0]}`]);
  });
  test('no two are one, and one is one however it is composed', () => {
    expect(new Set(names.flatMap((name) => tagsAt(`refs/heads/${name}`).moving)).size).toBe(names.length);
    expect(tagsAt(`refs/heads/${'größe'.normalize('NFD')}`).moving).toEqual(tagsAt('refs/heads/größe').moving);
  });
});

test('a name that is cut says so, and is not one with another that is cut alike', () => {
  const [one, other] = ['a', 'b'].map((end) => tagsAt(`refs/heads/${'x'.repeat(128)}${end}`));
  expect(one?.moving[0]).toSatisfy(isTag);
  expect(one?.moving[0]).toHaveLength(128);
  expect(one?.moving).not.toEqual(other?.moving);
  expect(one?.remarks[0]).toMatch(/is longer than a tag may be \(128\): it is tagged x/);
  expect(tagsAt(`refs/heads/${'x'.repeat(128)}`)).toMatchObject({ moving: ['x'.repeat(128)], remarks: [] });
});

describe('an older release that is delivered after a newer one', () => {
  const late: [release: string, present: string[], moving: string, remarks: string[]][] = [
    ['1.2.3', [], '1.2 1', []],
    ['1.2.3', ['1.2.3', '1.2.2', '1.1.9', '0.9.0', '2.0.0', '1', '1.2', 'main'], '1.2 1', []],
    ['1.2.3', ['1.3.0'], '1.2', ['1 stays where it is: 1.3.0 is newer']],
    [
      '1.2.3',
      ['1.2.10', '1.2.9'],
      '',
      ['1.2 stays where it is: 1.2.10 is newer', '1 stays where it is: 1.2.10 is newer'],
    ],
    ['1.2.3', ['1.3.0-rc.1', '1.2.4-beta'], '1.2 1', []],
    ['1.2.3', ['v1.10.0'], '1.2', ['1 stays where it is: 1.10.0 is newer']],
    ['1.2.3', ['10.2.4', '1.20.4'], '1.2', ['1 stays where it is: 1.20.4 is newer']],
    ['1.2.3', ['1.2.3_build.6'], '1.2 1', []],
    [
      '1.2.3',
      ['1.2.4_build.1'],
      '',
      ['1.2 stays where it is: 1.2.4_build.1 is newer', '1 stays where it is: 1.2.4_build.1 is newer'],
    ],
    [
      '1.2.3',
      ['1.2.9007199254740993', '1.2.9007199254740992'],
      '',
      ['1.2 stays where it is: 1.2.9007199254740993 is newer', '1 stays where it is: 1.2.9007199254740993 is newer'],
    ],
  ];
  test.for(late)('%s where there are %j', ([release, present, moving, remarks]) => {
    const tags = withoutNewer(tagsAt(`refs/tags/v${release}`), present);
    expect([tags.moving.join(' '), tags.remarks]).toEqual([moving, remarks]);
    expect(allTags(tags)).toContain(release);
  });
  test('a branch is no release', () =>
    expect(withoutNewer(tagsAt('refs/heads/main'), ['9.9.9']).moving).toEqual(['main']));
});
