// The services that run in a session: started when first needed, kept while they are, one for all who mean the same.

export interface Port {
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly description: string | null;
  readonly experimentalSkipHealthcheck: boolean;
  /** Only declared by the image: no service waits for it, or has it for its own. */
  readonly isDeclared?: boolean;
}

/** How a service came to its end. */
export interface ServiceEnd {
  /** One sentence, for whoever still needed it. */
  readonly reason: string;
}

/** A service that runs and is ready to be used. */
export interface Instance {
  /** Where it is reached: on the bridge, or on the host's loopback for a tunnel. */
  readonly address: string;
  readonly ports: readonly Port[];
  readonly ended: Promise<ServiceEnd>;
  /** Resolves when it is gone. Told again, it takes the shorter time. */
  readonly stop: (options: { graceMs: number }) => Promise<void>;
}

/** What somebody holds who needs a service. */
export interface Hold {
  readonly instance: Instance;
  readonly release: () => void;
}

/** How long a service stays after its last user: the next one often comes at once. */
const LINGER_MS = 10_000;
/** How long a service may take from SIGTERM to its end. */
const STOP_GRACE_MS = 10_000;
/** The same, when the whole session ends. */
const SESSION_GRACE_MS = 2_000;

interface Entry {
  readonly ready: Promise<Instance>;
  users: number;
  /** Started by name: stays without users until it is stopped. */
  started: boolean;
  linger: NodeJS.Timeout | undefined;
  /** Resolves when it is gone; set once it is going. */
  going: Promise<void> | undefined;
}

export class Services {
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  /** Starts the service unless it runs, and keeps it running until the hold is released. */
  async hold(key: string, launch: () => Promise<Instance>): Promise<Hold> {
    const entry = await this.#entry(key, launch);
    entry.users++;
    clearTimeout(entry.linger);
    const release = once(() => {
      entry.users--;
      this.#lingerUnlessUsed(key, entry);
    });
    try {
      return { instance: await entry.ready, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Starts the service unless it runs; it then stays until it is stopped, or the session ends. */
  async start(key: string, launch: () => Promise<Instance>): Promise<Instance> {
    const entry = await this.#entry(key, launch);
    entry.started = true;
    clearTimeout(entry.linger);
    return entry.ready;
  }

  /** Stops the service, whoever uses it. Nothing happens when it doesn't run. */
  async stop(key: string, { kill }: { kill: boolean }): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry !== undefined) await this.#stop(key, entry, kill ? 0 : STOP_GRACE_MS);
  }

  /** The service, if it runs now. */
  async running(key: string): Promise<Instance | undefined> {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.going !== undefined ? undefined : entry.ready.catch(() => undefined);
  }

  /** Ends every service. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#entries].map(([key, entry]) => this.#stop(key, entry, SESSION_GRACE_MS)));
  }

  async #entry(key: string, launch: () => Promise<Instance>): Promise<Entry> {
    for (let known = this.#entries.get(key); known !== undefined; known = this.#entries.get(key)) {
      if (known.going === undefined) return known;
      await known.going; // a service that is being stopped can't be joined; the next one starts after it
    }
    if (this.#isClosed) throw new Error('the session has ended');
    const entry: Entry = { ready: launch(), users: 0, started: false, linger: undefined, going: undefined };
    this.#entries.set(key, entry);
    const forget = () => {
      clearTimeout(entry.linger);
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    entry.ready.then((instance) => instance.ended).then(forget, forget);
    return entry;
  }

  #lingerUnlessUsed(key: string, entry: Entry): void {
    if (entry.users > 0 || entry.started || this.#entries.get(key) !== entry) return;
    clearTimeout(entry.linger);
    entry.linger = setTimeout(() => this.#stop(key, entry, STOP_GRACE_MS), LINGER_MS);
  }

  #stop(key: string, entry: Entry, graceMs: number): Promise<void> {
    const gone = entry.ready
      .then((instance) => instance.stop({ graceMs }))
      .catch(() => {}) // it never came to run
      .then(() => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      });
    entry.going ??= gone;
    return gone;
  }
}

/** The same work at most once. */
function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
