// Large answers: what a command says does not fill the engine's memory, and an answer may be longer than a text in JavaScript (536,870,888 characters).
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';

const t = sdkSession();

const SIZE = 100_000_000;

test('100 MB of output, six times in one answer, with less than 250 MB of memory', async () => {
  const id = await t
    .base()
    .withExec(sh(`yes 0123456789abcdef | head -c ${SIZE}`))
    .id();
  const fields = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}: stdout`).join(' ');
  const { DAGGER_SESSION_PORT: port, DAGGER_SESSION_TOKEN: token } = process.env;
  const answer = await fetch(`http://127.0.0.1:${port}/query`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${token}:`).toString('base64')}` },
    body: JSON.stringify({ query: `{ loadContainerFromID(id: ${JSON.stringify(id)}) { ${fields} } }` }),
  });
  let length = 0;
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) length += chunk.length;
  // A line end takes two bytes in JSON.
  expect(length).toBeGreaterThan(6 * SIZE * (18 / 17) - 100);
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${t.pid}/status`, 'utf8')) ?? [];
  expect(Number(peak)).toBeLessThan(250_000);
});
