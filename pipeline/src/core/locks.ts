// Reads the lock files of Yarn, pnpm and Bun: which packages they hold, on which lines, what needs what, and what each package of the repository asks for.
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { OtherName } from './manager.ts';
import { isRecord, recordOf } from './record.ts';

export type LockedPackage = {
  name: string;
  version: string;
  /** As the lock file has it; '' where it has none. */
  integrity: string;
  /** 1 for the first. */
  line: number;
  /** Keys of packages, by the names under which it asks for them. */
  needs: ReadonlyMap<string, string>;
};

/** What a package of the repository asks for. `key` is that of a package; undefined where none is locked for it, or one of the repository. */
type Wanted = { name: string; range: string; key: string | undefined; dev: boolean };

export type Lock = {
  packages: ReadonlyMap<string, LockedPackage>;
  /** By folders below that of the lock file; '' is its own. Undefined where the lock file says nothing of them: of Yarn 1. */
  importers: ReadonlyMap<string, readonly Wanted[]> | undefined;
  /** The key of the package that a name and a range stand for; of Yarn alone, whose keys are these. */
  keyOf: (name: string, range: string) => string | undefined;
};

/** One that cannot be read holds nothing: the manager says so. */
export function readLock(manager: OtherName, text: string): Lock {
  return READERS[manager](text);
}

const READERS: Readonly<Record<OtherName, (text: string) => Lock>> = { yarn: readYarn, pnpm: readPnpm, bun: readBun };

/** Dependencies of a workspace (its folder below that of the lock file) that a lock file does not know as they are asked for. */
export function missingIn(
  manager: OtherName,
  text: string,
  workspace: string,
  wanted: Readonly<Record<string, string>>,
): string[] {
  const asked = Object.entries(wanted).filter(([, range]) => !/^(workspace|link|file|portal|catalog):/.test(range));
  const isMissing = missingBy(readLock(manager, text), workspace);
  return asked.filter(([name, range]) => isMissing(name, range)).map(([name, range]) => `${name}@${range}`);
}

function missingBy({ packages, importers, keyOf }: Lock, workspace: string) {
  if (importers !== undefined) {
    // What is not there has no say: a folder that a lock file does not know, or one that cannot be read.
    const own = importers.get(workspace);
    const known = new Map(own?.map(({ name, range }) => [name, range]));
    return (name: string, range: string) => own !== undefined && known.get(name) !== range;
  }
  // A workspace is in no lock file of Yarn 1: a name that is nowhere in it may be one.
  const names = new Set([...packages.keys()].map(nameInSpec));
  return (name: string, range: string) => names.has(name) && keyOf(name, range) === undefined;
}

/** In the order of the lock file. */
export const lockedBy = (manager: OtherName, text: string): LockedPackage[] => [
  ...new Set(readLock(manager, text).packages.values()),
];

const nameInSpec = (spec: string) => spec.replace(/(?<=.)@.*$/, '');

