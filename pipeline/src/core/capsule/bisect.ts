// Finds the one input that turns a run that passes into one that fails. Decides what to try next; running it is another's work.

import { posix } from 'node:path';
import { setAt } from '../package-sets.ts';
import { type Fields, fieldsIn, isRecord, recordOf } from '../record.ts';
import { type Difference, diffCapsules, packageName, phraseDifference } from './diff.ts';
import { type CapsuleManifest, SOURCE_FOLDER } from './manifest.ts';

/** What is swapped at once: a file, the packages of one lock file, an image, the database. */
export type Unit = {
  kind: 'file' | 'packages' | 'package' | 'image' | 'database';
  /** A path, a set, a lock file's entry, or a pin. */
  name: string;
  /** Of a package, the set that it is in. */
  set?: string;
  /** For people: `~ src/app.ts`. */
  shown: string;
};

/** The set whose packages a file of the source names: of its folder, or of one above that it is a workspace of. */
function setOfFile({ packages }: CapsuleManifest, path: string): string | undefined {
  const [, folder = ''] = /^(?:(.*)\/)?package(?:-lock)?\.json$/.exec(path) ?? [undefined, null];
  if (folder === null) return undefined;
  const own = setAt(folder);
  if (packages.some(({ set }) => set === own)) return own;
  const parts = folder.split('/');
  const above = parts.map((_, index) => parts.slice(0, index).join('/')).reverse();
  const root = above.find((each) =>
    packages.some((found) => found.set === setAt(each) && found.path === posix.relative(each, folder)),
  );
  return root === undefined ? undefined : setAt(root);
}

/** The files that say which packages a set has. */
export function filesOfSet(manifest: CapsuleManifest, set: string): string[] {
  const paths = manifest.files.flatMap(({ path }) =>
    path.startsWith(`${SOURCE_FOLDER}/`) ? [path.slice(SOURCE_FOLDER.length + 1)] : [],
  );
  return paths.filter((path) => setOfFile(manifest, path) === set);
}

/** All that differs and can be swapped: what a person changes most often first, so that it is found with the fewest tries. */
export function unitsBetween(good: CapsuleManifest, bad: CapsuleManifest): Unit[] {
  const differences = diffCapsules(good, bad);
  const files = differences.filter(({ kind }) => kind === 'files');
  const setOfEither = (path: string) => setOfFile(good, path) ?? setOfFile(bad, path);
  const sets = [...new Set(files.flatMap(({ name }) => setOfEither(name) ?? []))];
  return [
    ...sets.map((set): Unit => ({ kind: 'packages', name: set, shown: `the packages of ${set}` })),
    ...files
      .filter(({ name }) => setOfEither(name) === undefined)
      .map((difference): Unit => ({ kind: 'file', name: difference.name, shown: shown(difference) })),
    ...differences.filter(({ kind }) => kind === 'images').map((difference): Unit => unitOf('image', difference)),
    ...differences.filter(({ kind }) => kind === 'database').map((difference): Unit => unitOf('database', difference)),
  ];
}

/** The entries of one lock file that differ. */
export function packageUnits(good: CapsuleManifest, bad: CapsuleManifest, set: string): Unit[] {
  const versions = ({ packages }: CapsuleManifest) =>
    new Map(
      packages
        .filter((found) => found.set === set)
        .map(({ path, version, integrity }) => [path, { version, integrity }]),
    );
  const [before, after] = [versions(good), versions(bad)];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path): Unit[] => {
    const [a, b] = [before.get(path), after.get(path)];
    if (a?.version === b?.version && a?.integrity === b?.integrity) return [];
    const name = packageName({ set, path });
    return [
      { kind: 'package', name: path, set, shown: `${name} ${a?.version ?? 'absent'} → ${b?.version ?? 'absent'}` },
    ];
  });
}

const unitOf = (kind: Unit['kind'], difference: Difference): Unit => ({
  kind,
  name: difference.name,
  shown: shown(difference),
});
const shown = (difference: Difference) => phraseDifference(difference).replace(/^[~+-] /, '');

/** Whether the failure is there with these units as the bad capsule has them, and all others as the good one has. */
export type Attempt = (fromBad: readonly Unit[]) => Promise<boolean>;

/**
 * The unit with which the failure comes, when units are taken over from the first to the last. The caller has seen that none
 * of them does not fail and that all of them do. It is tried alone at the end: `isAlone` says whether it is enough.
 */
export async function bisect(units: readonly Unit[], fails: Attempt): Promise<{ unit: Unit; isAlone: boolean }> {
  let [passing, failing] = [0, units.length];
  while (failing - passing > 1) {
    const middle = Math.floor((passing + failing) / 2);
    if (await fails(units.slice(0, middle))) failing = middle;
    else passing = middle;
  }
  const unit = units[failing - 1];
  if (unit === undefined) throw new Error('there is nothing to choose from');
  return { unit, isAlone: failing === 1 || (await fails([unit])) };
}

/** A lock file or manifest with these entries as the bad one has them. What is none has no entries. */
export function mixLock(good: string, bad: string, paths: readonly string[]): string {
  const mixed = { ...fieldsIn(good) };
  const [own, theirs] = [recordOf(mixed.packages), recordOf(fieldsIn(bad)?.packages)];
  for (const path of paths) swap(own, theirs, path);
  for (const field of DEPENDENCIES) mixField(own[''], theirs[''], field, paths);
  return `${JSON.stringify({ ...mixed, packages: own }, null, 2)}\n`;
}

export function mixManifest(good: string, bad: string, paths: readonly string[]): string {
  const mixed = { ...fieldsIn(good) };
  for (const field of DEPENDENCIES) mixField(mixed, fieldsIn(bad), field, paths);
  return `${JSON.stringify(mixed, null, 2)}\n`;
}

const DEPENDENCIES = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;

/** What a package asks for directly goes with it. */
function mixField(mixed: unknown, other: unknown, field: string, paths: readonly string[]): void {
  if (!isRecord(mixed) || !isRecord(other)) return;
  const [own, theirs] = [{ ...recordOf(mixed[field]) }, recordOf(other[field])];
  for (const path of paths) {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (name !== undefined) swap(own, theirs, name);
  }
  if (Object.keys(own).length > 0 || field in mixed) mixed[field] = own;
}

function swap(own: Fields, theirs: Fields, key: string): void {
  if (key in theirs) own[key] = theirs[key];
  else delete own[key];
}
