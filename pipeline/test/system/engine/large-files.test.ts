// A large file of the host is on the disk once more, however it is used: in the store's tree of a session it is the very file that its layer has.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sdkSession } from '../sdk-session.ts';

const t = sdkSession();

const SIZE = 200_000_000;
/** Blocks of a file that has several names count once. */
const sizeOf = (folder: string) =>
  Number(execFileSync('du', ['--summarize', '--block-size=1', folder]).toString().split('\t')[0]);

test('200 MB of the host in a step take as much of the store, once', async () => {
  const file = join(await t.host({}), 'large');
  execFileSync('sh', ['-c', `head -c ${SIZE} /dev/urandom > ${file}; chmod 640 ${file}`]);
  const store = join(t.tmp, 'cache/drydock');
  const before = sizeOf(store);
  const used = t.base().withFile('/large', t.dag.host().file(file)).withExec(['stat', '-c', '%s %u %g %a', '/large']);
  expect(await used.stdout()).toBe(`${SIZE} 0 0 640\n`);
  expect(sizeOf(store) - before).toBeLessThan(1.5 * SIZE);
});
