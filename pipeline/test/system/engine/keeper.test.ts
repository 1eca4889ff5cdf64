// The program that steps without namespaces run under, with a runtime that ends before it has said anything: whenever that is, its exit code
// is passed on.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { $ } from 'zx';
import { KEEPER } from '../../../engine/run/keeper.ts';
import { temporaryFolder } from '../support.ts';
import { tool } from '../tools.ts';

const AGAIN = `machine=$1 folder=$2 count=0; shift 2
  while [ $((count += 1)) -le 100 ]; do
    "$@" "$folder/keeper.pl" $$ "$machine" "$folder/$$.$count" "$folder" "$folder/secrets" sh -c 'exit 3'
    echo $?
  done`;

test('a runtime that ends at once, again and again: each time with its exit code', async () => {
  const folder = await temporaryFolder('keeper');
  writeFileSync(join(folder, 'keeper.pl'), KEEPER);
  writeFileSync(join(folder, 'secrets'), '');
  const perl = await tool('perl');
  const runs = [1, 2].map(async () => {
    const { stdout } = await $({ quiet: true, timeout: '100s' })`sh -uc ${AGAIN} sh ${process.arch} ${folder} ${perl}`;
    return stdout;
  });
  expect((await Promise.all(runs)).join('')).toBe('3\n'.repeat(200));
}, 120_000);
