// The words of the program's command line: what each command takes, and what was probably meant by a word that none does.
import { nearest } from '../../src/suggest.ts';
import { UsageError } from '../errors.ts';
import { parseSize } from '../store/sizes.ts';

export type Command =
  | { readonly name: 'session'; readonly workdir: string }
  | { readonly name: 'du'; readonly json: boolean }
  | { readonly name: 'gc'; readonly keep?: number; readonly all: boolean; readonly verify: boolean }
  | { readonly name: 'fetch-tools'; readonly folder: string }
  | { readonly name: 'tools'; readonly json: boolean }
  | { readonly name: 'sweep' | 'probe' | 'help' | 'version' };

/** Options of each command; those that are followed by a value say by which. */
const OPTIONS: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  session: { workdir: 'DIR' },
  du: { json: null },
  gc: { keep: 'SIZE', all: null, verify: null },
  sweep: {},
  probe: {},
  tools: { json: null },
};

/** Clients of a Dagger session pass these along; there is nothing here that they would change. */
const SESSION_EXTRAS = ['label', 'version', 'project'];
const SESSION_SWITCHES = ['load-workspace-modules'];

export function parseCommand(words: readonly string[]): Command {
  if (words.some((word) => word === '--help' || word === '-h')) return { name: 'help' };
  const [name, ...rest] = words;
  if (name === '--version' || name === '-v') return { name: 'version' };
  if (name === undefined)
    throw new UsageError('no command was given', `one of ${Object.keys(OPTIONS).join(', ')}; see --help`);
  if (name === 'fetch-tools' && rest[0] !== undefined) return { name, folder: rest[0] }; // bin/tools.sh alone says so
  const known = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (known === undefined) throw unknown('command', name, Object.keys(OPTIONS));
  const given = readOptions(name, rest, known);
  switch (name) {
    case 'session':
      return { name, workdir: given.get('workdir') ?? '.' };
    case 'du':
      return { name, json: given.has('json') };
    case 'gc':
      return gc(given);
    case 'tools':
      return { name, json: given.has('json') };
    case 'sweep':
    case 'probe':
      return { name };
    default:
      throw unknown('command', name, Object.keys(OPTIONS));
  }
}

function gc(given: ReadonlyMap<string, string>): Command {
  const [keep, all, verify] = [given.get('keep'), given.has('all'), given.has('verify')];
  if (keep === undefined) return { name: 'gc', all, verify };
  if (all) throw new UsageError('--keep and --all exclude each other', 'give one of them');
  const bytes = parseSize(keep);
  if (bytes === undefined)
    throw new UsageError(`--keep is not a size: ${keep}`, 'write it as 20GB, 500MB or a number of bytes');
  return { name: 'gc', keep: bytes, all, verify };
}

function readOptions(
  command: string,
  words: readonly string[],
  known: Readonly<Record<string, string | null>>,
): Map<string, string> {
  const given = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string;
    const [, option = '', attached] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (command === 'session' && SESSION_SWITCHES.includes(option)) continue;
    if (command === 'session' && SESSION_EXTRAS.includes(option)) {
      if (attached === undefined) index += 1;
      continue;
    }
    if (!Object.hasOwn(known, option))
      throw unknown(
        `word after ${command}`,
        word,
        Object.keys(known).map((one) => `--${one}`),
      );
    const wants = known[option];
    if (wants === null) {
      if (attached !== undefined) throw new UsageError(`--${option} takes no value`, `write --${option} alone`);
      given.set(option, '');
    } else {
      const value = attached ?? words[++index];
      if (value === undefined || value === '')
        throw new UsageError(`--${option} needs a value`, `write --${option} ${wants}`);
      given.set(option, value);
    }
  }
  return given;
}

function unknown(what: string, word: string, known: readonly string[]): UsageError {
  const meant = nearest(word, known);
  return new UsageError(`unknown ${what}: ${word}`, meant === undefined ? 'see --help' : `did you mean ${meant}?`);
}
