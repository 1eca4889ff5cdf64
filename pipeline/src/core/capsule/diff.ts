// What differs between two capsules, kind by kind, from their manifests alone.
import { type Fingerprint, phraseFingerprint } from './fingerprint.ts';
import { type CapsuleManifest, type CapsulePackage, SOURCE_FOLDER } from './manifest.ts';

const DIFFERENCE_KINDS = [
  'files',
  'packages',
  'images',
  'database',
  'tools',
  'environment',
  'arguments',
  'engine',
  'result',
] as const;
type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** One thing; null on the side that does not have it. */
export type Difference = { kind: DifferenceKind; name: string; a: string | null; b: string | null };

/** In the order of the kinds, and of the names within one. The clock and the logs of two runs always differ, and are left out. */
export function diffCapsules(a: CapsuleManifest, b: CapsuleManifest): Difference[] {
  const [before, after] = [aspects(a), aspects(b)];
  return DIFFERENCE_KINDS.flatMap((kind) => between(kind, before[kind], after[kind]));
}

type Aspects = Record<DifferenceKind, ReadonlyMap<string, string>>;

function aspects(manifest: CapsuleManifest): Aspects {
  const { files, images, packages, environment, secrets, tools, stages, engine } = manifest;
  const prefix = `${SOURCE_FOLDER}/`;
  const sources = files.filter(({ path }) => path.startsWith(prefix));
  return {
    files: new Map(
      sources.map(({ path, sha256, executable, link }) => [
        path.slice(prefix.length),
        link === null ? `${sha256.slice(0, 12)}${executable ? ', executable' : ''}` : `→ ${link}`,
      ]),
    ),
    packages: new Map(packages.map((found) => [packageName(found), found.version])),
    images: new Map(images.map(({ name, pin, standIn }) => [name, standIn ?? pin])),
    database: new Map(
      manifest.database === null
        ? []
        : [['vulnerability database', manifest.database.replace(/^sha256:/, '').slice(0, 12)]],
    ),
    tools: new Map(Object.entries({ drydock: manifest.tool.version, ...tools })),
    environment: new Map([
      ...environment.map((name) => [name, 'set'] as const),
      ...secrets.map((name) => [name, 'a secret'] as const),
    ]),
    arguments: new Map(Object.entries(manifest.arguments).map(([name, value]) => [name, String(value)])),
    engine: new Map([['engine', engine?.kind ?? 'unknown']]),
    result: new Map(stages.map(({ name, status, fingerprint }) => [name, phraseResult(status, fingerprint)])),
  };
}

const phraseResult = (status: string, fingerprint: Fingerprint | null) =>
  fingerprint === null ? status : phraseFingerprint(fingerprint);

/** `service: node_modules/express/node_modules/qs` → `service: express > qs` */
export function packageName({ set, path }: Pick<CapsulePackage, 'set' | 'path'>): string {
  return `${set}: ${path.replace(/^node_modules\//, '').replaceAll('/node_modules/', ' > ')}`;
}

function between(kind: DifferenceKind, a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): Difference[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .sort()
    .map((name) => ({ kind, name, a: a.get(name) ?? null, b: b.get(name) ?? null }))
    .filter((entry) => entry.a !== entry.b);
}

export function phraseDifferences(differences: readonly Difference[], a: string, b: string): string[] {
  if (differences.length === 0) return [`${a} and ${b} hold the same, and ended the same`];
  return DIFFERENCE_KINDS.flatMap((kind) => {
    const own = differences.filter((difference) => difference.kind === kind);
    return own.length === 0
      ? []
      : [`${kind}: ${own.length}`, ...own.map((difference) => `  ${phraseDifference(difference)}`)];
  });
}

export function phraseDifference({ kind, name, a, b }: Difference): string {
  if (a === null) return `+ ${name}${kind === 'files' ? '' : ` ${b}`}`;
  if (b === null) return `- ${name}${kind === 'files' ? '' : ` ${a}`}`;
  return kind === 'files' ? `~ ${name}` : `~ ${name}: ${a} → ${b}`;
}
