// Which stages a function runs, with an image that is there already, and with a verdict to decide again.
import { expect, test } from 'vitest';
import { type Given, type StageFunction, stagesOf } from '../../src/core/functions.ts';

const rows: [name: StageFunction, given: Partial<Given>, stages: string][] = [
  ['ci', {}, 'lint test build sbom scan gate'],
  ['gate', {}, 'build sbom scan gate'],
  ['scan', {}, 'build sbom scan'],
  ['sbom', {}, 'build sbom'],
  ['build', {}, 'build'],
  ['gate', { image: true }, 'sbom scan gate'],
  ['sbom', { image: true }, 'sbom'],
  ['capsule', { stage: 'ci' }, 'lint test build sbom scan gate'],
  ['capsule', { stage: 'test' }, 'test'],
  ['capsule', { stage: 'scan', image: true }, 'sbom scan'],
  ['gate', { replay: true }, 'gate'],
  ['gate', { replay: true, image: true }, 'gate'],
];
for (const [name, given, stages] of rows) {
  test(`${name} ${JSON.stringify(given)}`, () =>
    expect(stagesOf(name, { image: false, replay: false, ...given }).join(' ')).toBe(stages));
}
test('nothing is given by itself', () =>
  expect(stagesOf('gate')).toEqual(stagesOf('gate', { image: false, replay: false })));
