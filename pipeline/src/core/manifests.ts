// Checks manifests and lock files before anything is installed: their faults are told in a sentence, not by npm.
import { posix } from 'node:path';
import { quoted } from '../command.ts';
import { PipelineError, reasonOf } from './errors.ts';
import { missingIn } from './locks.ts';
import { checkManager, isModernYarn, LOCK_FILES, type Manager, type OtherName } from './manager.ts';
import { isRecord } from './record.ts';

/** The two files of a package; null where there is none. `folder` is '' for the root of the repository, `root` where the lock file lies. */
export type PackageFiles = {
  folder: string;
  root: string;
  manager: Manager;
  manifest: string | null;
  lock: string | null;
};

const LOCK = LOCK_FILES.npm;

type Dependencies = Record<string, string>;

/** Throws one error for the first package that `npm ci` could not install. */
export function checkPackages(packages: readonly PackageFiles[]): void {
  for (const files of packages) checkPackage(files);
}

/** The command that writes the lock file of a folder. */
const renewLock = (folder: string): string =>
  `npm install --package-lock-only --ignore-scripts${folder === '' ? '' : ` --prefix ${quoted(folder)}`}`;

function checkPackage(files: PackageFiles): void {
  const { name } = files.manager;
  if (name === 'npm') checkForNpm(files);
  else checkForOthers(name, files);
}

/** Whether all that is asked for is in the lock file; the rest the manager says itself, as its lock file is frozen. */
function checkForOthers(name: OtherName, { folder, root, manager, manifest, lock }: PackageFiles): void {
  const [place, lockFile] = [posix.join(folder, 'package.json'), posix.join(root, LOCK_FILES[name])];
  checkManager(root, manager, lock);
  const wanted = dependenciesOf(parse(manifest, place, 'every package of this repository has one'));
  const renew = isModernYarn(manager) ? 'yarn install --mode=skip-build' : `${name} install --ignore-scripts`;
  checkConflict(lock ?? '', lockFile, `write it again with \`${renew}\``);
  const missing = missingIn(name, lock ?? '', posix.relative(root, folder), wanted);
  if (missing.length === 0) return;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  throw new PipelineError(
    'LOCK_MISMATCH',
    `${lockFile} does not belong to ${place}: it lacks ${missing.slice(0, 3).join(', ')}${more}`,
    `bring it up to date with \`${renew}\`, and commit it`,
  );
}

function checkForNpm({ folder, root, manifest, lock }: PackageFiles): void {
  const at = (name: string) => posix.join(name === LOCK ? root : folder, name);
  const renew = renewLock(root);
  const wanted = parse(manifest, at('package.json'), 'every package of this repository has one');
  const [foreign] = Object.entries(dependenciesOf(wanted)).filter(([, range]) => FOREIGN.test(range));
  if (foreign !== undefined) {
    throw new PipelineError(
      'BAD_MANIFEST',
      `${at('package.json')} asks for ${foreign[0]} by ${foreign[1]}, which npm does not know`,
      `name a version of it that a registry has, or its archive: npm install ./NAME.tgz${folder === '' ? '' : ` --prefix ${quoted(folder)}`}`,
    );
  }
  const locked = parse(lock, at(LOCK), `write it with \`${renew}\`, and commit it`);
  const entries = locked.packages;
  if (!isRecord(entries)) {
    throw new PipelineError(
      'BAD_MANIFEST',
      `${at(LOCK)} has no "packages": it is not a lock file of npm 7 or later`,
      `write it again with \`${renew}\``,
    );
  }
  const [outside] = filesOutside(root, entries);
  if (outside !== undefined) {
    throw new PipelineError(
      'BAD_MANIFEST',
      `${at(LOCK)} takes ${outside.name} from ${outside.place}, which is not in this repository`,
      'put its archive into the repository and install it from there, npm install ./NAME.tgz; or from a registry',
    );
  }
  const faults = differences(wanted, entries, posix.relative(root, folder));
  if (faults.length > 0) {
    const more = faults.length > 3 ? ` and ${faults.length - 3} more` : '';
    throw new PipelineError(
      'LOCK_MISMATCH',
      `${at(LOCK)} does not belong to ${at('package.json')}: ${faults.slice(0, 3).join(', ')}${more}`,
      `bring it up to date with \`${renew}\`, and commit it`,
    );
  }
}

/** Of other package managers: npm ends with EUNSUPPORTEDPROTOCOL. */
const FOREIGN = /^(workspace|catalog|link|portal|patch):/;

/** npm writes a folder without the word that a file has. */
const placeIn = ({ resolved, link }: Record<string, unknown>) => `${link === true ? 'file:' : ''}${String(resolved)}`;

