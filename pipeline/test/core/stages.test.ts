// The table of stages: what needs what has no circle, and a selection leaves what can be run.
import { describe, expect, test } from 'vitest';
import { STAGE_FUNCTIONS, stagesOf } from '../../src/core/functions.ts';
import type { AskedStage } from '../../src/core/model.ts';
import { NEEDS, type Selection, select, waitsFor, withNeeds } from '../../src/core/stages.ts';

const WHOLE: Selection = { only: [], skip: [], from: [] };

test('no stage needs itself, by whatever way', () => {
  const below = (stage: AskedStage, seen: readonly AskedStage[]): readonly AskedStage[][] =>
    seen.includes(stage) ? [[...seen, stage]] : NEEDS[stage].flatMap((need) => [...below(need, [...seen, stage])]);
  expect((Object.keys(NEEDS) as AskedStage[]).flatMap((stage) => below(stage, []))).toEqual([]);
});

test('every function runs all that its stages need, but one that begins with an image that is there', () => {
  for (const [name, stages] of Object.entries(STAGE_FUNCTIONS))
    if (name !== 'rollback') expect(withNeeds(stages), name).toEqual(stages);
});

describe('a selection', () => {
  const rows: [selection: Partial<Selection>, stages: string][] = [
    [{}, 'lint test build sbom scan gate'],
    [{ only: ['lint'] }, 'lint'],
    [{ only: ['lint', 'test'] }, 'lint test'],
    [{ only: ['scan'] }, 'build sbom scan'],
    [{ skip: ['test'] }, 'lint build sbom scan gate'],
    [{ skip: ['build'] }, 'lint test'],
    [{ skip: ['scan', 'lint'] }, 'test build sbom'],
    [{ from: ['scan'] }, 'build sbom scan gate'],
    [{ from: ['build'] }, 'build sbom scan gate'],
    [{ from: ['gate', 'lint'] }, 'lint build sbom scan gate'],
    [{ from: ['build'], skip: ['gate'] }, 'build sbom scan'],
  ];
  for (const [selection, stages] of rows)
    test(`${JSON.stringify(selection)} of ci`, () =>
      expect(stagesOf('ci', { selection: { ...WHOLE, ...selection } }).join(' ')).toBe(stages));

  for (const [selection, message, hint] of [
    [{ only: ['biuld'] }, '--only biuld is no stage of this function', 'did you mean build?'],
    [{ skip: ['promote'] }, '--skip promote is no stage of this function', 'its stages are lint, test,'],
    [{ skip: ['lint', 'test', 'build'] }, 'no stage is left to run', 'skip fewer of lint, test,'],
    [{ from: ['__proto__'] }, '--from __proto__ is no stage', 'its stages are'],
  ] as const)
    test(`${JSON.stringify(selection)} is refused`, () => {
      const refused = () => select(STAGE_FUNCTIONS.ci, { ...WHOLE, ...selection });
      expect(refused).toThrow(
        expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(message) }),
      );
      expect(refused).toThrow(expect.objectContaining({ hint: expect.stringContaining(hint) }));
    });
});

test.each([
  [{ only: ['gate'], skip: ['scan'] }, 'gate is asked for, and --skip scan leaves it out'],
  [{ only: ['gate'], skip: ['gate'] }, 'gate is asked for, and --skip gate leaves it out'],
  [{ from: ['sbom'], skip: ['build'] }, 'sbom is asked for, and --skip build leaves it out'],
])('%j is refused: what is asked for by name is never left out in silence', (selection, message) =>
  expect(() => select(STAGE_FUNCTIONS.ci, { ...WHOLE, ...selection })).toThrow(message),
);

test.each([
  ['gate', 'build', true],
  ['publish', 'test', true],
  ['smoke', 'build', true],
  ['smoke', 'sign', true],
  ['smoke', 'publish', true],
  ['sign', 'smoke', false],
  ['lint', 'test', false],
  ['smoke', 'promote', false],
] as const)('%s waits for %s: %s', (stage, other, expected) => expect(waitsFor(stage, other)).toBe(expected));
