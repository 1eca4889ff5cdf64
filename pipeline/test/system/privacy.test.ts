// What must not get anywhere: secrets of the working copy that git does not track, and whatever an install script would do.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { $ } from 'zx';
import { placesThatHold } from './search.ts';
import { add, ci, coldCache, copyOfRepository, edit, filesIn } from './support.ts';

// Put together here, so that this file itself does not hold it.
const CANARY = ['canary', 'c0ffee', '7f3a'].join('-');

test('a canary in .env and in ignored files is in nothing that a run produces, and no install script runs', {
  timeout: 600_000,
}, async () => {
  // A cold run, and then all of its store is read in every form that the canary could have.
  const repository = await copyOfRepository('canary');
  await add(repository, {
    '.env': `TOKEN=${CANARY}\n`,
    'service/.env.local': `TOKEN=${CANARY}\n`,
    'private.log': CANARY,
    'service/dist/stale.js': `// ${CANARY}`,
  });
  await edit(repository, 'service/package.json', (text) =>
    // Written so that the name stands nowhere but where the script would have made the file: package.json ships too.
    text.replace('"scripts": {', `"scripts": {\n    "postinstall": "echo ran > node_modules/plan''ted.txt",`),
  );
  const env = await coldCache();
  const run = await ci(repository, [], { ...env, CANARY });
  expect(run.exitCode, run.stdout).toBe(0);

  const produced = [run.output, env.XDG_CACHE_HOME];
  expect(await placesThatHold(CANARY, produced)).toEqual([]);
  expect(run.stdout + run.stderr).not.toContain(CANARY);
  const planted = produced.flatMap(filesIn).filter((path) => path.endsWith('planted.txt'));
  expect(planted).toEqual([]);
  expect(await filesThatHold('node_modules/planted.txt', [join(run.output, 'image.tar')])).toEqual([]);
});

/** Files below these folders with the text in them. */
async function filesThatHold(text: string, places: string[]): Promise<string[]> {
  const found = await $({
    nothrow: true,
    quiet: true,
  })`grep --recursive --files-with-matches --fixed-strings ${text} ${places}`;
  expect(found.exitCode).toBeLessThan(2);
  return found.stdout.split('\n').filter((line) => line !== '');
}
