// Long chains of calls, as programs with loops make them: a real Dagger Engine v0.21.8 answers 1,000 calls, and no more than 520 layers.
import { expect, test } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';
import { errorOf, refusal } from './rows.ts';

const t = sdkSession();

const times = (count: number) => [...Array(count).keys()];

test('a thousand calls in one query', async () => {
  const container = times(1000).reduce((made, n) => made.withEnvVariable(`A${n}`, `${n}`), t.dag.container());
  expect(await container.envVariable('A999')).toBe('999');
  const directory = times(1000).reduce((made, n) => made.withNewFile(`${n}`, ''), t.dag.directory());
  expect((await directory.entries()).length).toBe(1000);
});

test('more than the stack holds is refused in one sentence', async () => {
  const chain = times(20_000).reduce((made, n) => made.withEnvVariable('A', `${n}`), t.dag.container());
  expect(await errorOf(chain.envVariable('A'))).toEqual(refusal('longer than the engine can follow; ask for `sync'));
});

test('more layers than a mount takes, with what those in between hide', async () => {
  const first = t
    .base()
    .withNewFile('/d/gone', '')
    .withNewFile('/d/f0', '0')
    .withExec(sh('mkdir /e; ln /d/f0 /e/same; chmod 600 /d/f0'));
  const many = times(500).reduce(
    (made, n) => made.withNewFile(`/d/f${n + 1}`, `${n + 1}`),
    first.withoutFile('/d/gone'),
  );
  const last = many.withoutDirectory('/e').withNewFile('/e/new', 'e');
  expect(await last.withExec(sh('ls /d | wc -l; cat /d/f0 /d/f500 /e/new; ls /e; stat -c %a /d/f0')).stdout()).toBe(
    '501\n0500enew\n600\n',
  );
  expect((await last.directory('/d').entries()).length).toBe(501);
});
