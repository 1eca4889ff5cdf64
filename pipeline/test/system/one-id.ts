// A user without subordinate ids, or without newuidmap, has one id in a step: tests of what there can only be with several are skipped, by name.
import { spawnSync } from 'node:child_process';
import { beforeEach } from 'vitest';

// As the engine asks (pipeline/engine/bin/embedded-engine).
const SEVERAL = ['--user', '--map-root-user', '--map-auto', 'true'];
export const hasOneId = process.getuid?.() !== 0 && spawnSync('unshare', SEVERAL).status !== 0;

/** Below the cache folder's `drydock/`. */
export const STORE = hasOneId ? 'store-v2-one-id' : 'store-v2';

const OF_SEVERAL: ReadonlySet<string> = new Set([
  'a folder that is there keeps its owner and permissions',
  'a file with the owner and the mode that were asked for',
  'a volume of another owner, or shared in another way, is another',
  'a working directory that was not there is its user’s',
  'an owner by one number is the group too',
  'docker/copy-owner-and-mode',
  'folders on the way are the owner’s, too',
  'fs/new-file-mode',
  'fs/owner',
  'fs/owner-kept',
  'of another stage, with owner and permissions',
  'outputs in files are for the user of the command alone',
  'owners by the names of the accounts that the folder holds',
  'several files put into a container, with owner and mode',
  'the groups that list the user, unless one is named',
  'the owner of a folder and of what is in it',
  'the owner of a folder’s content, by number',
  'the owner of a volume',
  'the owner of a volume and of what it begins with',
  'what an ordinary step does',
]);

beforeEach(({ task, skip }) => skip(hasOneId && OF_SEVERAL.has(task.name), 'a step has one user id here'));