/** Entries of a lock file that begins each at the margin, with the line on which it stands. */
function entriesOf(text: string): { head: string; body: string; line: number }[] {
  const entries: { head: string; body: string; line: number }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const last = entries.at(-1);
    if (/^[^\s#].*:$/.test(line)) entries.push({ head: line.slice(0, -1), body: '', line: index + 1 });
    else if (last !== undefined) last.body += `${line}\n`;
  }
  return entries;
}

/** Of Yarn 1 and later ones, whose format is almost the same: keys are what is asked for, and several may lead to one package. */
function readYarn(text: string): Lock {
  const packages = new Map<string, LockedPackage>();
  const importers = new Map<string, Wanted[]>();
  const isModern = /^__metadata:$/m.test(text);
  const keyOf = (name: string, range: string) =>
    [`${name}@${range}`, `${name}@npm:${range}`].find((spec) => packages.has(spec));
  // `resolutions` lock what nobody asks for.
  const likely = (name: string, range: string) =>
    keyOf(name, range) ?? [...packages.keys()].find((spec) => nameInSpec(spec) === name);
  const wanting: { body: string; needs: Map<string, string>; folder: string | undefined }[] = [];
  for (const { head, body, line } of entriesOf(text)) {
    if (head === '__metadata') continue;
    const asked = head.replace(/^"|"$/g, '').split(/"?, "?/);
    const field = (name: string) => new RegExp(`^  ${name}:? "?([^"\\n]*)"?$`, 'm').exec(body)?.[1] ?? '';
    const resolution = field('resolution') || (asked[0] ?? '');
    const [, folder] = /@workspace:(.*)$/.exec(resolution) ?? [];
    const needs = new Map<string, string>();
    wanting.push({ body, needs, folder: folder === '.' ? '' : folder });
    if (folder !== undefined) continue;
    const integrity = field('integrity') || field('checksum');
    const found = { name: nameInSpec(resolution), version: field('version'), integrity, line, needs };
    for (const spec of asked) packages.set(spec, found);
  }
  for (const { body, needs, folder } of wanting) {
    const asked = dependenciesIn(body).map(([name, range]) => ({ name, range, key: likely(name, range) }));
    for (const { name, key } of asked) if (key !== undefined) needs.set(name, key);
    if (folder !== undefined)
      importers.set(
        folder,
        asked.map((each) => ({ ...each, dev: false })),
      );
  }
  return { packages, importers: isModern ? importers : undefined, keyOf };
}

function dependenciesIn(body: string): [name: string, range: string][] {
  const sections = body.matchAll(/^ {2}(?:optionalD|d)ependencies:\n((?: {4}.*\n)*)/gm);
  return [...sections].flatMap(([, lines = '']) =>
    [...lines.matchAll(/^ {4}"?((?:@[^/"]+\/)?[^\s":]+)"?:? "?([^"\n]*)"?$/gm)].map(
      ([, name = '', range = '']): [string, string] => [name, range.replace(/^npm:(?!.*@)/, '')],
    ),
  );
}

