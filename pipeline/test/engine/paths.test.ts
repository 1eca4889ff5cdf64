// Who opens what by a path that is put together: below a folder that strangers filled, only code that walks name by name may (store/inside.ts).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ENGINE = fileURLToPath(new URL('../../engine', import.meta.url));

/** A call that touches a file, whose path is joined of a folder and something that is no literal. */
const TOUCHES =
  /\b(?:\w+Sync|rm|open|opendir|readFile|writeFile|mkdir|rename|symlink|cp|readdir|lstat|stat|link|chmod|chown|lchown|utimes|lutimes|readlink|unlink|access|copyFile|createReadStream|createWriteStream)\((?:\w+\()?join\(([^()]|\([^()]*\))*?[^'`)]\)/g;

/** Names that the engine itself gave: ids, hashes, files of its own folders. */
const OWN = 'names of our own';
/** Names that a listing of the same folder gave, of what is then looked at without following it. */
const LISTED = 'names from a listing, never followed';
/** Only where each name above was a folder, and no link to one. */
const WALKED = 'walked name by name';

const ALLOWED: Readonly<Record<string, string>> = {
  'store/inside.ts': WALKED,
  'store/host.ts': LISTED,
  'run/tree-changes.ts': LISTED,
  'run/trees.ts': LISTED,
  'images/unpack.ts': WALKED,
  'api/query.ts': 'a folder of the host, looked at upwards',
  'api/step.ts': 'whether a layer has a bundle of certificates: nothing is read',
  'run/runner.ts': `${OWN}; what is in a layer is ${WALKED}`,
  ...Object.fromEntries(
    [
      ...['store/store.ts', 'store/inventory.ts', 'store/sweep.ts', 'store/collect.ts', 'store/sealed.ts'],
      ...['store/format.ts', 'commands/tools.ts', 'commands/gc.ts', 'images/assembled/cache.ts'],
      ...['tools/install.ts', 'run/chroot-runner.ts', 'run/outputs.ts', 'run/mounts.ts', 'run/cgroups.ts'],
    ].map((file) => [file, OWN]),
  ),
};

const found = readdirSync(ENGINE, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && readFileSync(join(ENGINE, file), 'utf8').search(TOUCHES) >= 0)
  .sort();

test('no file opens what it joined, but those that are known to be right to', () => {
  expect(found.filter((file) => !(file in ALLOWED))).toEqual([]);
  expect(found).toContain('store/inside.ts');
});

test('none is allowed that does not', () => {
  expect(Object.keys(ALLOWED).filter((file) => !found.includes(file))).toEqual([]);
});
