// Patterns of paths: the table that Docker's own matcher is held against (moby/patternmatcher), npm's words on `files`, and patterns that other matchers took ages for.
import { expect, test } from 'vitest';
import { BadPattern, dockerPattern, folderPattern, Patterns } from '../../src/oci/wildcards.ts';

const docker: [pattern: string, path: string, fits: boolean][] = [
  ['**', 'dir/file', true],
  ['**/', 'dir/file', true],
  ['dir/**', 'dir/dir2/file', true],
  ['**/dir', 'dir/file', true],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/**', 'dir/dir2/dir3/file', true],
  ['**file', 'file', true],
  ['**file', 'dir/dir/file', true],
  ['**/file*txt', 'dir/dir/file.txt', true],
  ['**/file*.txt*', 'dir/dir/file.txt', true],
  ['**/**/*.txt', 'file.txt', true],
  ['**/**/*.txt2', 'dir/dir/file.txt', false],
  ['a**/*.txt', 'a/file.txt', true],
  ['a**/*.txt', 'a/dir/dir/file.txt', true],
  ['a/*.txt', 'a/dir/file.txt', false],
  ['a/*.txt**', 'a/file.txt', true],
  ['a[b-d]e', 'ae', false],
  ['a[b-d]e', 'ace', true],
  ['a[b-d]e', 'aae', false],
  ['a[^b-d]e', 'aze', true],
  ['.*', '.foo', true],
  ['.*', 'foo', false],
  ['abc.def', 'abcZdef', false],
  ['abc?def', 'abcZdef', true],
  ['abc?def', 'abcdef', false],
  ['a\\*b', 'a*b', true],
  ['a\\\\', 'a\\', true],
  ['**/foo/bar', 'dir/dir2/foo/bar', true],
  ['abc/**', 'abc', false],
  ['abc/**', 'abc/def/ghi', true],
  ['**/.foo', 'bar.foo', false],
  ['a(b)c/def', 'a(b)c/xyz', false],
  ['a.|)$(}+{bc', 'a.|)$(}+{bc', true],
];
for (const [pattern, path, fits] of docker)
  test(`${pattern} and ${path}`, () => expect(new Patterns([pattern]).matches(path)).toBe(fits));

test('a character is one, however many units it has', () => expect(dockerPattern('?.[é-🙂]').fits('🙂.🙂')).toBe(true));

test('a name that every object has is a name like others', () =>
  expect(['constructor', 'x'].map((path) => folderPattern('constructor').fits(path))).toEqual([true, false]));

// docs.npmjs.com: a path that is named takes along all below it
test('what a package ships', () => {
  const fits = (glob: string, path: string) => folderPattern(glob).fitsAbove(path);
  expect([fits('lib', 'lib/a/b.js'), fits('lib', 'library/a.js'), fits('src/**/*.js', 'src/a.js')]).toEqual([
    true,
    false,
    true,
  ]);
});

test('a range out of order is named', () => {
  expect(() => dockerPattern('src/[z-a]*')).toThrow(BadPattern);
  expect(() => new Patterns(['!src/[z-a]*'])).toThrow(
    'syntax error in pattern "src/[z-a]*": the range z-a is out of order',
  );
});

// research.swtch.com/glob has the first, minimatch's advisory CVE-2022-3517 and those after it the kind: each would run for years
const slow: [pattern: string, path: string][] = [
  [`${'a*'.repeat(100)}b`, 'a'.repeat(100)],
  [`${'**/'.repeat(100)}x`, 'd/'.repeat(1000)],
  [`${'**a'.repeat(100)}b`, 'a'.repeat(1000)],
  ['*'.repeat(1000).concat('b'), 'a'.repeat(1000)],
];
for (const [pattern, path] of slow)
  test(`${pattern.slice(0, 12)}… ends`, () => {
    expect(dockerPattern(pattern).fits(path)).toBe(false);
    expect(folderPattern(pattern).fitsAbove(path)).toBe(false);
  });

test('one that is longer than any that is meant is refused, or means nothing', () => {
  expect(() => dockerPattern('*a'.repeat(600))).toThrow(/^syntax error in pattern ".{41}": it has more than 1024 char/);
  expect(folderPattern('*a'.repeat(600)).fits('a'.repeat(600))).toBe(false);
});

test('what is forgotten meanwhile is worked out anew', () => {
  const pattern = dockerPattern(`**/${'?'.repeat(60)}*a*/x`);
  const folder = Array.from({ length: 3000 }, (_, index) => (index % 7 < 3 ? 'a' : 'b')).join('');
  expect([`${folder}/x`, `${folder}/y`, `${folder}/x`].map((path) => pattern.fits(path))).toEqual([true, false, true]);
});
