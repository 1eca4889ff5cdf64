// Gathers what a service of a larger project ships with: what was installed, and, in place of links, the packages of the repository as real files.
//
//   node gather.ts --installed DIR --built DIR --service PATH --into FOLDER --out DIR [--prune] [--copied PATH …]
//
// --installed is the folder of the lock file after an install for production, --built the same folder with all that was built. What lies beside the
// lock file goes to node_modules, what the service has of its own into FOLDER/node_modules, where its program finds it first. With --prune, nothing goes
// along that no package.json asks for. Each --copied is a package of the repository that was copied when it was installed, before it was built.
import { copyFile, lstat, mkdir, readdir, readFile, readlink, realpath, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, runAsProgram } from './program.ts';
import { folderPattern } from './wildcards.ts';

type Manifest = {
  name?: unknown;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  main?: unknown;
  files?: unknown;
} & Partial<Record<'dependencies' | 'optionalDependencies' | 'peerDependencies', Record<string, string>>>;

type Job = {
  installed: string;
  built: string;
  service: string;
  into: string;
  out: string;
  prune: boolean;
  copied: string[];
};

const MODULES = 'node_modules';

async function gather({ installed, built, service, into, out, prune, ...job }: Job): Promise<void> {
  const root = await realpath(installed);
  const needed = await neededFrom(join(root, service));
  const copied = new Map<unknown, string>();
  for (const path of job.copied) copied.set((await manifestIn(join(built, path))).name, join(built, path));
  const gatherer = new Gatherer({ root, built, needed, prune, copied });
  await mkdir(out, { recursive: true });
  await copyFile(join(built, service, 'package.json'), join(out, 'package.json'));
  await gatherer.modules(join(root, MODULES), join(out, MODULES));
  const there = (await namesIn(join(out, MODULES))).filter((name) => !name.startsWith('.') && !name.startsWith('@'));
  if (service !== '' && into === '') {
    const [twice] = (await namesIn(join(root, service, MODULES))).filter((name) => there.includes(name));
    if (twice !== undefined)
      throw new Error(
        `there are two versions of ${twice}, and nowhere to keep them apart: put what starts the service into a separate folder`,
      );
  }
  if (service !== '') await gatherer.modules(join(root, service, MODULES), join(out, into, MODULES));
  await removeStray(out);
}

/** Where Node finds all packages that one needs where it runs: not itself, to which a workspace is linked. */
async function neededFrom(service: string): Promise<Set<string>> {
  const needed = new Set<string>();
  const folders = new Set([service]);
  for (const each of folders) {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = await manifestIn(each);
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => peerDependenciesMeta?.[name]?.optional !== true);
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const found = await resolve(each, name);
      if (found === undefined || found.real === service) continue;
      needed.add(found.place);
      folders.add(found.real);
    }
  }
  return needed;
}

async function resolve(from: string, name: string): Promise<{ place: string; real: string } | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, MODULES, name);
    const real = await realpath(place).catch(() => undefined);
    if (real !== undefined) return { place, real };
    if (folder === dirname(folder)) return undefined;
  }
}

type Plan = {
  root: string;
  built: string;
  needed: ReadonlySet<string>;
  prune: boolean;
  /** Where each package was built that was copied before, by its name. */
  copied: ReadonlyMap<unknown, string>;
};

class Gatherer {
  readonly #plan: Plan;
  /** Local packages that are being put where they are linked to: two may need each other. */
  readonly #open = new Set<string>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** A node_modules folder; what is hidden in it are programs and the notes of package managers. */
  async modules(from: string, to: string): Promise<void> {
    for (const name of await namesIn(from)) {
      if (name === '.bin') await copyAll(join(from, name), join(to, name));
      else if (name.startsWith('@'))
        for (const inner of await namesIn(join(from, name)))
          await this.#module(join(from, name, inner), join(to, name, inner));
      else if (!name.startsWith('.')) await this.#module(join(from, name), join(to, name));
    }
  }

  async #module(from: string, to: string): Promise<void> {
    const { needed, prune } = this.#plan;
    const real = await realpath(from).catch(() => undefined);
    if (real === undefined) return;
    const isLocal = !real.split('/').includes(MODULES);
    if ((isLocal || prune) && !needed.has(from)) return;
    if (isLocal) await this.#local(real, to);
    else {
      const { name } = await manifestIn(real);
      const source = this.#plan.copied.get(name);
      if (source === undefined) await copyAll(real, to, (path) => !path.startsWith(`${MODULES}/`));
      else await copyAll(source, to, shippedBy(await manifestIn(source)));
      await this.modules(join(real, MODULES), join(to, MODULES));
    }
  }

  async #local(real: string, to: string): Promise<void> {
    if (this.#open.has(real)) return;
    this.#open.add(real);
    const { root, built } = this.#plan;
    const source = join(built, relative(root, real));
    const ships = shippedBy(await manifestIn(source));
    await copyAll(source, to, ships);
    await this.modules(join(real, MODULES), join(to, MODULES));
    this.#open.delete(real);
  }
}

/** What `files` names, as npm packs it; everything where it names nothing. */
function shippedBy({ files, main }: Manifest): (path: string) => boolean {
  if (!Array.isArray(files)) return () => true;
  const named = [...files.map(String), ...(typeof main === 'string' ? [main] : []), 'package.json'].map((name) =>
    name.replace(/^(!?)(\.?\/)+/, '$1').replace(/\/(\*\*?)?$/, ''),
  );
  const out = named.filter((name) => name.startsWith('!')).map((name) => folderPattern(name.slice(1)));
  const taken = named.filter((name) => !name.startsWith('!')).map(folderPattern);
  return (path) => !out.some((each) => each.fitsAbove(path)) && taken.some((each) => each.fitsAbove(path));
}

/** Links as they are, whatever they lead to. Empty folders stay away: one of a filter may be empty here and not elsewhere. */
async function copyAll(from: string, to: string, takes = (_path: string) => true, below = ''): Promise<void> {
  for (const name of await namesIn(join(from, below))) {
    const path = join(below, name);
    const stats = await lstat(join(from, path));
    if (stats.isDirectory()) await copyAll(from, to, takes, path);
    else if (takes(path)) {
      await mkdir(dirname(join(to, path)), { recursive: true });
      if (stats.isSymbolicLink()) await symlink(await readlink(join(from, path)), join(to, path));
      else await copyFile(join(from, path), join(to, path));
    }
  }
}

/** Programs of packages that did not come along. */
async function removeStray(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const stats = await lstat(path);
    if (stats.isDirectory()) await removeStray(path);
    else if (stats.isSymbolicLink() && dirname(path).endsWith('/.bin'))
      if ((await stat(path).catch(() => undefined)) === undefined) await rm(path);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
}

/** One that cannot be read asks for nothing: npm has read it before. */
async function manifestIn(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  return JSON.parse(text.replace(/^\uFEFF/, '')) as Manifest;
}

export async function main(args: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      args,
      options: {
        installed: text,
        built: text,
        service: text,
        into: text,
        out: text,
        prune: { type: 'boolean' },
        copied: { ...text, multiple: true },
      },
    });
    const { installed = '', built = '', service = '', into = '', out = '', prune = false, copied = [] } = values;
    await gather({ installed, built, service, into, out, prune, copied });
  });
}

runAsProgram('gather.ts', main);
