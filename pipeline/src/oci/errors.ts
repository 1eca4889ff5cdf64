// The one error of the byte programs: a code for machines, a sentence for people, a hint that says the way out.

/** Every fault these modules name. */
export type OciErrorCode =
  | 'TAR_TRUNCATED' // the archive ends before it should
  | 'TAR_INVALID' // a header that cannot be right
  | 'TAR_UNSUPPORTED' // a kind of entry that is not read or written here
  | 'TAR_INPUT' // an entry that cannot be written as asked
  | 'LAYOUT_INVALID' // neither an OCI layout nor an OCI archive
  | 'BLOB_MISSING'
  | 'BLOB_DIGEST'
  | 'BLOB_SIZE'
  | 'MANIFEST_INVALID'
  | 'PLATFORM_MISSING'
  | 'BASE_MISSING' // neither the pinned base nor a labelled substitute
  | 'APP_REFUSED' // a file that may not be in the app layer
  | 'SPEC_INVALID'
  | 'CAPSULE_INVALID' // not a capsule, or one that was altered or cut
  | 'DATABASE_INVALID' // not a vulnerability database, or a damaged one
  | 'REFERENCE_INVALID'
  | 'CREDENTIALS_INVALID'
  | 'UNREACHABLE' // nobody answered
  | 'NOT_FOUND' // the registry answered: there is no such thing
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'RATE_LIMITED'
  | 'TAG_KEPT' // a tag that the registry does not let be moved
  | 'UPLOAD_REFUSED' // what was sent is not what was announced
  | 'REGISTRY_ERROR' // an answer that is none of the above
  | 'ANSWER_INVALID' // one that is wrong in itself: no HTTP, or cut
  | 'TOO_LARGE' // a file that nobody can hold in memory
  | 'INSECURE'; // plain http where nobody allowed it

/** A fault with a name, one sentence, and the next step. */
export class OciError extends Error {
  readonly code: OciErrorCode;
  readonly hint: string;

  // Fields are assigned by hand: a parameter property is not erasable, and these files run under type stripping.
  constructor(code: OciErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OciError';
    this.code = code;
    this.hint = hint;
  }
}

/** The text of whatever was thrown, for use inside another sentence. */
export function reasonOf(error: unknown): string {
  return withoutLogins(error instanceof Error ? error.message : String(error));
}

/** A text whose addresses may be shown: without the user and the password that may stand in one. */
export function withoutLogins(text: string): string {
  return text.replace(/(\w:\/\/)[^\s/]*@/g, '$1');
}
