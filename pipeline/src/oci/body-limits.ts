// How large a request a registry takes: nobody says it beforehand, and proxies before a registry refuse what is larger (413).

/** Of the best-known proxy, which allows 100 MB. */
const FIRST = 90_000_000;
/** Below that no registry could be used: nginx's default is 1 MiB. */
const LEAST = 256 * 1024;

/** What was learnt, by registry. */
export class BodyLimits {
  readonly #limits = new Map<string, number>();

  of(registry: string): number {
    return this.#limits.get(registry) ?? Infinity;
  }

  /** So many bytes were refused. Whether it is worth trying fewer. */
  refused(registry: string, bytes: number): boolean {
    const next = Math.min(FIRST, Math.floor(bytes / 2));
    if (next < LEAST) return false;
    this.#limits.set(registry, Math.min(next, this.of(registry)));
    return true;
  }
}
