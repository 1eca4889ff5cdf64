// Brings a tree that a step ran in to the layers that the next one needs: what differs is taken out and put back, so that not all is copied again.
import { execFile } from 'node:child_process';
import type { Stats } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { encodeName, isPlainName } from '../../src/oci/names.ts';
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirTypes, rmSync, utimesSync } from '../store/files.ts';

/** The words may be names of any bytes, which Node cannot hand to a program: a shell is told of those byte by byte. */
export async function run(program: string, words: readonly string[], options: { cwd?: string } = {}): Promise<void> {
  const isPlain = [...words, options.cwd ?? ''].every(isPlainName);
  if (isPlain) return void (await execute(program, words, options));
  const octal = (word: string) =>
    [...encodeName(word)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  const quoted = words.map((word) => `"$(printf '${octal(word)}.')"`).join(' ');
  // What is between the quotes loses line feeds at its end, hence the dot.
  const there = options.cwd === undefined ? '' : `folder=$(printf '${octal(options.cwd)}.'); cd "\${folder%.}"; `;
  const script = `set -e; ${there}set -- ${quoted}; for word; do shift; set -- "$@" "\${word%.}"; done; exec ${program} "$@"`;
  await execute('sh', ['-c', script]);
}

const execute = promisify(execFile);

/** How files are copied that are to be written to. No two names share one, as none do in an overlay. */
const COPY = ['--archive', '--no-preserve=links', '--reflink=auto'];
const COPIED_AT_ONCE = 500;

/** What may differ at a path: everything, or of a folder its attributes alone. */
export type Differences = Map<string, 'whole' | 'attributes'>;

export function add(differences: Differences, path: string, kind: 'whole' | 'attributes'): void {
  if (differences.get(path) !== 'whole') differences.set(path, kind);
}

/** Copies a layer over those below it. */
export async function apply(layer: string, tree: string, how: readonly string[] = COPY): Promise<void> {
  mkdirSync(tree, { recursive: true });
  const hidden = makeWay(layer, tree);
  await run('cp', [...how, '--remove-destination', '--no-target-directory', layer, tree]);
  for (const path of hidden) rmSync(path);
  for (const folder of new Set(hidden.map((path) => dirname(path))))
    copyAttributes(lstatSync(join(layer, relative(tree, folder))), folder);
}

/** Removes from a tree what a layer hides and copying it would not replace. Gives the places of its whiteouts, which are copied as well. */
function makeWay(layer: string, tree: string): string[] {
  return readdirTypes(layer).flatMap((entry) => {
    const [path, place] = [join(layer, entry.name), join(tree, entry.name)];
    const isThere = lstatSync(place, { throwIfNoEntry: false })?.isDirectory();
    if (entry.isDirectory() && isThere) return makeWay(path, place);
    rmSync(place, { recursive: true, force: true });
    if (entry.isDirectory()) return whiteoutsIn(path, place);
    return entry.isCharacterDevice() ? [place] : [];
  });
}

/** A layer may hide in a folder what no layer below has. */
const whiteoutsIn = (folder: string, place: string): string[] =>
  readdirTypes(folder).flatMap((entry) => {
    if (entry.isDirectory()) return whiteoutsIn(join(folder, entry.name), join(place, entry.name));
    return entry.isCharacterDevice() ? [join(place, entry.name)] : [];
  });

/** All that a layer may make different from those below it. */
export function differencesOf(layer: string): Differences {
  const found: Differences = new Map([['', 'attributes']]);
  for (const folders = ['']; folders.length > 0; ) {
    const folder = folders.pop() as string;
    for (const entry of readdirTypes(join(layer, folder))) {
      const path = join(folder, entry.name);
      found.set(path, entry.isDirectory() ? 'attributes' : 'whole');
      if (entry.isDirectory()) folders.push(path);
    }
  }
  return found;
}

/** Makes these paths of a tree what the layers say, given from the bottom up. */
export async function restore(tree: string, layers: readonly string[], differences: Differences): Promise<void> {
  const lookup = new Lookup(layers);
  const [restored, folders] = [new Set<string>(), new Set<string>()];
  const files = new Map<string, string[]>();
  const depth = (path: string) => path.split('/').length;
  for (const [path, kind] of [...differences].sort(([a], [b]) => depth(a) - depth(b))) {
    if (isBelowOneOf(restored, path)) continue;
    const { parts, isFolder } = lookup.find(path);
    if (path === '' || (kind === 'attributes' && isFolder && isFolderAt(join(tree, path)))) {
      folders.add(path);
      continue;
    }
    restored.add(path);
    folders.add(parentOf(path));
    rmSync(join(tree, path), { recursive: true, force: true });
    if (isFolder) for (const part of parts) await apply(join(part, path), join(tree, path));
    else
      for (const layer of parts)
        files
          .set(layer, files.get(layer) ?? [])
          .get(layer)
          ?.push(`./${path}`);
  }
  for (const [layer, paths] of files)
    for (let at = 0; at < paths.length; at += COPIED_AT_ONCE) {
      const some = paths.slice(at, at + COPIED_AT_ONCE);
      await run('cp', [...COPY, '--parents', '--target-directory', tree, '--', ...some], { cwd: layer });
    }
  for (const path of folders) {
    if (restored.has(path) || isBelowOneOf(restored, path)) continue;
    const layer = lookup.find(path).parts.at(-1);
    if (layer !== undefined) copyAttributes(lstatSync(join(layer, path)), join(tree, path));
  }
}

/** Finds the layers that make up a path. */
class Lookup {
  readonly #layers: readonly string[];
  readonly #found = new Map<string, { parts: readonly string[]; isFolder: boolean }>();

  constructor(layers: readonly string[]) {
    this.#layers = layers;
  }

  /** From the bottom up: all that have a part of a folder, or the one that has the file. */
  find(path: string): { parts: readonly string[]; isFolder: boolean } {
    if (path === '') return { parts: this.#layers, isFolder: true };
    const known = this.#found.get(path);
    if (known !== undefined) return known;
    const parent = this.find(parentOf(path));
    const found = parent.isFolder ? this.#among(parent.parts, path) : { parts: [], isFolder: false };
    this.#found.set(path, found);
    return found;
  }

  #among(layers: readonly string[], path: string): { parts: readonly string[]; isFolder: boolean } {
    const parts: string[] = [];
    for (const layer of layers.toReversed()) {
      const stats = lstatSync(join(layer, path), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (stats.isDirectory()) parts.unshift(layer);
      else if (parts.length > 0 || stats.isCharacterDevice()) break;
      else return { parts: [layer], isFolder: false };
    }
    return { parts, isFolder: parts.length > 0 };
  }
}

const parentOf = (path: string) => (dirname(path) === '.' ? '' : dirname(path));

function isBelowOneOf(paths: ReadonlySet<string>, path: string): boolean {
  for (let above = path; above !== ''; ) {
    above = parentOf(above);
    if (paths.has(above)) return true;
  }
  return false;
}

const isFolderAt = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

export function copyAttributes({ uid, gid, mode, atimeMs, mtimeMs }: Stats, path: string): void {
  chownSync(path, uid, gid);
  chmodSync(path, mode & 0o7777);
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
}
