// The time that a health check has is over although Node collected garbage meanwhile (nodejs/node#57736): else a hanging one is waited for until it ends.
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { inTime } from '../../../engine/run/health.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Ends when its time is over, and never where it is not told. */
const hanging = (signal: AbortSignal) => once(signal, 'abort');

test('what hangs is told so, whatever was collected', async () => {
  const all = Array.from({ length: 20 }, () => inTime(300, new AbortController().signal, hanging));
  for (let times = 0; times < 5; times++) {
    await wait(20);
    collect();
  }
  expect((await Promise.all(all)).every(({ isLate }) => isLate)).toBe(true);
});

test('what ends before that is not late, and neither is what ends because all does', async () => {
  const over = new AbortController();
  expect(await inTime(60_000, over.signal, async () => 3)).toEqual({ result: 3, isLate: false });
  const ended = inTime(60_000, over.signal, hanging);
  over.abort();
  expect((await ended).isLate).toBe(false);
});
