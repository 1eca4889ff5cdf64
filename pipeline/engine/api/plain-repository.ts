// A repository that anybody may have made, as git may read it: its history and its index, beside settings of ours. None of its own settings takes
// effect, since many of them name programs, files or other repositories.
import { copyFileSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { type GitRunner, said } from './git-runner.ts';

/** What says what is committed, and where. No hooks, no other working trees, no logs. */
const HISTORY = ['HEAD', 'packed-refs', 'refs', 'reftable', 'shallow', 'index', 'info/exclude', 'info/sparse-checkout'];

/** How names and bytes are to be read. Their values are words, and only words are taken. */
const READING = [
  ...['core.autocrlf', 'core.eol', 'core.fileMode', 'core.ignoreCase', 'core.precomposeUnicode', 'core.symlinks'],
  ...['core.repositoryFormatVersion', 'extensions.objectFormat', 'extensions.refStorage'],
];

/** Makes one in `place`, of the .git folder, or the repository without a working tree, `directory`. Refuses what leads out of it. */
export async function plainRepository(git: GitRunner, directory: string, place: string): Promise<void> {
  if (!lstatSync(directory).isDirectory() || leadsOut(directory))
    throw new EngineError(
      'the .git of this folder leads out of it',
      'take the complete repository, with its .git as a folder',
    );
  mkdirSync(join(place, 'objects/info'), { recursive: true });
  mkdirSync(join(place, 'refs'));
  mkdirSync(join(place, 'info'));
  for (const name of HISTORY) {
    const from = join(directory, name);
    if (!existsSync(from)) continue;
    if (lstatSync(from).isDirectory()) cpSync(from, join(place, name), { recursive: true });
    else copyFileSync(from, join(place, name));
  }
  writeFileSync(join(place, 'objects/info/alternates'), `${join(directory, 'objects')}\n`);
  writeFileSync(join(place, 'config'), await settingsOf(git, join(directory, 'config')));
}

/** Git itself makes no links there, and objects of elsewhere only on demand. */
const leadsOut = (directory: string): boolean =>
  existsSync(join(directory, 'commondir')) ||
  existsSync(join(directory, 'objects/info/alternates')) ||
  readdirSync(directory, { recursive: true, withFileTypes: true }).some(
    (entry) => !entry.isFile() && !entry.isDirectory(),
  );

/** Read as a file of settings, which is not obeyed, and whose includes are not followed. */
async function settingsOf(git: GitRunner, file: string): Promise<string> {
  if (!existsSync(file)) return '';
  const listed = await git(['config', '--file', file, '--no-includes', '--null', '--list']).catch((error) => {
    throw new EngineError(`git: the settings of this repository cannot be read: ${said(error)}`);
  });
  const wanted = new Map(READING.map((name) => [name.toLowerCase(), name]));
  const lines = listed.split('\0').flatMap((entry) => {
    const [key = '', value] = entry.split('\n');
    const name = wanted.get(key);
    if (name === undefined || !/^\w*$/.test(value ?? '')) return [];
    const [section, setting] = name.split('.');
    return [`[${section}]\n\t${setting}${value === undefined ? '' : ` = ${value}`}\n`];
  });
  return lines.join('');
}
