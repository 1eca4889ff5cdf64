// What takes a pin's place on a day, what has to wait, and what is only told.
import { expect, test } from 'vitest';
import { type Decision, decide } from '../../../src/core/pins/decide.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const PIN = { version: '1.2.0', identity: 'one' };
const nothing: Decision = { due: null, waiting: null, undated: null, major: null, moved: null };

/** Versions with the day of each, `?` for none; `1.2.0` is there as it is pinned if it isn't told otherwise. */
type Registry = Record<string, [identity: string, day: string]>;

const rows: [name: string, registry: Registry, isRebuilt: boolean, decided: Partial<Decision>][] = [
  ['nothing newer', {}, true, {}],
  ['old enough', { '1.2.1': ['two', '2026-06-01'] }, true, { due: { version: '1.2.1', identity: 'two', ageDays: 14 } }],
  [
    'seven days are enough',
    { '1.2.1': ['two', '2026-06-08'] },
    true,
    { due: { version: '1.2.1', identity: 'two', ageDays: 7 } },
  ],
  ['six are not', { '1.2.1': ['two', '2026-06-09'] }, true, { waiting: { version: '1.2.1', until: '2026-06-16' } }],
  [
    'the newest that is old enough, while a younger one waits',
    { '1.2.1': ['two', '2026-05-01'], '1.2.2': ['three', '2026-06-01'], '1.3.0': ['four', '2026-06-14'] },
    true,
    { due: { version: '1.2.2', identity: 'three', ageDays: 14 }, waiting: { version: '1.3.0', until: '2026-06-21' } },
  ],
  ['nobody says how old it is', { '1.2.1': ['two', '?'] }, true, { undated: '1.2.1' }],
  [
    'an older one with a date rather than a newer without',
    { '1.2.1': ['two', '2026-06-01'], '1.2.2': ['three', '?'] },
    true,
    { due: { version: '1.2.1', identity: 'two', ageDays: 14 }, undated: '1.2.2' },
  ],
  ['another major', { '2.0.0': ['two', '2026-01-01'] }, true, { major: '2.0.0' }],
  ['rebuilt', { '1.2.0': ['new', '2026-06-01'] }, true, { due: { version: '1.2.0', identity: 'new', ageDays: 14 } }],
  [
    'rebuilt just now',
    { '1.2.0': ['new', '2026-06-14'] },
    true,
    { waiting: { version: '1.2.0', until: '2026-06-21' } },
  ],
  ['moved, where nothing is rebuilt', { '1.2.0': ['new', '2026-01-01'] }, false, { moved: 'new' }],
  ['from tomorrow', { '1.2.1': ['two', '2026-06-16'] }, true, { waiting: { version: '1.2.1', until: '2026-06-23' } }],
];
for (const [name, registry, isRebuilt, decided] of rows) {
  test(name, async () => {
    const all: Registry = { '1.2.0': ['one', '2026-01-01'], ...registry };
    const look = async (version: string) => {
      const [identity, day] = all[version] ?? ['none', '?'];
      return { identity, published: day === '?' ? null : new Date(`${day}T00:00:00Z`) };
    };
    expect(await decide({ pin: PIN, versions: Object.keys(all), look, isRebuilt, now: NOW })).toEqual({
      ...nothing,
      ...decided,
    });
  });
}

test('no more is asked than it takes', async () => {
  const asked: string[] = [];
  const look = async (version: string) => {
    asked.push(version);
    return { identity: version, published: new Date('2026-01-01') };
  };
  const versions = ['1.2.0', '1.2.1', '1.2.2', '1.2.3'];
  await decide({ pin: PIN, versions, look, isRebuilt: true, now: NOW });
  expect(asked).toEqual(['1.2.3']);
});
