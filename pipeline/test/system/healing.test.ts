// A cache that was altered between two runs: the second says so in a line, makes again what was altered, and ships the right bytes.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { STORE } from './one-id.ts';
import { ci, coldCache, copyOfRepository, edit, resultOf } from './support.ts';

test('a line changed in an installed dependency goes into no image', async () => {
  const repository = await copyOfRepository('healed');
  const env = await coldCache();
  const first = await ci(repository, ['build'], env);
  expect(first.exitCode, first.stdout).toBe(0);

  const layers = join(env.XDG_CACHE_HOME as string, 'drydock', STORE, 'layers');
  const found = execFileSync('find', [layers, '-path', '*/node_modules/express/lib/express.js'], { encoding: 'utf8' });
  const files = found.trim().split('\n');
  for (const file of files) writeFileSync(file, readFileSync(file, 'utf8').replace('use strict', 'used evil '));
  expect(files.length).toBeGreaterThan(0);

  // What is made of it is asked for anew.
  await edit(repository, 'service/src/app.ts', (text) => `${text}\nexport const other = true;\n`);
  const second = await ci(repository, ['build'], env);
  expect(second.exitCode, second.stdout).toBe(0);
  expect(second.stdout).toMatch(
    /layer \w{40} of the cache is not what was made, and is thrown away: all is looked at again$/m,
  );
  const elsewhere = await ci(repository, ['build'], await coldCache());
  expect(resultOf(second).image?.digest).toBe(resultOf(elsewhere).image?.digest);
});
