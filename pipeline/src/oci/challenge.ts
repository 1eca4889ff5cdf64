// Reads what a registry demands in WWW-Authenticate.

export type Challenge =
  | { scheme: 'bearer'; realm: string; service?: string; scope?: string; error?: string }
  | { scheme: 'basic' };

/** The challenges of a header, in order; schemes that are not known here are left out. */
export function parseChallenges(header: string): Challenge[] {
  return splitSchemes(header).flatMap(({ scheme, parameters }): Challenge[] => {
    if (scheme === 'basic') return [{ scheme: 'basic' }];
    const realm = parameters.get('realm');
    if (scheme !== 'bearer' || realm === undefined) return [];
    const optional = ['service', 'scope', 'error'].flatMap((key) => {
      const value = parameters.get(key);
      return value === undefined ? [] : [[key, value]];
    });
    return [{ scheme: 'bearer', realm, ...Object.fromEntries(optional) }];
  });
}

type Scheme = { scheme: string; parameters: Map<string, string> };

/** `Bearer a="b,c", d=e, Basic realm="x"`: commas part both parameters and schemes, and stand in quoted text too. */
function splitSchemes(header: string): Scheme[] {
  const token = /\s*,?\s*([A-Za-z][\w-]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y;
  const schemes: Scheme[] = [];
  for (;;) {
    const match = token.exec(header);
    if (match === null) return schemes;
    const [, word = '', quoted, bare] = match;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? bare;
    if (value === undefined) schemes.push({ scheme: word.toLowerCase(), parameters: new Map() });
    else schemes.at(-1)?.parameters.set(word.toLowerCase(), value);
  }
}
