// Health checks: durations as Go writes them, what a service is asked, and when it is well.
import { expect, test } from 'vitest';
import { formatDuration, healthTest, nanoseconds, toHealthcheck } from '../../../engine/api/healthcheck.ts';
import { testPasses } from '../../../engine/run/health.ts';

const cases: [text: string, nanoseconds: number, printed: string][] = [
  ['0', 0, '0s'],
  ['5s', 5e9, '5s'],
  ['1.5s', 1.5e9, '1.5s'],
  ['90s', 90e9, '1m30s'],
  ['1h0m1s', 3601e9, '1h0m1s'],
  ['250ms', 250e6, '250ms'],
];
for (const [text, ns, printed] of cases) {
  test(`duration: ${text}`, () => {
    expect(nanoseconds(text)).toBe(ns);
    expect(formatDuration(ns)).toBe(printed);
  });
}

for (const text of ['', '5', 's', '5 s', '1x'])
  test(`no duration: ${JSON.stringify(text)}`, () => expect(() => nanoseconds(text)).toThrow('not a duration'));

test('a healthcheck for the shell is one argument', () => {
  expect(toHealthcheck({ args: ['curl -f localhost'], shell: true, retries: 3 })).toEqual({
    Test: ['CMD-SHELL', 'curl -f localhost'],
    Retries: 3,
  });
  expect(() => toHealthcheck({ args: ['curl', '-f'], shell: true })).toThrow('one argument');
  expect(() => toHealthcheck({ args: [] })).toThrow('is missing');
});

const DEFAULTS = { intervalMs: 5000, timeoutMs: 30_000, startPeriodMs: 0, retries: 3 };
const tests: [what: string, config: Record<string, unknown>, asked: object | undefined][] = [
  ['no check', {}, undefined],
  ['a check that is switched off', { Healthcheck: { Test: ['NONE'] } }, undefined],
  ['a command', { Healthcheck: { Test: ['CMD', 'true'] } }, { args: ['true'], ...DEFAULTS }],
  [
    'words for a shell',
    { Healthcheck: { Test: ['CMD-SHELL', 'a b'] } },
    { args: ['/bin/sh', '-c', 'a b'], ...DEFAULTS },
  ],
  [
    'the image’s own shell, and all settings',
    {
      Shell: ['/bin/ash', '-ec'],
      Healthcheck: {
        Test: ['CMD-SHELL', 'a'],
        Interval: 2e9,
        StartInterval: 1e9,
        Timeout: 3e9,
        StartPeriod: 4e9,
        Retries: 5,
      },
    },
    { args: ['/bin/ash', '-ec', 'a'], intervalMs: 1000, timeoutMs: 3000, startPeriodMs: 4000, retries: 5 },
  ],
];
for (const [what, config, asked] of tests)
  test(`asked of a service: ${what}`, () => expect(healthTest(config)).toEqual(asked));

for (const Test of [['CMD'], ['CMD-SHELL'], ['EXEC', 'a']])
  test(`no check: ${JSON.stringify(Test)}`, () =>
    expect(() => healthTest({ Healthcheck: { Test } })).toThrow('malformed healthcheck command'));

/** A check that fails so often, and counts how often it was asked. */
function failing(times: number): { check: () => Promise<Error | undefined>; asked: () => number } {
  let asked = 0;
  return { check: async () => (++asked > times ? undefined : new Error(`failure ${asked}`)), asked: () => asked };
}
const ASKED = { args: [], timeoutMs: 1000, intervalMs: 20, startPeriodMs: 0, retries: 2 };
const { signal } = new AbortController();

test('failures count once an interval, and the last one is told', async () => {
  const { check, asked } = failing(Number.POSITIVE_INFINITY);
  await expect(testPasses(ASKED, check, signal)).rejects.toThrow(/^failure \d+$/);
  expect(asked()).toBeGreaterThan(1);
});

test('failures do not count while it starts, and one success is enough', async () => {
  const { check, asked } = failing(5);
  await testPasses({ ...ASKED, retries: 1, startPeriodMs: 60_000 }, check, signal);
  expect(asked()).toBe(6);
});

test('whoever waits may give up', async () => {
  const over = new AbortController();
  const { check } = failing(Number.POSITIVE_INFINITY);
  const waiting = testPasses({ ...ASKED, startPeriodMs: 60_000 }, check, over.signal);
  over.abort(new Error('given up'));
  await expect(waiting).rejects.toThrow();
});
