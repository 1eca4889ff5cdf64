// The account of a run, read back: whole ones are taken as they are, and whatever is altered or missing anywhere in them is named.
import { describe, expect, test } from 'vitest';
import { parseRun } from '../../src/core/run-record.ts';
import { refusalOf } from '../cli/make.ts';
import { REPORTS } from '../reports.ts';

type Json = { [key: string]: unknown };
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** Every place in a document, as the keys that lead there. */
function placesIn(value: unknown, path: string[] = []): string[][] {
  if (!isObject(value)) return [path];
  return [
    ...(path.length > 0 ? [path] : []),
    ...Object.keys(value).flatMap((key) => placesIn(value[key], [...path, key])),
  ];
}

function changed(document: unknown, path: string[], change: (parent: Json, key: string) => void): string {
  const copy = structuredClone(document);
  const key = path.at(-1) ?? '';
  change(
    path.slice(0, -1).reduce((at, name) => at[name] as Json, copy as Json),
    key,
  );
  return JSON.stringify(copy);
}

const refusal = (json: string) => refusalOf(() => parseRun(json, 'a/result.json'));

describe.for(Object.entries(REPORTS))('%s', ([, { run }]) => {
  const places = placesIn(run);

  test('is taken as it is', () => expect(parseRun(JSON.stringify(run), 'a')).toEqual(run));

  test('a value of another kind is refused, wherever it is', () => {
    for (const path of places) {
      const json = changed(run, path, (parent, key) => (parent[key] = isObject(parent[key]) ? 7 : { not: 'this' }));
      expect(refusal(json), path.join('.')).toMatchObject({ code: 'BAD_RELEASE', exitCode: 2 });
    }
  });

  test('so is one that is missing, but for what need not be there', () => {
    for (const path of places) {
      const key = path.at(-1) ?? '';
      // Of a list or a record, one less is still one.
      if (/^\d+$|^always$|^confinement$/.test(key) || /outcomes|advisories|licences/.test(path.at(-2) ?? '')) continue;
      const json = changed(run, path, (parent, name) => delete parent[name]);
      expect(refusal(json).message, path.join('.')).toContain('a/result.json cannot be read as the account of a run: ');
    }
  });
});

const { run } = REPORTS.passed;
const wrong: [what: string, json: string, why: string][] = [
  ['half of one', '{', 'it is not JSON: '],
  ['null', 'null', 'the whole is not an object'],
  ['a later version', JSON.stringify({ ...run, schemaVersion: 99 }), 'its schemaVersion is 99, and this reads 1'],
  ['a version in words', JSON.stringify({ ...run, schemaVersion: '1' }), 'its schemaVersion is "1", and this reads 1'],
  ['two faults', JSON.stringify({ ...run, exitCode: -1, stages: {} }), 'exitCode is not a count (and 1 more)'],
];
test.for(wrong)('%s', ([, json, why]) => expect(refusal(json).message).toContain(why));
