// Reads what the operating system refuses, as one of our errors: a full disk is nobody's bug.
import { type ErrorCode, PipelineError, reasonOf } from '../src/core/errors.ts';
import { asLines } from '../src/core/safe-text.ts';

const IN_THE_WAY = {
  code: 'BAD_OPTION',
  sentence: 'a folder is where a file belongs',
  hint: 'remove it, or name another folder with --output',
} as const;

const SYSTEM: Readonly<Record<string, { code: ErrorCode; sentence: string; hint: string }>> = {
  ENOSPC: {
    code: 'NO_SPACE',
    sentence: 'the disk is full',
    hint: 'free some space, or name another folder with --output',
  },
  EDQUOT: {
    code: 'NO_SPACE',
    sentence: 'the disk quota is used up',
    hint: 'free some space, or name another folder with --output',
  },
  EROFS: {
    code: 'NO_PERMISSION',
    sentence: 'the file system is read-only',
    hint: 'name a folder that can be written with --output',
  },
  EACCES: {
    code: 'NO_PERMISSION',
    sentence: 'permission is denied',
    hint: 'name a folder that you may write with --output',
  },
  EISDIR: IN_THE_WAY,
  ERR_FS_EISDIR: IN_THE_WAY,
  EPERM: {
    code: 'NO_PERMISSION',
    sentence: 'permission is denied',
    hint: 'name a folder that you may write with --output',
  },
};

/** The error that is told; undefined for what is a bug of ours. */
export function asFault(error: unknown): PipelineError | undefined {
  if (error instanceof PipelineError) return error;
  if (!(error instanceof Error)) return undefined;
  const { code, path } = error as NodeJS.ErrnoException;
  const known = code === undefined || !Object.hasOwn(SYSTEM, code) ? undefined : SYSTEM[code];
  if (known !== undefined) {
    const where = path === undefined ? '' : ` (${path})`;
    return new PipelineError(known.code, `${known.sentence}${where}`, known.hint, { cause: error });
  }
  return error.cause === undefined || error.cause === error ? undefined : asFault(error.cause);
}

/** What is printed of an error: a sentence and a hint, or the stack of a bug. */
export function describeFault(error: unknown, isVerbose: boolean): { text: string; exitCode: number } {
  const fault = asFault(error);
  if (fault === undefined) {
    return {
      text: `${stackOf(error)}\nthis is a bug in drydock: please report it with the lines above\n`,
      exitCode: 1,
    };
  }
  const cause = isVerbose && fault.cause !== undefined ? asLines([`cause: ${reasonOf(fault.cause)}`]) : '';
  return { text: `${asLines([`error: ${fault.message}`, `hint: ${fault.hint}`])}${cause}`, exitCode: fault.exitCode };
}

/** The stack, and the stacks of what caused it. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return reasonOf(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined || error.cause === error ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}
