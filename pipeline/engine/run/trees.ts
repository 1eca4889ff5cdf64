// Layers without mounts: a stack is laid out as links for reading, copied for running, and what a step changed in its copy is found by comparing.
// The layers are of the same form as overlayfs leaves them, but for one thing: a folder never hides what is below it, which is said name by name.
import type { BigIntStats, Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirTypes,
  renameSync,
  rmSync,
  writeFileSync,
} from '../store/files.ts';
import type { Views } from './mounts.ts';
import { add, apply, copyAttributes, type Differences, differencesOf, restore, run } from './tree-changes.ts';

const FILES_PER_TURN = 400;
const KEPT_TREES = 3;

/** A tree that no step runs in. */
interface Kept {
  readonly tree: string;
  /** It shows these, but for the differences. */
  readonly layers: readonly string[];
  readonly differences: Differences;
}

function commonLength(some: readonly string[], others: readonly string[]): number {
  const at = some.findIndex((layer, index) => layer !== others[index]);
  return at < 0 ? some.length : at;
}

export class Trees implements Views {
  readonly most = Number.POSITIVE_INFINITY;
  readonly #folder: string;
  readonly #views = new Map<string, Promise<string>>();
  readonly #removals: Promise<unknown>[] = [];
  readonly #known = new Map<string, Differences>();
  /** The one that was used last is the last. */
  #kept: Kept[] = [];
  #counter = 0;
  #whiteout: Promise<string> | undefined;