/** Keys are names and versions, with the peers that were found for them. */
function readPnpm(text: string): Lock {
  const own = ofProject(text);
  const lock = recordOf(parseYaml(own));
  const packages = new Map<string, LockedPackage>();
  const lines = linesOf(own, /^ {2}'?\/?(@?[^@\s']+@[^\s']+?)'?:$/);
  // Before version 9 both are one.
  const snapshots = recordOf(lock.snapshots ?? lock.packages);
  for (const [path, entry] of Object.entries(snapshots)) {
    const key = path.replace(/^\//, '');
    const plain = key.replace(/\(.*$/, '');
    const [, name, version = ''] = /^(.+?)@(.+)$/.exec(plain) ?? [];
    if (name === undefined) continue;
    const { resolution } = recordOf(recordOf(lock.packages)[lock.snapshots === undefined ? path : plain]);
    const { integrity } = recordOf(resolution);
    const { dependencies, optionalDependencies } = recordOf(entry);
    const wanted = Object.entries({ ...recordOf(dependencies), ...recordOf(optionalDependencies) });
    packages.set(key, {
      ...{ name, version, integrity: typeof integrity === 'string' ? integrity : '' },
      line: lines.get(plain) ?? lines.get(key) ?? 1,
      needs: new Map(wanted.map(([other, of]) => [other, pnpmKey(other, String(of))])),
    });
  }
  // Of one package alone, version 6 has no importers; before it, ranges stand elsewhere.
  const isAlone = lock.specifiers === undefined && KINDS.some((kind) => isRecord(lock[kind]));
  const importers = Object.entries(recordOf(lock.importers ?? (isAlone ? { '.': lock } : {}))).map(
    ([folder, asking]): [string, Wanted[]] => [folder === '.' ? '' : folder, wantedBy(recordOf(asking))],
  );
  return { packages, importers: new Map(importers), keyOf: () => undefined };
}

const KINDS = ['dependencies', 'optionalDependencies', 'devDependencies'] as const;

/** A version of an alias names the package itself. */
const pnpmKey = (name: string, version: string) =>
  /^\/?@?[^@(]+@/.test(version) ? version.replace(/^\//, '') : `${name}@${version}`;

function wantedBy(importer: Record<string, unknown>): Wanted[] {
  return KINDS.flatMap((kind) =>
    Object.entries(recordOf(importer[kind])).map(([name, value]): Wanted => {
      const { specifier, version } = recordOf(value);
      return { name, range: String(specifier), key: pnpmKey(name, String(version)), dev: kind === 'devDependencies' };
    }),
  );
}

/** What pnpm 11 and later lock for themselves stands in a document before that of the project: nothing but its lines is left. */
const ofProject = (text: string) => text.replace(/^[\s\S]*\n---(?=\n)/, (before) => before.replace(/[^\n]+/g, ''));

/** A lock file of pnpm in one document, as scanners read no more than the first: what pnpm locks for itself among what the project asks for. Null for one that is so already, or cannot be read. */
export function inOneDocument(text: string): string | null {
  if (ofProject(text) === text) return null;
  try {
    const parsed = [...parseAllDocuments(text)];
    if (parsed.some(({ errors }) => errors.length > 0)) return null;
    const documents = parsed.map((document) => recordOf(document.toJS()));
    const there = ['packages', 'snapshots'].filter((key) => documents.some((document) => Object.hasOwn(document, key)));
    const joined = there.map((key) => [key, Object.assign({}, ...documents.map((document) => document[key]))]);
    return stringify({ ...documents.at(-1), ...Object.fromEntries(joined) });
  } catch {
    return null;
  }
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** Keys are paths, as folders would lie below each other: `debug/ms` is the ms of debug. */
function readBun(text: string): Lock {
  const lock = recordOf(parseWithCommas(text));
  const entries = Object.entries(recordOf(lock.packages)).filter((entry): entry is [string, unknown[]] =>
    Array.isArray(entry[1]),
  );
  const keys = new Set(entries.map(([key]) => key));
  const isLocal = new Set(
    entries.filter(([, [spec]]) => /@(workspace|link|file|root):/.test(String(spec))).map(([key]) => key),
  );
  /** As Node looks: below the package, then beside it, and so on up. */
  const resolve = (from: string, name: string): string | undefined => {
    for (let above = from; above !== ''; above = above.replace(/\/?(@[^/]+\/)?[^/]+$/, ''))
      if (keys.has(`${above}/${name}`)) return `${above}/${name}`;
    return keys.has(name) ? name : undefined;
  };
  const lines = linesOf(text, /^ {4}"([^"]+)": \[/);
  const packages = new Map<string, LockedPackage>();
  for (const [key, parts] of entries) {
    if (isLocal.has(key)) continue;
    const [, name = key, version = ''] = /^(.+?)@(.*)$/.exec(String(parts[0])) ?? [];
    const { dependencies, optionalDependencies, peerDependencies } = recordOf(parts.find(isRecord));
    const names = Object.keys({
      ...recordOf(dependencies),
      ...recordOf(optionalDependencies),
      ...recordOf(peerDependencies),
    });
    const needs = names.flatMap((each): [string, string][] => {
      const found = resolve(key, each);
      return found === undefined ? [] : [[each, found]];
    });
    const last = parts.at(-1);
    const integrity = typeof last === 'string' && /^sha\d+-/.test(last) ? last : '';
    packages.set(key, { name, version, integrity, line: lines.get(key) ?? 1, needs: new Map(needs) });
  }
  const importers = Object.entries(recordOf(lock.workspaces)).map(([folder, workspace]): [string, Wanted[]] => {
    const own = recordOf(workspace);
    const kinds = ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'];
    return [
      folder,
      kinds.flatMap((kind) =>
        Object.entries(recordOf(own[kind])).map(([name, range]) => ({
          ...{
            name,
            range: String(range),
            key: resolve(String(own.name ?? ''), name),
            dev: kind === 'devDependencies',
          },
        })),
      ),
    ];
  });
  return { packages, importers: new Map(importers), keyOf: () => undefined };
}

/** JSON in which a comma may stand behind the last of a list. */
function parseWithCommas(text: string): unknown {
  try {
    return JSON.parse(text.replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, '$1'));
  } catch {
    return undefined;
  }
}

/** The first line that each key stands on; 1 for the first. */
function linesOf(text: string, pattern: RegExp): Map<string, number> {
  const lines = new Map<string, number>();
  for (const [index, line] of text.split('\n').entries()) {
    const key = pattern.exec(line)?.[1];
    if (key !== undefined && !lines.has(key)) lines.set(key, index + 1);
  }
  return lines;
}
