// Takes secrets out of a stream of bytes, also where one is torn between two chunks.

const MASK = Buffer.from('***');

export class Scrubber {
  readonly #secrets: Buffer[];
  readonly #keep: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(secrets: Iterable<Buffer>) {
    // Files end with a newline that what reads them often drops.
    const all = [...secrets].flatMap((secret) => [secret, Buffer.from(secret.toString().trim())]);
    const unique = new Map(all.map((secret) => [secret.toString('latin1'), secret]));
    // The longest first: a secret may be part of another.
    this.#secrets = [...unique.values()]
      .filter((secret) => secret.toString().trim() !== '')
      .sort((a, b) => b.length - a.length);
    this.#keep = Math.max(0, ...this.#secrets.map((secret) => secret.length - 1));
  }

  /** What of the stream so far may be shown; the end is held back while it could be the start of a secret. */
  push(chunk: Buffer): Buffer {
    if (this.#secrets.length === 0) return chunk;
    const clean = this.#mask(Buffer.concat([this.#rest, chunk]));
    const cut = this.#safeLength(clean);
    this.#rest = clean.subarray(cut);
    return clean.subarray(0, cut);
  }

  flush(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  scrub(text: string): string {
    return this.#mask(Buffer.from(text)).toString();
  }

  #mask(bytes: Buffer): Buffer {
    let result = bytes;
    for (const secret of this.#secrets) {
      const parts: Buffer[] = [];
      let from = 0;
      for (let at = result.indexOf(secret); at >= 0; at = result.indexOf(secret, from)) {
        parts.push(result.subarray(from, at), MASK);
        from = at + secret.length;
      }
      if (from > 0) result = Buffer.concat([...parts, result.subarray(from)]);
    }
    return result;
  }

  /** How much can't be the beginning of a secret that goes on in the next chunk. */
  #safeLength(bytes: Buffer): number {
    for (let start = Math.max(0, bytes.length - this.#keep); start < bytes.length; start++) {
      const tail = bytes.subarray(start);
      if (this.#secrets.some((secret) => secret.length > tail.length && secret.subarray(0, tail.length).equals(tail)))
        return start;
    }
    return bytes.length;
  }
}
