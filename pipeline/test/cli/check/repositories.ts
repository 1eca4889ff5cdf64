// Small repositories as people have them, from public templates and issues; each is made on the disk, under git.
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../make.ts';

/** A text; `link` is where a symbolic link leads; undefined is no file. */
export type Files = Readonly<Record<string, string | { link: string } | undefined>>;

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

export type Fields = Record<string, unknown>;

/** A lock file that belongs to a manifest: each dependency by the version it asks for, unless `packages` says more. */
export const lockOf = ({ name, dependencies, devDependencies }: Fields, packages: Fields = {}): string => {
  const all = { ...(dependencies as object), ...(devDependencies as object) } as Record<string, string>;
  const entries = Object.entries(all).map(([dependency, range]) => [
    `node_modules/${dependency}`,
    { version: range.replace(/^[~^]/, '') },
  ]);
  const root = { name, dependencies, devDependencies };
  return json({ lockfileVersion: 3, packages: { '': root, ...Object.fromEntries(entries), ...packages } });
};

/** The usual shape of a service here. */
export const SERVICE: Fields = {
  name: 'shop',
  version: '1.0.0',
  main: 'dist/server.js',
  scripts: { build: 'tsc', test: 'node --test', lint: 'eslint .' },
  dependencies: { express: '^5.1.0' },
};

/** One that runs, with what makes it different. */
export const service = (over: Fields = {}, files: Files = {}, packages: Fields = {}): Files => ({
  'package.json': json({ ...SERVICE, ...over }),
  'package-lock.json': lockOf({ ...SERVICE, ...over }, packages),
  'src/server.ts': 'export {};\n',
  ...files,
});

export const manifest = json;

/** The image that the tests run in has none. */

/** The folder of a repository with these files, all of them added. */
export function makeRepository(files: Files): string {
  const root = temporaryFolder();
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, stdio: 'ignore' });
  git('init', '--quiet');
  // As a package.json has beside it everywhere.
  const { '.gitignore': ignored = '', ...others } = files;
  const all: Files = {
    ...others,
    '.gitignore': typeof ignored === 'string' ? `node_modules\nout\n${ignored}` : ignored,
  };
  for (const [path, content] of Object.entries(all)) {
    if (content === undefined) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (typeof content === 'string') writeFileSync(join(root, path), content);
    else symlinkSync(content.link, join(root, path));
  }
  git('add', '--all');
  return root;
}
