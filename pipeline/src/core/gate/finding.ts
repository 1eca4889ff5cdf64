// What a scanner found, in our own words. Past this point nobody knows how Trivy spells its keys.

/** From the least to the worst. */
export const SEVERITIES = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const KINDS = ['vulnerability', 'secret', 'misconfiguration'] as const;
export type FindingKind = (typeof KINDS)[number];

/** `ecosystem` is the package URL's type: `deb`, `npm`, … */
export type PackageName = { name: string; version: string; ecosystem: string; purl: string };

/** A file of the repository or of the image; `line` is 1 for the first, null where a line means nothing. */
export type Place = { in: 'image' | 'source'; file: string; line: number | null };

export type Finding = {
  kind: FindingKind;
  /** `CVE-…`, `GHSA-…`, or the id of the rule. */
  id: string;
  /** Other names of the same vulnerability: a GHSA where the id is a CVE. */
  aliases?: string[];
  severity: Severity;
  title: string;
  url: string | null;
  /** Null for secrets and misconfigurations. */
  package: PackageName | null;
  /** The version that fixes it; null where there is none. */
  fixedIn: string | null;
  /** Which part of the image it is in; null where only the source has it. */
  layer: 'base' | 'app' | null;
  /** Only what develops and tests the service has it; it does not ship. */
  dev: boolean;
  /** The chain of packages that brought it, the direct dependency first; empty where there is none. */
  via: string[];
  /** Sorted; the first is the one to go to. */
  places: Place[];
};

export function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** Whether one of the names that somebody gave is one of the finding's. */
export function isCalled(finding: Finding, names: readonly string[]): boolean {
  const own = [finding.id, ...(finding.aliases ?? [])].map((name) => name.toLowerCase());
  return names.some((name) => own.includes(name.toLowerCase()));
}

/** The same fault in the same package, wherever it was seen. Of what has no package, the file counts, and what is wrong in it. */
export function keyOf(finding: Finding): string {
  const { kind, id, title, places } = finding;
  if (finding.package !== null) return `${kind} ${id} ${purlOf(finding.package)}`;
  const file = places[0] === undefined ? '' : fileOf(places[0]);
  return kind === 'misconfiguration' ? `${kind} ${id} ${file}: ${title}` : `${kind} ${id} ${file}`;
}

function purlOf({ ecosystem, name, version }: PackageName): string {
  return `${ecosystem}/${name}@${version}`;
}

/** Worst first, then by name: the order of every list that is shown or written. */
export function compareFindings(a: Finding, b: Finding): number {
  return rank(b.severity) - rank(a.severity) || compareText(keyOf(a), keyOf(b));
}

/** By code points: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** One finding for each key, with all the places where it was seen. What ships counts more than what does not. */
export function mergeFindings(findings: readonly Finding[]): Finding[] {
  const merged = new Map<string, Finding>();
  for (const finding of findings) {
    const key = keyOf(finding);
    const known = merged.get(key);
    merged.set(key, known === undefined ? { ...finding, places: sortPlaces(finding.places) } : join(known, finding));
  }
  return [...merged.values()].sort(compareFindings);
}

function join(a: Finding, b: Finding): Finding {
  const aliases = [...new Set([...(a.aliases ?? []), ...(b.aliases ?? [])])].sort();
  return {
    ...a,
    ...(aliases.length > 0 ? { aliases } : {}),
    severity: rank(b.severity) > rank(a.severity) ? b.severity : a.severity,
    fixedIn: a.fixedIn ?? b.fixedIn,
    layer: a.layer ?? b.layer,
    dev: a.dev && b.dev,
    via: a.via.length > 0 ? a.via : b.via,
    places: sortPlaces([...a.places, ...b.places]),
  };
}

/** Files of the source first: that is where a person can fix something. */
function sortPlaces(places: readonly Place[]): Place[] {
  const unique = new Map(places.map((place) => [`${place.in} ${place.file} ${place.line ?? ''}`, place]));
  return [...unique.values()].sort(
    (a, b) => -compareText(a.in, b.in) || compareText(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0),
  );
}

/** `lodash 4.17.4`, or the file that holds it. */
export function phraseThing(finding: Finding): string {
  if (finding.package !== null) return `${finding.package.name} ${finding.package.version}`;
  return phrasePlace(finding.places[0]);
}

export function phrasePlace(place: Place | undefined): string {
  if (place === undefined) return 'an unknown place';
  return place.line === null ? fileOf(place) : `${fileOf(place)}:${place.line}`;
}

/** A path in the repository, or `image:/…`: an equal path in the image is another file. */
export function fileOf(place: Place): string {
  return place.in === 'image' ? `image:/${place.file}` : place.file;
}
