// What to run where a linter says that files are not formatted: the script of the package that formats them.
import { quoted } from '../command.ts';
import { stripColours } from './first-errors.ts';
import { fieldsIn, recordOf } from './record.ts';

/** Sentences of Biome and Prettier. */
const UNFORMATTED = /File content differs from formatting output|Code style issues found in/;

const SCRIPTS = ['format:fix', 'format:write', 'prettier:fix', 'format', 'fmt', 'lint:fix', 'fix'];
/** These only look, unless they are told to write. */
const LOOKING = /\b(prettier|biome|eslint)\b(?!.*--(write|fix|apply)\b)|--check\b/;

/** Whether the log names files that are not formatted. */
export const isUnformatted = (log: string): boolean => UNFORMATTED.test(stripColours(log));

/** The command, from the root of the repository; null for a package without such a script. */
export function formatCommand(folder: string, manifest: string | null): string | null {
  const scripts = recordOf(fieldsIn(manifest)?.scripts);
  const script = SCRIPTS.find((name) => Object.hasOwn(scripts, name) && !LOOKING.test(String(scripts[name])));
  if (script === undefined) return null;
  return folder === '' ? `npm run ${script}` : `(cd ${quoted(folder)} && npm run ${script})`;
}
