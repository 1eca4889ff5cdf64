// Reads and writes Debian's control format (deb822): stanzas of `Key: value` with folded lines.

/** The fields of one stanza, in order. Keys are written in many ways in the wild, so look them up by `fieldOf`. */
export type Stanza = ReadonlyMap<string, string>;

/** Every stanza of a text; comment lines are left out. A folded value keeps its line breaks and leading blanks. */
export function parseStanzas(text: string): Stanza[] {
  const stanzas: Map<string, string>[] = [];
  let current: Map<string, string> | undefined;
  let key = '';
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      current = undefined;
      continue;
    }
    if (current === undefined) {
      current = new Map();
      stanzas.push(current);
      key = '';
    }
    if (/^[ \t]/.test(line)) {
      if (key !== '') current.set(key, `${current.get(key) ?? ''}\n${line}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    key = line.slice(0, colon);
    current.set(key, line.slice(colon + 1).trim());
  }
  return stanzas;
}

/** A field by its name in any case; empty when absent. */
export function fieldOf(stanza: Stanza, name: string): string {
  const exact = stanza.get(name);
  if (exact !== undefined) return exact;
  for (const [key, value] of stanza) if (key.toLowerCase() === name.toLowerCase()) return value;
  return '';
}

/** The stanza as text, without the blank line that parts it from the next. */
export function formatStanza(stanza: Stanza): string {
  return [...stanza].map(([key, value]) => `${key}:${value.startsWith('\n') ? '' : ' '}${value}\n`).join('');
}

/** What dpkg would have written to its status file had it installed this package. */
export function installedStanza(control: Stanza): Stanza {
  const { done, rest } = { done: ['Status', 'install ok installed'] as const, rest: [...control] };
  const [name, ...others] = rest.filter(([key]) => key !== 'Status');
  return new Map(name === undefined ? [done] : [name, done, ...others]);
}

/** The package names of a dependency field: for each clause its alternatives, without versions and architectures. */
export function parseDependencies(field: string): string[][] {
  return field
    .split(',')
    .map((clause) =>
      clause.split('|').map((one) =>
        one
          .replace(/[([<].*$/s, '')
          .trim()
          .replace(/:.*$/, ''),
      ),
    )
    .map((alternatives) => alternatives.filter((name) => name !== ''))
    .filter((alternatives) => alternatives.length > 0);
}

/** Order of two Debian versions, as deb-version(7) says. */
export function compareVersions(a: string, b: string): number {
  const left = splitVersion(a);
  const right = splitVersion(b);
  return (
    left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
  );
}

function splitVersion(version: string): { epoch: number; upstream: string; revision: string } {
  const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/s.exec(version) ?? [];
  const dash = rest.lastIndexOf('-');
  return {
    epoch: Number(epoch),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Runs of non-digits and of digits in turn: the first by character (`~` before the end, letters before the rest). */
function comparePart(a: string, b: string): number {
  let [left, right] = [a, b];
  while (left !== '' || right !== '') {
    const words: [string, string] = [/^\D*/.exec(left)?.[0] ?? '', /^\D*/.exec(right)?.[0] ?? ''];
    for (let index = 0; index < Math.max(words[0].length, words[1].length); index++) {
      const difference = weightOf(words[0][index]) - weightOf(words[1][index]);
      if (difference !== 0) return difference;
    }
    left = left.slice(words[0].length);
    right = right.slice(words[1].length);
    const numbers: [string, string] = [/^\d*/.exec(left)?.[0] ?? '', /^\d*/.exec(right)?.[0] ?? ''];
    const difference = BigInt(numbers[0] || '0') - BigInt(numbers[1] || '0');
    if (difference !== 0n) return difference < 0n ? -1 : 1;
    left = left.slice(numbers[0].length);
    right = right.slice(numbers[1].length);
  }
  return 0;
}

function weightOf(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256;
}
