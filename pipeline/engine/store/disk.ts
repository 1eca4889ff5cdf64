// A full disk: told from other faults, and said in one sentence.
import { statfsSync } from 'node:fs';
import { ENGINE_COMMAND } from '../../src/command.ts';
import { EngineError, EnvironmentError } from '../errors.ts';

/** Less than this is full: what a step wrote last may be cut off. */
const FULL_BYTES = 256 * 1024;

const STORE_HINT = `make room, for example with \`${ENGINE_COMMAND} gc --keep 1GB\`, and run again`;

export class DiskFullError extends EngineError {
  constructor(place: string, options?: ErrorOptions, hint = STORE_HINT) {
    super(`the disk is full: there is no room left at ${place}`, hint, { ...options, lack: 'NO_SPACE' });
  }
}

/** Whether there is no room left where a folder is. */
export function isFull(folder: string): boolean {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize < FULL_BYTES;
}

/** The sentence for an error that comes from a full disk, wherever in its causes that stands; undefined for any other error. */
export function diskFullError(error: unknown, place: string, hint?: string): DiskFullError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof DiskFullError) return cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || /\bno space left on device\b/i.test(cause.message))
      return new DiskFullError(place, { cause: error }, hint);
  }
  return undefined;
}

const UNWRITABLE: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  ENOENT: 'no folder can be made there',
};

/** The sentence for a folder that may not be written; undefined for any other error. */
export function unwritableError(error: unknown, sentence: string): EnvironmentError | undefined {
  const why = UNWRITABLE[(error as NodeJS.ErrnoException).code ?? ''];
  if (why === undefined) return undefined;
  return new EnvironmentError(`${sentence}: ${why}`, 'set XDG_CACHE_HOME to a folder that can be written', {
    cause: error,
  });
}
