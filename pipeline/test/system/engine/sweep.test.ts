// What dead sessions left is removed, also while a process that they left there swaps folders for links.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sweepDead } from '../../../engine/store/sweep.ts';
import { temporaryFolder } from '../../cli/make.ts';

/**
 * Makes a folder, and exchanges it with a link many times: the race of CVE-2021-20316 and of many an `rm` before (CWE-363).
 * It is a link for about as long as it is a folder: Node's own `rm` then falls for it within half a second.
 */
const RACE = `
const { existsSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeSync } = require('node:fs');
const [, folder, outside] = process.argv;
const attempt = (work) => { try { work(); } catch {} };
writeSync(1, 'begun');
const place = folder + '/place';
for (let round = 0; round < 5_000; round++) {
  attempt(() => mkdirSync(place));
  attempt(() => mkdirSync(place + '/below'));
  attempt(() => renameSync(place, place + '.aside'));
  attempt(() => symlinkSync(outside, place));
  for (let moment = 0; moment < 30; moment++) existsSync(place);
  attempt(() => unlinkSync(place));
  attempt(() => renameSync(place + '.aside', place));
}`;

test('nothing behind a link is removed', async () => {
  const [store, outside] = [temporaryFolder(), temporaryFolder()];
  const left = join(store, 'tmp', 'of-a-dead-session');
  const files = Array.from({ length: 200 }, (_, index) => join(outside, `file-${index}`));
  for (const file of files) writeFileSync(file, 'kept');
  mkdirSync(left, { recursive: true });
  const racer = spawn(process.execPath, ['-e', RACE, left, outside]);
  onTestFinished(() => void racer.kill('SIGKILL'));
  await once(racer.stdout, 'data');
  while (racer.exitCode === null) {
    mkdirSync(left, { recursive: true });
    await sweepDead(store).done.catch(() => {}); // it may not come to an end of it, which is the next one's
  }
  await sweepDead(store).done;
  expect(existsSync(left)).toBe(false);
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
});
