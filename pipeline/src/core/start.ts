// How a service is started: as drydock.yaml says, else as its own scripts and its main do. The image has Node and no shell.
import { type Fields, recordOf } from './record.ts';

/** The words after `node`, and who says so. */
export type Start = { words: readonly string[]; from: string };

/** What npm takes where a package has no script start. */
const USUAL_FILE = 'server.js';

/** In the order in which they count; the first whose file the image has is the one. */
export function startsOf(fields: Fields, said: readonly string[] | null): Start[] {
  if (said !== null) return [{ words: withoutPnp(said), from: 'start' }];
  const scripts = recordOf(fields.scripts);
  const scripted = ['start:prod', 'start'].flatMap((name) => {
    const words = wordsOf(String(scripts[name] ?? ''));
    return words === null ? [] : [{ words, from: `the script ${name}` }];
  });
  const { main } = fields;
  const named = typeof main === 'string' && main !== '' ? [{ words: [main.replace(LEADING, '')], from: 'main' }] : [];
  const found = [...scripted, ...named];
  return found.length > 0 ? found : [{ words: [USUAL_FILE], from: 'npm' }];
}

/** Of a script that is nothing but Node with a file: null for all that needs a shell, another program, or only watches. */
function wordsOf(script: string): string[] | null {
  const all = script.trim().split(/\s+/);
  const before = all.indexOf('node');
  const words = all.slice(before + 1);
  if (before < 0 || !all.slice(0, before).every(isBefore) || !words.every((word) => /^[\w./=:@,-]+$/.test(word)))
    return null;
  if (words.some((word) => /^--?(watch|inspect|env-file|e|p|eval|print|check|c|test)\b/.test(word))) return null;
  const entry = entryOf(words);
  if (entry === null || /\.[cm]?tsx?$/.test(entry)) return null;
  return withoutPnp(words).map((word) => (word.replace(LEADING, '') === entry ? entry : word));
}

/** Packages lie in node_modules, whatever the repository's own Yarn makes of them: Node finds them there by itself. */
const withoutPnp = (words: readonly string[]): string[] =>
  words.filter(
    (word, index) =>
      !PNP.test(word) && !(TAKES_NEXT.test(word) && !word.includes('=') && PNP.test(words[index + 1] ?? '')),
  );

const PNP = /(^|[/=])\.pnp\.(c?js|loader\.mjs)$/;

const isBefore = (word: string, index: number) =>
  (['cross-env', 'yarn'].includes(word) && index === 0) || /^[A-Z][A-Z0-9_]*=[\w./-]*$/.test(word);

const LEADING = /^(\.\/)+/;

/** Options of Node that take the next word. */
const TAKES_NEXT =
  /^(-r|-C|--require|--import|--loader|--experimental-loader|--conditions|--title|--max-http-header-size)$/;

/** The file that Node is given; null where there is none. */
export function entryOf(words: readonly string[]): string | null {
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (!word.startsWith('-')) return word.replace(LEADING, '');
    if (TAKES_NEXT.test(word)) index += 1;
  }
  return null;
}

/** Files that may be meant: Node finds the end of a name by itself, where the package is not of modules. */
export const filesOf = (entry: string): string[] =>
  /\.[cm]?js$/.test(entry) ? [entry] : [entry, `${entry}.js`, `${entry}.cjs`, `${entry.replace(/\/$/, '')}/index.js`];
