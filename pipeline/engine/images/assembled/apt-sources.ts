// Picks the Debian mirrors out of apt's source files, one-line and deb822 style. Reads no file itself.
import { fieldOf, parseStanzas } from './deb822.ts';
import type { DebianArchive } from './lock-file.ts';

type AptSource = { uri: string; suites: string[]; components: string[]; signedBy: string };

const SUITES = /^(bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)([-/].+)?$/;

/** The mirrors that hold Debian's archives, without repetition, in the order apt would ask them. */
export function aptMirrors(files: { name: string; text: string }[]): Record<DebianArchive, string[]> {
  const sources = files
    .flatMap(({ name, text }) => (name.endsWith('.sources') ? parseDeb822Sources(text) : parseOneLineSources(text)))
    .filter(isDebian);
  const isSecurity = ({ suites, uri }: AptSource) =>
    suites.some((suite) => /-security|\/updates/.test(suite)) || /-security\/*$/.test(uri);
  const debian = distinct(sources.filter((source) => !isSecurity(source)));
  const security = distinct(sources.filter(isSecurity));
  return { debian, 'debian-security': [...new Set([...security, ...debian.flatMap(siblingArchive)])] };
}

/** One or more addresses, parted by blanks or commas; the security archive stands beside the other unless it is named. */
export function mirrorsFromVariable(value: string): Record<DebianArchive, string[]> {
  const all = value.split(/[\s,]+/).filter((uri) => /^https?:\/\//.test(uri));
  const debian = all.filter((uri) => !uri.includes('-security'));
  const security = all.filter((uri) => uri.includes('-security'));
  return { debian, 'debian-security': security.length > 0 ? security : debian.flatMap(siblingArchive) };
}

/** `…/debian` → `…/debian-security`, also where a snapshot's date follows. */
function siblingArchive(uri: string): string[] {
  const sibling = uri.replace(/\/debian(?=\/|$)(?!.*\/debian(?=\/|$))/, '/debian-security');
  return sibling === uri ? [] : [sibling];
}

/** `deb [signed-by=…] uri suite component…` */
function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /signed-by=(\S+)/i.exec(options)?.[1] ?? '';
    return [{ uri, suites: [suite], components: words(components), signedBy }];
  });
}

/** Stanzas of `Types`, `URIs`, `Suites`, `Components`; disabled ones are left out. */
function parseDeb822Sources(text: string): AptSource[] {
  return parseStanzas(text).flatMap((stanza) => {
    const field = (name: string) => fieldOf(stanza, name);
    if (!words(field('Types')).includes('deb') || /^(no|false|0|off)$/i.test(field('Enabled'))) return [];
    return words(field('URIs')).map((uri) => ({
      uri,
      suites: words(field('Suites')),
      components: words(field('Components')),
      signedBy: field('Signed-By'),
    }));
  });
}

/**
 * Other vendors name their suites after Debian's too. So the address or the key must also speak of Debian; a wrong guess
 * costs a request that finds nothing, never a wrong file, since every file is checked against its pin.
 */
function isDebian({ uri, suites, components, signedBy }: AptSource): boolean {
  const speaksOfDebian =
    /\/debian[\w-]*(\/|$)|\/\/(security|deb|ftp)[^/]*\.debian\./.test(uri) || /debian-archive/.test(signedBy);
  return (
    /^https?:\/\//.test(uri) &&
    components.includes('main') &&
    suites.some((suite) => SUITES.test(suite)) &&
    speaksOfDebian
  );
}

function distinct(sources: AptSource[]): string[] {
  return [...new Set(sources.map(({ uri }) => uri))];
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
