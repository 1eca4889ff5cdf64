// Layers without mounts: a stack is laid out as links for reading, copied for running, and what a step changed in its copy is found by comparing.
// The layers are of the same form as overlayfs leaves them, but for one thing: a folder never hides what is below it, which is said name by name.
import { execFile } from 'node:child_process';
import {
  type BigIntStats,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Views } from './mounts.ts';

const run = promisify(execFile);

const FILES_PER_TURN = 400;

export class Trees implements Views {
  readonly #folder: string;
  readonly #views = new Map<string, Promise<string>>();
  readonly #removals: Promise<unknown>[] = [];
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
    const made = layOut(layers, view, ['--link']).then(() => view);
    this.#views.set(key, made);
    made.catch(() => this.#views.delete(key));
    return made;
  }

  /** The same, to be written to. No two names share a file, as none do in an overlay. */
  async copy(layers: readonly string[], tree: string): Promise<Copy> {
    await layOut(layers, tree, ['--no-preserve=links', '--reflink=auto']);
    return new Copy({ tree, was: await foldersIn(tree), whiteout: (path) => this.whiteout(path) });
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

async function layOut(layers: readonly string[], tree: string, how: readonly string[]): Promise<void> {
  mkdirSync(tree);
  for (const layer of layers) {
    const hidden = makeWay(layer, tree);
    await run('cp', ['--archive', ...how, '--remove-destination', '--no-target-directory', layer, tree]);
    for (const path of hidden) rmSync(path);
  }
}

/** Removes from a tree what a layer hides and copying it would not replace. Gives the places of its whiteouts, which are copied as well. */
function makeWay(layer: string, tree: string): string[] {
  return readdirSync(layer, { withFileTypes: true }).flatMap((entry) => {
    const [path, place] = [join(layer, entry.name), join(tree, entry.name)];
    const isFolder = lstatSync(place, { throwIfNoEntry: false })?.isDirectory();
    if (entry.isDirectory() && isFolder) return makeWay(path, place);
    rmSync(place, { recursive: true, force: true });
    if (entry.isDirectory()) return whiteoutsIn(path, place);
    return entry.isCharacterDevice() ? [place] : [];
  });
}

/** A layer may hide in a folder what no layer below has. */
const whiteoutsIn = (folder: string, place: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return whiteoutsIn(join(folder, entry.name), join(place, entry.name));
    return entry.isCharacterDevice() ? [join(place, entry.name)] : [];
  });

function copyAttributes({ uid, gid, mode, atimeMs, mtimeMs }: Stats, path: string): void {
  chownSync(path, uid, gid);
  chmodSync(path, mode & 0o7777);
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
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
    else await this.#take('', lstatSync(this.tree, { bigint: true }), { ...taking, layer, isOther: false });
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
    const reach = () => mkdirSync(join(layer, path), { recursive: true });
    if (isNew(stats)) reach();
    for (const [name, isFolder] of now) {
      const place = join(path, name);
      if (except.has(place)) continue;
      if (++this.#files % FILES_PER_TURN === 0) await nextTurn();
      const own = lstatSync(join(tree, place), { bigint: true });
      if (isFolder && before.get(name)) await this.#take(place, own, { ...taking, isOther });
      else if (isFolder || isNew(own) || !before.has(name)) {
        reach();
        renameSync(join(tree, place), join(layer, place));
      }
    }
    for (const name of before.keys()) {
      const place = join(path, name);
      if (now.has(name) || except.has(place)) continue;
      reach();
      await whiteout(join(layer, place));
    }
    if (existsSync(join(layer, path))) copyAttributes(attributes, join(layer, path));
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
  new Map(readdirSync(folder, { withFileTypes: true }).map((entry) => [entry.name, entry.isDirectory()]));

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
