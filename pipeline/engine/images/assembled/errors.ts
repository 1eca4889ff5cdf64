// The faults of assembling: a code for machines, one sentence and a hint for people.
import { EngineError, type Lack } from '../../errors.ts';

export type AssembleErrorCode =
  | 'NO_RECIPE'
  | 'NO_RECIPE_FOR_PLATFORM'
  | 'OFFLINE_MISSING' // packages that are not in the cache, and the network may not be used
  | 'PACKAGE_GONE' // the registry answered: no such file
  | 'PACKAGE_UNREACHABLE' // no registry answered as it should
  | 'PIN_MISMATCH' // bytes other than the lock says
  | 'PACKAGE_INVALID' // an archive that cannot be read, or holds what it may not
  | 'LOCK_INVALID'
  | 'DESTINATION_TAKEN';

/** The others are faults: of a package, a lock, a recipe. */
const LACKS: Readonly<Partial<Record<AssembleErrorCode, Lack>>> = {
  NO_RECIPE_FOR_PLATFORM: 'MISSING_IMAGE',
  OFFLINE_MISSING: 'OFFLINE',
  PACKAGE_GONE: 'MISSING_IMAGE',
  PACKAGE_UNREACHABLE: 'MISSING_IMAGE',
};

/** A substitute could not be assembled. */
export class AssembleError extends EngineError {
  readonly code: AssembleErrorCode;

  constructor(code: AssembleErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, hint, { ...options, lack: LACKS[code] });
    this.name = 'AssembleError';
    this.code = code;
  }
}

/** An archive that is broken or dangerous; the hint is the same for all of them. */
export function invalidPackage(where: string, what: string, options?: ErrorOptions): AssembleError {
  return new AssembleError(
    'PACKAGE_INVALID',
    `${where} ${what}`,
    'its bytes are those of the lock, so the recipe needs a fix: report it',
    options,
  );
}