/** Packages that npm would read from a file which only this machine has. */
function filesOutside(root: string, entries: Record<string, unknown>): { name: string; place: string }[] {
  return Object.entries(entries).flatMap(([path, entry]) => {
    const [, place] = (isRecord(entry) && /^file:(.+)$/.exec(placeIn(entry))) || [];
    if (place === undefined || !(posix.isAbsolute(place) || posix.join(root, place).startsWith('..'))) return [];
    return [{ name: path.replace(/^.*node_modules\//, ''), place }];
  });
}

/** Names that only one of the two knows, and versions that do not satisfy what is asked for. Whatever is not plain is left to npm. */
function differences(manifest: Record<string, unknown>, entries: Record<string, unknown>, place: string): string[] {
  const wanted = dependenciesOf(manifest);
  const own = entries[place];
  // A folder that `file:` names, and that needs nothing.
  if (own === undefined && place.startsWith('..')) return [];
  const locked = dependenciesOf(isRecord(own) ? own : {});
  const entryOf = (name: string) => entries[posix.join(place, 'node_modules', name)] ?? entries[`node_modules/${name}`];
  const missing = Object.keys(wanted).filter((name) => !(name in locked) || !isRecord(entryOf(name)));
  const surplus = Object.keys(locked).filter((name) => !(name in wanted));
  const other = Object.keys(wanted).flatMap((name) => {
    const entry = entryOf(name);
    const version = isRecord(entry) ? entry.version : undefined;
    return typeof version === 'string' && isSurelyOutside(version, wanted[name] ?? '')
      ? [`${name} is ${wanted[name]} in the manifest and ${String(version)} in the lock`]
      : [];
  });
  return [
    ...missing.map((name) => `${name} is not in the lock`),
    ...surplus.map((name) => `${name} is only in the lock`),
    ...other,
  ];
}

const PLAIN = /^([~^]?)(\d+)\.(\d+)\.(\d+)$/;

/** Of plain versions alone, and of ranges made of one: npm knows all the others. */
function isSurelyOutside(version: string, range: string): boolean {
  const [, sign, ...asked] = PLAIN.exec(range) ?? [];
  const [, , ...found] = /^\d/.test(version) ? (PLAIN.exec(version) ?? []) : [];
  // A version with something behind its numbers is exact as a text.
  if (asked.length === 0 || found.length === 0) return asked.length > 0 && sign === '' && version !== range;
  const [at, least] = [found.map(Number), asked.map(Number)];
  const fixed = sign === '' ? 3 : sign === '~' ? 2 : least.findIndex((number) => number > 0) + 1 || 3;
  const differing = at.findIndex((number, index) => number !== least[index]);
  if (differing < 0) return false;
  return differing < fixed || (at[differing] ?? 0) < (least[differing] ?? 0);
}

/** Optional ones may be absent from a lock that another platform wrote; peers are npm's own business. */
function dependenciesOf(manifest: Record<string, unknown>): Dependencies {
  const all = [manifest.dependencies, manifest.devDependencies].filter(isRecord);
  const optional = isRecord(manifest.optionalDependencies) ? manifest.optionalDependencies : {};
  const merged = Object.assign({}, ...all) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(merged).flatMap(([name, range]) =>
      typeof range === 'string' && !(name in optional) ? [[name, range]] : [],
    ),
  );
}

function parse(text: string | null, where: string, hint: string): Record<string, unknown> {
  if (text === null) throw new PipelineError('BAD_MANIFEST', `${where} is missing`, hint);
  checkConflict(text, where, hint);
  let raw: unknown;
  try {
    raw = JSON.parse(text.replace(/^\uFEFF/, '')); // npm takes a byte order mark, too
  } catch (cause) {
    throw new PipelineError(
      'BAD_MANIFEST',
      `${where} is not JSON: ${placeOf(reasonOf(cause), text)}`,
      `fix it; ${hint}`,
      {
        cause,
      },
    );
  }
  if (!isRecord(raw))
    throw new PipelineError('BAD_MANIFEST', `${where} does not hold a JSON object`, `fix it; ${hint}`);
  return raw;
}

function checkConflict(text: string, where: string, hint: string): void {
  const conflict = /^<{7} /m.exec(text);
  if (conflict === null) return;
  const line = text.slice(0, conflict.index).split('\n').length;
  throw new PipelineError('BAD_MANIFEST', `${where}:${line} holds a conflict of a merge`, `settle it; ${hint}`);
}

/** Node counts characters; people count lines. */
function placeOf(reason: string, text: string): string {
  const position = /at position (\d+)/.exec(reason)?.[1];
  if (position === undefined || /line \d+/.test(reason)) return reason;
  const before = text.slice(0, Number(position)).split('\n');
  return `${reason} (line ${before.length} column ${(before[before.length - 1]?.length ?? 0) + 1})`;
}