  /** `folder` is on the file system that the layers are on. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A folder that shows these layers, from the bottom up. Its files are theirs: to be read, and no more. */
  readOnly(layers: readonly string[]): Promise<string> {
    const key = layers.join('\n');
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const view = join(this.#folder, `view-${this.#views.size}`);
    const made = layOut(layers, view, ['--archive', '--link']).then(() => view);
    this.#views.set(key, made);
    made.catch(() => this.#views.delete(key));
    return made;
  }

  /** The same, to be written to. */
  async copy(layers: readonly string[], tree: string): Promise<Copy> {
    await layOut(layers, tree);
    return this.#copyIn(tree);
  }

  async #copyIn(tree: string): Promise<Copy> {
    return new Copy({ tree, was: await foldersIn(tree), whiteout: (path) => this.whiteout(path) });
  }

  /** The same, made of the tree of an earlier step where that is less to do. */
  async take(layers: readonly string[]): Promise<Copy> {
    const sizeOf = (some: readonly string[]) => some.reduce((sum, layer) => sum + this.#differencesOf(layer).size, 0);
    const work = (kept: Kept) => {
      const common = commonLength(kept.layers, layers);
      return kept.differences.size + sizeOf(kept.layers.slice(common)) + sizeOf(layers.slice(common));
    };
    const [best] = this.#kept.toSorted((a, b) => work(a) - work(b));
    const isLess = best !== undefined && commonLength(best.layers, layers) > 0 && work(best) < sizeOf(layers);
    if (!isLess) return this.copy(layers, join(this.#folder, `tree-${this.#counter++}`));
    this.#kept = this.#kept.filter((kept) => kept !== best);
    await this.#change(best, layers);
    return this.#copyIn(best.tree);
  }

  async #change({ tree, layers: before, differences }: Kept, layers: readonly string[]): Promise<void> {
    const common = commonLength(before, layers);
    for (const layer of before.slice(common))
      for (const [path, kind] of this.#differencesOf(layer)) add(differences, path, kind);
    await restore(tree, layers.slice(0, common), differences);
    for (const layer of layers.slice(common)) await apply(layer, tree);
  }

  #differencesOf(layer: string): Differences {
    const known = this.#known.get(layer) ?? differencesOf(layer);
    this.#known.set(layer, known);
    return known;
  }

  /** Keeps a tree for a later step. What is `except` is no longer of these layers. */
  keep({ tree, changed }: Copy, layers: readonly string[], except: Iterable<string>): void {
    for (const path of except) add(changed, path, 'whole');
    this.#kept.push({ tree, layers, differences: changed });
    if (this.#kept.length > KEPT_TREES) this.discard((this.#kept.shift() as Kept).tree);
  }

  /** Takes a tree away at once; it is removed while nobody waits for that. */
  discard(tree: string): void {
    const aside = join(this.#folder, `discarded-${this.#removals.length}`);
    renameSync(tree, aside);
    this.#removals.push(run('rm', ['-rf', aside]).catch(() => {})); // what is left goes with the session
  }

  async close(): Promise<void> {
    await Promise.all(this.#removals);
  }

  async whiteout(path: string): Promise<void> {
    linkSync(await this.#anyWhiteout(), path);
  }

  /** A device of the numbers that overlayfs takes for a whiteout; one of others where an overlay below refuses to hold those. */
  #anyWhiteout(): Promise<string> {
    const path = join(this.#folder, 'whiteout');
    const make = (minor: string, major: string) => run('mknod', [path, 'c', major, minor]);
    this.#whiteout ??= make('0', '0')
      .catch(() => make('3', '1'))
      .then(() => path);
    return this.#whiteout;
  }
}

async function layOut(layers: readonly string[], tree: string, how?: readonly string[]): Promise<void> {
  mkdirSync(tree);
  for (const layer of layers) await apply(layer, tree, how);
}

/** A moment that every change before it is older than, and every one after it younger: the clock of file systems takes some milliseconds to tick. */
export async function momentIn(folder: string): Promise<bigint> {
  const probe = join(folder, 'moment');
  const tick = () => {
    rmSync(probe, { force: true });
    writeFileSync(probe, '');
    return lstatSync(probe, { bigint: true }).ctimeNs;
  };
  const moment = tick();
  while (tick() <= moment) await wait(1);
  rmSync(probe);
  return moment;
}

/** What a folder of a tree was. */
interface Folder {
  readonly inode: number;
  /** What it held, and whether that was a folder. */
  readonly entries: ReadonlyMap<string, boolean>;
}

interface Origin {
  readonly tree: string;
  /** Its folders, by their paths. */
  readonly was: ReadonlyMap<string, Folder>;
  readonly whiteout: (path: string) => Promise<void>;
}

/** A tree that somebody may change, and what it was copied from. */
export class Copy {
  readonly #origin: Origin;
  /** What is no longer as it was copied, as far as changes were taken. */
  readonly changed: Differences = new Map();
  #files = 0;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  get tree(): string {
    return this.#origin.tree;
  }

  has(path: string): boolean {
    const folder = dirname(path);
    return this.#origin.was.get(folder === '.' ? '' : folder)?.entries.has(basename(path)) ?? false;
  }

  /** Moves what was changed after a moment to `layer`, but for the paths in `except`; nothing, where neither is said. */
  async takeChanges(layer: string, taking?: Pick<Taking, 'since' | 'except'>): Promise<void> {
    mkdirSync(layer, { recursive: true });
    if (taking === undefined) copyAttributes(lstatSync(this.tree), layer);
    else {
      await this.#take('', lstatSync(this.tree, { bigint: true }), { ...taking, layer, isOther: false });
      await ownFiles(layer);
    }
  }

  /** Of a folder that is there on both sides. Another one that was put in its place is taken as a whole: what it holds need not be new. */
  async #take(path: string, stats: BigIntStats, taking: Taking): Promise<void> {
    const { tree, was, whiteout } = this.#origin;
    const { layer, since, except } = taking;
    const { inode, entries: before } = was.get(path) as Folder;
    const isOther = taking.isOther || inode !== Number(stats.ino);
    const isNew = (changed: BigIntStats) => isOther || changed.ctimeNs > since;
    const attributes = lstatSync(join(tree, path));
    const now = entriesIn(join(tree, path));
    const reach = () => {
      add(this.changed, path, 'attributes');
      mkdirSync(join(layer, path), { recursive: true });
    };
    if (isNew(stats)) reach();
    for (const [name, isFolder] of now) {
      const place = join(path, name);
      if (except.has(place)) continue;
      if (++this.#files % FILES_PER_TURN === 0) await nextTurn();
      const own = lstatSync(join(tree, place), { bigint: true });
      if (isFolder && before.get(name)) await this.#take(place, own, { ...taking, isOther });
      else if (isFolder || isNew(own) || !before.has(name)) {
        reach();
        add(this.changed, place, 'whole');
        renameSync(join(tree, place), join(layer, place));
      }
    }
    for (const name of before.keys()) {
      const place = join(path, name);
      if (now.has(name) || except.has(place)) continue;
      reach();
      add(this.changed, place, 'whole');
      await whiteout(join(layer, place));
    }
    if (existsSync(join(layer, path))) copyAttributes(attributes, join(layer, path));
  }
}

/** A step may have given a file of a volume another name: what is written there later must not be seen in the layer. */
async function ownFiles(layer: string): Promise<void> {
  const names = new Map<number, string[]>();
  const [shared, times] = [new Set<number>(), new Map<string, Stats>()];
  for (const folders = [layer]; folders.length > 0; ) {
    const folder = folders.pop() as string;
    times.set(folder, lstatSync(folder));
    for (const entry of readdirTypes(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      if (!entry.isFile()) continue;
      const { ino, nlink } = lstatSync(path);
      if (nlink === 1) continue;
      const all = [...(names.get(ino) ?? []), path];
      names.set(ino, all);
      if (all.length === nlink) shared.delete(ino);
      else shared.add(ino);
    }
  }
  for (const inode of shared) {
    const [first = '', ...others] = names.get(inode) ?? [];
    await run('cp', ['--archive', first, `${layer}.copy`]);
    renameSync(`${layer}.copy`, first);
    for (const path of others) {
      rmSync(path);
      linkSync(first, path);
    }
    for (const path of [first, ...others]) copyAttributes(times.get(dirname(path)) as Stats, dirname(path));
  }
}

interface Taking {
  readonly layer: string;
  readonly since: bigint;
  /** Relative to the tree. */
  readonly except: ReadonlySet<string>;
  readonly isOther: boolean;
}

const entriesIn = (folder: string): Map<string, boolean> =>
  new Map(readdirTypes(folder).map((entry) => [entry.name, entry.isDirectory()]));

async function foldersIn(tree: string): Promise<Map<string, Folder>> {
  const found = new Map<string, Folder>();
  for (const paths = ['']; paths.length > 0; ) {
    const path = paths.pop() as string;
    const entries = entriesIn(join(tree, path));
    found.set(path, { inode: lstatSync(join(tree, path)).ino, entries });
    for (const [name, isFolder] of entries) if (isFolder) paths.push(join(path, name));
    if (found.size % FILES_PER_TURN === 0) await nextTurn();
  }
  return found;
}
