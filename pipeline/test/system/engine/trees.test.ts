// What a step changed in a copy of its layers, found again: whatever a script does, layers and changes together show what it left.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { apply, differencesOf, restore } from '../../../engine/run/tree-changes.ts';
import { momentIn, Trees } from '../../../engine/run/trees.ts';

const sh = (script: string, cwd: string): string => execFileSync('sh', ['-ec', script], { cwd, encoding: 'utf8' });

/** Kinds, permissions, owners, sizes, targets, times to the second, and contents. A folder's time is its own when something in it changed. */
const listOf = (folder: string): string =>
  sh(
    `find . ! -type d -printf '%P %y %m %U %G %s %l %Ts\n' | sort; find . -type d -printf '%P d %m %U %G\n' | sort
     find . -type f -exec sha256sum {} + | sort`,
    folder,
  );

/** The same, with the times of folders, and no two names of one file. */
const allOf = (folder: string): string =>
  sh(
    `find . -printf '%P %y %m %U %G %s %l %Ts %n\n' | grep -v ' d .* [0-9]*$' | sort; find . -type d -printf '%P %m %U %G %Ts\n' | sort`,
    folder,
  ) + listOf(folder);

const LOWER = `mkdir -p app/node_modules/a app/node_modules/b gone; echo 1 >app/node_modules/a/index.js; echo 2 >app/node_modules/b/index.js
  echo old >app/file; echo kept >app/kept; echo x >gone/x; ln -s app link; mkdir -p kind; echo f >kind/inner; echo f >plain
  echo same >one; ln one two; touch -d @500000000 app/node_modules/*/index.js`;
const UPPER = 'mkdir -p app; echo new >app/added; echo top >app/file; chmod 750 app';

const scripts: [what: string, script: string][] = [
  ['nothing', ':'],
  ['a new file in a new folder', 'mkdir -p a/b; echo 1 >a/b/c'],
  [
    'a file changed in place, its size and time as before',
    'echo top >t; touch -r app/file t2; printf TOP >app/file; echo >>app/file; touch -r t2 app/file',
  ],
  ['a file of a layer below, appended to', 'echo more >>app/kept'],
  ['permissions alone', 'chmod 600 app/kept; chmod 700 gone'],
  ['a file removed', 'rm app/kept app/file'],
  ['a folder removed', 'rm -r app'],
  ['a folder removed and made again, empty', 'rm -r gone; mkdir gone'],
  ['a folder removed and made again, with another file', 'rm -r app; mkdir app; echo 9 >app/nine'],
  ['a file in the place of a folder', 'rm -r kind; echo k >kind'],
  ['a folder in the place of a file', 'rm plain; mkdir plain; echo p >plain/p'],
  ['a folder moved over another of the same names, sizes and times', 'cd app/node_modules; rm -r a; mv b a'],
  ['a file moved over another', 'mv app/node_modules/b/index.js app/node_modules/a/index.js'],
  ['a link turned', 'rm link; ln -s gone link'],
  ['one of two names of a file, written to', 'echo other >>one'],
  ['a pipe', 'mkfifo pipe'],
  ['names with blanks and line ends', `mkdir 'a b'; touch 'a b/c\nd'`],
];

