// What a check says: one sentence with its place, and what to paste.
import type { ErrorCode } from '../errors.ts';
import type { AskedStage } from '../model.ts';

/** `blocked`: a run surely fails. `warning`: what runs or ships is other than it looks. `note`: worth knowing where a run fails. */
export type Status = 'blocked' | 'warning' | 'note';

export type Finding = {
  status: Status;
  /** What a run that it stops ends with; null where it stops none. */
  code: ErrorCode | null;
  /** The one stage that it stops; null for every run. */
  stage: AskedStage | null;
  file: string | null;
  /** 1 for the first; null where there is no such place. */
  line: number | null;
  problem: string;
  hint: string;
};

type Said = Pick<Finding, 'problem' | 'hint'> & Partial<Pick<Finding, 'file' | 'line' | 'stage'>>;

const PLACELESS = { file: null, line: null, stage: null };

export const blocked = (code: ErrorCode, said: Said): Finding => ({ ...PLACELESS, ...said, status: 'blocked', code });
export const warning = (said: Said): Finding => ({ ...PLACELESS, ...said, status: 'warning', code: null });
export const note = (said: Said): Finding => ({ ...PLACELESS, ...said, status: 'note', code: null });

/** The first few of many names, and how many more there are. */
export function named(names: readonly string[], most = 3): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}

/** The line of a place in a text; null where it was not found. */
export const lineAt = (text: string, at: number): number | null =>
  at < 0 ? null : text.slice(0, at).split('\n').length;

/** The line on which a JSON file names a key. */
export const lineOfKey = (text: string, key: string): number | null =>
  lineAt(text, text.search(new RegExp(`"${escaped(key)}"\\s*:`)));

/** A text as a part of a regular expression. */
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The sentence with the line, which most rules do not put there themselves. */
export const sentenceOf = ({ file, line, problem }: Pick<Finding, 'file' | 'line' | 'problem'>): string =>
  file !== null && line !== null && problem.startsWith(`${file} `)
    ? `${file}:${line}${problem.slice(file.length)}`
    : problem;
