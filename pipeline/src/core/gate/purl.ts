// Package URLs, as far as statements about packages need them: https://github.com/package-url/purl-spec

export type Purl = {
  type: string;
  namespace: string;
  name: string;
  version: string | null;
  qualifiers: ReadonlyMap<string, string>;
};

/** Null for a text that is none. */
export function parsePurl(text: string): Purl | null {
  const match = /^pkg:\/*([a-z][a-z0-9.+-]*)\/(.+)$/i.exec(text);
  if (match === null) return null;
  const [rest = '', query = ''] = (match[2] ?? '').replace(/#.*$/, '').split('?', 2);
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
    qualifiers: new Map(query.split('&').filter(Boolean).map(splitQualifier)),
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

/** Whether `wanted` speaks of `given`: what `wanted` leaves open (version, qualifiers) may be anything. */
export function matchesPurl(wanted: string, given: string): boolean {
  const [a, b] = [parsePurl(wanted), parsePurl(given)];
  if (a === null || b === null) return wanted === given;
  if (a.type !== b.type || a.namespace !== b.namespace || a.name !== b.name) return false;
  if (a.version !== null && a.version !== b.version) return false;
  return [...a.qualifiers].every(([key, value]) => b.qualifiers.get(key) === value);
}
