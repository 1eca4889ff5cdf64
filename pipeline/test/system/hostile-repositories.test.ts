// Repositories that a person cloned, or that belong to somebody else, made to run programs on the host, to write into its folders, or to show its files.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { greeterIn } from './greeter.ts';
import { add, ci, commitAll, environment, foreignIn } from './repository.ts';
import { temporaryFolder } from './support.ts';

let folder: string;
let canary: string;
beforeAll(async () => {
  folder = await temporaryFolder('hostile-repositories');
  chmodSync(folder, 0o777);
  canary = join(folder, 'canary');
});

const git = (at: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: at, stdio: 'pipe' });
const ALONE = 'services: [{ path: ., name: greeter, port: 3000, types: false, test: false, lint: "true" }]\n';

/** What needs no engine takes no option of one. */
function drydock(at: string, ...words: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['pipeline/bin/drydock.mjs', ...words], {
    cwd: at,
    encoding: 'utf8',
    env: environment(),
  });
  return { said: `${stdout}${stderr}`, status };
}

/** As safe.bareRepository of git-config describes it (2022): the inside of a repository among what a clone brings, with a filter. */
async function bareInside(): Promise<string> {
  const made = join(folder, 'made');
  const inner = join(made, 'sub');
  await foreignIn(inner, { ...greeterIn('.'), 'drydock.yaml': ALONE, '.gitattributes': '* filter=x\n' });
  for (const name of readdirSync(join(inner, '.git')))
    cpSync(join(inner, '.git', name), join(inner, name), { recursive: true });
  rmSync(join(inner, '.git'), { recursive: true });
  writeFileSync(
    join(inner, 'config'),
    `[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n[filter "x"]\n\tclean = "touch ${canary}; cat"\n`,
  );
  mkdirSync(join(inner, 'refs/heads'), { recursive: true });
  appendFileSync(join(inner, 'refs/heads/.keep'), '');
  git(made, 'init', '--quiet');
  git(made, 'add', '--force', '.');
  git(made, 'commit', '--quiet', '--message', 'one');
  git(folder, 'clone', '--quiet', made, 'cloned');
  const clone = join(folder, 'cloned/sub');
  // Its times are others than the index has: git reads each file to tell that it is the same.
  return clone;
}

test('what looks like the inside of a repository is none: no filter of it runs', async () => {
  const clone = await bareInside();
  for (const words of [['doctor'], ['check'], ['init', '--dry-run']]) drydock(clone, ...words);
  expect(existsSync(canary)).toBe(false);
  const ran = await ci(clone, ['lint']);
  expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringContaining('looks like the inside of a git repository')]);
});

describe.runIf(process.getuid?.() === 0)('of somebody else (needs root)', () => {
  const plant = async (name: string, prepare: (at: string) => unknown = () => {}) => {
    const at = join(folder, name);
    await foreignIn(at, { ...greeterIn('.'), 'drydock.yaml': ALONE.replace('lint: "true"', 'lint: ls -a') }, async () =>
      prepare(at),
    );
    return at;
  };
  const giveAway = (at: string) => execFileSync('chown', ['-R', '-h', '12345:12345', at]);

  test('a tracked link in the place of the results is not written through', async () => {
    const victim = join(folder, 'victim');
    mkdirSync(victim);
    writeFileSync(join(victim, 'result.json'), 'precious');
    const at = await plant('linked', (to) => {
      writeFileSync(join(to, '.gitignore'), 'node_modules\npipeline\n');
      symlinkSync(victim, join(to, 'out'));
    });
    giveAway(at);
    const ran = await ci(at, ['lint']);
    expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringMatching(/leads elsewhere: out is a link/)]);
    expect([readdirSync(victim), readFileSync(join(victim, 'result.json'), 'utf8')]).toEqual([
      ['result.json'],
      'precious',
    ]);
  });

  test('what git tracks is of the source, whatever a rule of git’s says', async () => {
    const at = await plant('hidden');
    await add(at, { 'hidden.txt': 'x', '.gitignore': 'node_modules\nout\npipeline\nhidden.txt\n' });
    git(at, 'add', '--force', 'hidden.txt', '.gitignore');
    await commitAll(at, 'Two');
    giveAway(at);
    const ran = await ci(at, ['lint']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    expect(readFileSync(join(ran.output, 'logs/lint-greeter.log'), 'utf8')).toContain('hidden.txt');
  });

  test('check sees the files that are there', async () => {
    const at = join(folder, 'seen');
    const manifest = JSON.stringify({
      name: 'shop',
      version: '1.0.0',
      main: 'index.js',
      scripts: { start: 'node index.js' },
    });
    const lock = '{ "name": "shop", "lockfileVersion": 3, "packages": { "": { "name": "shop", "version": "1.0.0" } } }';
    await foreignIn(at, { 'package.json': manifest, 'package-lock.json': lock, 'index.js': '' });
    const own = drydock(at, 'check');
    giveAway(at);
    expect(drydock(at, 'check')).toEqual(own);
  });
});

describe('links in a folder of one’s own', () => {
  test.for([
    ['the folder of a service', 'service', ''],
    ['the budgets', 'policy/budgets.yaml', 'keys.yaml'],
  ] as const)('%s: nothing behind it is shown', async ([what, link, file]) => {
    const [at, elsewhere] = [join(folder, what), join(folder, `behind ${what}`)];
    await add(elsewhere, {
      'package.json': '{ "name": "x", "dependencies": { "topsecret": "1.0.0" } }',
      'package-lock.json': '{ "name": "x", "lockfileVersion": 3, "packages": { "": { "name": "x" } } }',
      'keys.yaml': 'topsecret: 1\n',
    });
    const files = { ...greeterIn('other'), 'drydock.yaml': 'services: [{ path: service }]\n', 'policy/.keep': '' };
    await foreignIn(at, files, async () => symlinkSync(join(elsewhere, file), join(at, link)));
    expect(drydock(at, 'check').said).not.toContain('topsecret');
  });

  test('pins update writes through none', async () => {
    const at = join(folder, 'pins');
    const victim = join(folder, 'victim.json');
    const text = `${JSON.stringify({ dependencies: { express: '4.18.2' } }, null, 2)}\n`;
    writeFileSync(victim, text);
    await foreignIn(at, { 'drydock.yaml': ALONE }, async () => symlinkSync(victim, join(at, 'package.json')));
    drydock(at, 'pins', 'update');
    expect(readFileSync(victim, 'utf8')).toBe(text);
  });
});
