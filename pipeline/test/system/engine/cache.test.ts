// What is known already is not done again, and what differs is.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from '@dagger.io/dagger';
import { expect } from 'vitest';
import { sdkSession, web } from '../sdk-session.ts';
import { type Row, testRows, UUID } from './rows.ts';

const t = sdkSession();
const { dag, base, host } = t;
/** Whether the same command in both is one step. */
const isOne = async (a: Container, b: Container) =>
  (await a.withExec(UUID).stdout()) === (await b.withExec(UUID).stdout());

const rows: Row[] = [
  [
    'equal steps that are asked for at once run once',
    async () => {
      const answers = await Promise.all(['1', '2', '3', '4'].map(() => base().withExec(UUID).stdout()));
      return new Set(answers).size;
    },
    1,
  ],
  [
    'the same text in files of two names',
    () => isOne(base().withFile('/f', dag.file('a', 'x')), base().withFile('/f', dag.file('b', 'x'))),
    true,
  ],
  [
    'the mode of a file',
    () =>
      isOne(
        base().withNewFile('/f', 'x', { permissions: 0o600 }),
        base().withNewFile('/f', 'x', { permissions: 0o644 }),
      ),
    false,
  ],
  ['a label is not for the command', () => isOne(base().withLabel('l', '1'), base().withLabel('l', '2')), true],
  [
    'a service of the same recipe, and of another',
    async () => {
      const bound = (body: string) => base().withServiceBinding('w', web(t, body).asService());
      return [await isOne(bound('1'), bound('1')), await isOne(bound('1'), bound('2'))];
    },
    [true, false],
  ],
  [
    'the digest of a folder says whether its content changed',
    async () => {
      const digest = (text: string) => dag.directory().withNewFile('a', text).digest();
      const [one, same, other] = [await digest('1'), await digest('1'), await digest('2')];
      return [one === same, one === other];
    },
    [true, false],
  ],
  ['the digest of a file', () => dag.file('a', '1').digest(), expect.stringMatching(/^sha256:[0-9a-f]{64}$/)],
  [
    'a folder of the host is read again where that is asked for',
    async () => {
      const folder = await host({ x: '1' });
      const read = () => dag.host().directory(folder, { noCache: true }).file('x').contents();
      const first = await read();
      await writeFile(join(folder, 'x'), '2');
      return [first, await read()];
    },
    ['1', '2'],
  ],
];
testRows(rows);
