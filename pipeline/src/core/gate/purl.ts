// Package URLs, as far as statements about packages need them: https://github.com/package-url/purl-spec

export type Purl = {
  type: string;
  namespace: string;
  name: string;
  version: string | null;
  qualifiers: ReadonlyMap<string, string>;
  subpath: string;
};

/** Null for a text that is none. */
export function parsePurl(text: string): Purl | null {
  const match = /^pkg:\/*([a-z][a-z0-9.+-]*)\/(.+)$/i.exec(text);
  if (match === null) return null;
  const [whole = '', subpath = ''] = (match[2] ?? '').split('#', 2);
  const [rest = '', query = ''] = whole.split('?', 2);
  // A scope's @ is written %40, but not by everybody: only the last one, behind the name, begins the version.
  const at = rest.lastIndexOf('@');
  const hasVersion = at > 0 && at > rest.lastIndexOf('/');
  const path = (hasVersion ? rest.slice(0, at) : rest).split('/').filter(Boolean).map(decode);
  const name = path.pop();
  if (name === undefined) return null;
  return {
    type: (match[1] ?? '').toLowerCase(),
    namespace: path.join('/'),
    name,
    version: hasVersion ? decode(rest.slice(at + 1)) : null,
    // One without a value is as good as none.
    qualifiers: new Map(
      query
        .split('&')
        .map(splitQualifier)
        .filter(([, value]) => value !== ''),
    ),
    subpath: subpath.split('/').filter(Boolean).map(decode).join('/'),
  };
}

function splitQualifier(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at).toLowerCase(), decode(pair.slice(at + 1))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Of these, names differ by more than case. */
const CASED = new Set([
  'cargo',
  'cocoapods',
  'conan',
  'cran',
  'docker',
  'gem',
  'generic',
  'hackage',
  'maven',
  'nuget',
  'oci',
  'swift',
]);

/** As the specification of each type has it. */
function nameOf({ type, namespace, name }: Purl): string {
  const path = `${namespace}/${name}`;
  if (type === 'pypi') return path.toLowerCase().replaceAll('_', '-');
  return CASED.has(type) ? path : path.toLowerCase();
}

/** Whether `wanted` speaks of `given`, by Trivy's rule: what `wanted` leaves open (version, qualifiers) may be anything; what it says is equal. */
export function matchesPurl(wanted: string, given: string): boolean {
  const [a, b] = [parsePurl(wanted), parsePurl(given)];
  if (a === null || b === null) return wanted === given;
  if (a.type !== b.type || nameOf(a) !== nameOf(b)) return false;
  if (a.version !== null && a.version !== b.version) return false;
  if (a.subpath !== '' && a.subpath !== b.subpath) return false;
  return [...a.qualifiers].every(([key, value]) => b.qualifiers.get(key) === value);
}
