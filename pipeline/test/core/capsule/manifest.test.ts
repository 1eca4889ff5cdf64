// What a manifest must be: anything else is refused, and the sentence says where it is wrong.
import { expect, test } from 'vitest';
import { parseManifest } from '../../../src/core/capsule/manifest.ts';
import { capsule } from './make.ts';

test('a whole one is taken as it is', () =>
  expect(parseManifest(JSON.stringify(capsule()), 'a.tar')).toEqual(capsule()));

const rows: [name: string, text: string, message: RegExp][] = [
  ['no JSON', '{', /^a\.tar is no capsule that can be read here: of its capsule\.json, it is not JSON: /],
  ['another format', '{"format":"other"}', /its version is missing, and this reads 1$/],
  ['null', 'null', /the whole is not an object$/],
  ['a later version', JSON.stringify({ ...capsule(), version: 2 }), /its version is 2, and this reads 1$/],
  ['no files', JSON.stringify({ ...capsule(), files: undefined }), /of its capsule\.json, files is not a list$/],
  [
    'a size that is none',
    JSON.stringify(capsule({ files: [{ path: 'a', bytes: -1, sha256: '', executable: false, link: null }] })),
    /files\[0\]\.bytes is not a count$/,
  ],
  [
    'a stage without a status',
    JSON.stringify({ ...capsule(), stages: [{ name: 'test' }] }),
    /stages\[0\]\.status is not passed, failed/,
  ],
];
for (const [name, text, message] of rows) {
  test(`refused: ${name}`, () => {
    const refusal = expect.objectContaining({
      code: 'BAD_CAPSULE',
      exitCode: 2,
      message: expect.stringMatching(message),
    });
    expect(() => parseManifest(text, 'a.tar')).toThrow(refusal);
  });
}
