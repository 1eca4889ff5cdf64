// Keys that are pressed while a run winds down, when nobody waits for one.
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Keys } from '../../../cli/watch/keys.ts';

const open = () => {
  const input = Object.assign(new PassThrough(), { setRawMode: () => {} });
  const keys = new Keys(input as never);
  const press = (text: string) => void input.emit('data', text);
  return { keys, press };
};

test('the last one counts', async () => {
  const { keys, press } = open();
  press('r');
  press('f');
  expect(await keys.next()).toBe('failed');
});

test('none that came later takes back that it is to end', async () => {
  const { keys, press } = open();
  press('qr');
  expect(await keys.next()).toBe('quit');
});

test('one counts once', async () => {
  const { keys, press } = open();
  press('r');
  expect(await keys.next()).toBe('again');
  const next = keys.next();
  press('x');
  press('\r');
  expect(await next).toBe('all');
});
