// What must be there before any other file of this package can be read: a Node that is new enough, and the packages. Older Nodes read this file, too.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** package.json says the same (`engines`); a test compares. */
const OLDEST_NODE = [20, 19];
/** All stages are written for it. */
const SDK = '@dagger.io/dagger';

/** Says what is missing here, and ends the program as a machine ends it that cannot run it. */
export function refuse(sentence, hint) {
  process.stderr.write(`error: ${sentence}\nhint: ${hint}\n`);
  process.exit(3);
}

/** The packages are not there, or not all of them: npm was not asked, or was told to leave some out. */
export function refusePackages() {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const there = relative(root, process.cwd()) === '' ? '' : `cd '${root.replaceAll("'", "'\\''")}' && `;
  const all = process.env.NODE_ENV === 'production' ? ' --include=dev' : '';
  refuse('the packages of drydock are not installed', `${there}npm ci${all}`);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]))
  refuse(
    `Node ${process.versions.node} is too old, drydock needs ${OLDEST_NODE.join('.')} or newer`,
    'install a newer one: https://nodejs.org/en/download',
  );

const isThere = (path) => existsSync(new URL(path, import.meta.url));

// The package that npm installs brings all along (build.mjs).
if (!isThere('../dist/cli.cjs')) {
  if (!isThere('../cli'))
    refuse(
      'this package of drydock was packed without its programs: npm ran no scripts there',
      'pack it once more: npm pack ./pipeline --ignore-scripts=false',
    );
  try {
    createRequire(import.meta.url).resolve(SDK);
  } catch {
    refusePackages();
  }
}