test.each(scripts)('%s', async (_, script) => {
  const root = mkdtempSync(join(tmpdir(), 'trees-'));
  onTestFinished(() => void execFileSync('rm', ['-rf', root]));
  const [lower = '', upper = ''] = ['lower', 'upper'].map((name) => join(root, name));
  for (const [folder, make] of [
    [lower, LOWER],
    [upper, UPPER],
  ] as const) {
    mkdirSync(folder);
    sh(make, folder);
  }
  mkdirSync(join(root, 'views'));
  const trees = new Trees(join(root, 'views'));
  const before = [lower, upper].map(listOf);
  const copy = await trees.copy([lower, upper], join(root, 'tree'));
  expect(sh('cat app/file app/added app/kept', copy.tree)).toBe('top\nnew\nkept\n');
  const since = await momentIn(root);
  sh(script, copy.tree);
  const left = listOf(copy.tree);
  await copy.takeChanges(join(root, 'layer'), { since, except: new Set() });
  expect(listOf(await trees.readOnly([lower, upper, join(root, 'layer')]))).toBe(left);
  expect([lower, upper].map(listOf)).toEqual(before);
  const layer = join(root, 'layer');
  const [fresh = '', more = ''] = await Promise.all(
    [[], [layer]].map(async (over, index) => {
      const tree = join(root, `fresh-${index}`);
      await trees.copy([lower, upper, ...over], tree);
      return allOf(tree);
    }),
  );
  await restore(copy.tree, [lower, upper], copy.changed);
  expect(allOf(copy.tree)).toBe(fresh);
  await apply(layer, copy.tree);
  expect(allOf(copy.tree)).toBe(more);
  await restore(copy.tree, [lower, upper], differencesOf(layer));
  expect(allOf(copy.tree)).toBe(fresh);
});

test('the tree of a step serves those after it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'trees-'));
  onTestFinished(() => void execFileSync('rm', ['-rf', root]));
  sh(`mkdir views lower upper other; cd lower; ${LOWER}; cd ../upper; ${UPPER}; echo 1 >../other/o`, root);
  const [lower = '', upper = '', other = ''] = ['lower', 'upper', 'other'].map((name) => join(root, name));
  const trees = new Trees(join(root, 'views'));
  const first = await trees.take([lower, upper]);
  const since = await momentIn(root);
  sh('rm -r gone; echo 1 >>app/kept; echo excepted >plain', first.tree);
  await first.takeChanges(join(root, 'layer'), { since, except: new Set(['plain']) });
  trees.keep(first, [lower, upper], ['plain']);
  for (const layers of [[lower, upper], [lower, upper, join(root, 'layer')], [lower, other], [lower]]) {
    const next = await trees.take(layers);
    expect(next.tree).toBe(first.tree);
    expect(listOf(next.tree)).toBe(listOf(await trees.readOnly(layers)));
    trees.keep(next, layers, []);
  }
  expect((await trees.take([other])).tree).not.toBe(first.tree);
});

test('a file that has another name outside of the tree is not shared with its layer', async () => {
  const root = mkdtempSync(join(tmpdir(), 'trees-'));
  onTestFinished(() => void execFileSync('rm', ['-rf', root]));
  sh(`mkdir views lower volume; cd lower; ${LOWER}; echo 1 >../volume/file`, root);
  const copy = await new Trees(join(root, 'views')).copy([join(root, 'lower')], join(root, 'tree'));
  const since = await momentIn(root);
  sh(
    'mkdir new; ln ../volume/file new/one; ln new/one new/two; ln app/kept ../volume/kept; touch -d @1000000000 new',
    copy.tree,
  );
  const layer = join(root, 'layer');
  await copy.takeChanges(layer, { since, except: new Set() });
  sh('echo 2 >>volume/file; echo 2 >>volume/kept', root);
  expect(sh('cat new/one new/two app/kept; stat -c "%h %Y" new/one new', layer)).toMatch(
    /^1\n1\nkept\n2 .*\n2 1000000000\n$/,
  );
  expect(sh('cat app/kept', join(root, 'lower'))).toBe('kept\n');
});

test('what did not change is not taken, nor what is excepted', async () => {
  const root = mkdtempSync(join(tmpdir(), 'trees-'));
  onTestFinished(() => void execFileSync('rm', ['-rf', root]));
  sh(`mkdir views lower; cd lower; ${LOWER}`, root);
  const copy = await new Trees(join(root, 'views')).copy([join(root, 'lower')], join(root, 'tree'));
  const since = await momentIn(root);
  sh('cat app/file; rm -r gone; echo 1 >app/new; echo secret >plain', copy.tree);
  await copy.takeChanges(join(root, 'layer'), { since, except: new Set(['gone', 'plain']) });
  expect(sh('find . | sort', join(root, 'layer'))).toBe('.\n./app\n./app/new\n');
});
