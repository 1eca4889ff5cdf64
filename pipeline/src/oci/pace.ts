// One rule for bytes that come from the network or go there: a host that is silent, or sends or takes hardly anything, is given up.

export type Pace = {
  /** Each time that so long was waited for a host, it has to have kept the rate. Default: 60 s. */
  windowMs?: number;
  /** Default: 1 kB/s. The whole of an answer may be smaller. */
  bytesPerSecond?: number;
};

const WINDOW_MS = 60_000;
const BYTES_PER_SECOND = 1000;
/** For what is sent: a kernel takes megabytes ahead, and then nothing until a good part of them has left; and registries put together what they took. */
const SENDING_WINDOWS = 5;
/** What kernels on the way take ahead at most, and how much faster than at the least rate it has to leave them: nobody sees it leave. */
const TAKEN_AHEAD = 32 * 1024 * 1024;
const LEAVING = 32;

/** A host was slower than that. The network may be better at the next attempt. */
export class TooSlow extends Error {
  /** What it did, behind its name. */
  readonly what: string;

  constructor(host: string, what: string) {
    super(`${host} ${what}`);
    this.name = 'TooSlow';
    this.what = what;
  }
}

type GiveUp = (bytes: number, ms: number) => void;

/** Counts what comes or goes while somebody waits for it, and calls `giveUp` when that was too little. */
export class Meter {
  readonly #windowMs: number;
  readonly #leastBytes: number;
  readonly #giveUp: GiveUp;
  #bytes = 0;
  #leftMs: number;
  #since = 0;
  #lastMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ windowMs = WINDOW_MS, bytesPerSecond = BYTES_PER_SECOND }: Pace, giveUp: GiveUp) {
    this.#windowMs = windowMs;
    this.#leastBytes = (windowMs * bytesPerSecond) / 1000;
    this.#leftMs = windowMs;
    this.#giveUp = giveUp;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  wait(): void {
    this.#since = performance.now();
    this.#lastMs = Math.max(this.#windowMs, this.#leftMs);
    this.#timer = setTimeout(() => {
      if (this.#bytes < this.#leastBytes) return this.#giveUp(this.#bytes, this.#lastMs);
      this.#bytes = 0;
      this.#leftMs = this.#windowMs;
      this.wait();
    }, this.#leftMs);
  }

  /** All that there is was counted: once more a window, and so long besides. */
  allow(ms: number): void {
    this.rest();
    this.#bytes = 0;
    this.#leftMs = this.#windowMs + ms;
    this.wait();
  }

  /** What is waited for is there: how long it is worked on does not count. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - this.#since));
  }
}

const seconds = (ms: number) => `${ms / 1000} s`;
const count = (bytes: number) => (bytes === 1 ? '1 byte' : `${bytes} bytes`);
/** What a host did that was too slow, behind its name. */
export const tooFew = (bytes: number, ms: number) => `sent ${count(bytes)} in ${seconds(ms)}`;

/** `fetch`, which gives up on a host that does not answer, or does not take what it is sent. The answer is read by `bodyOf`. */
export async function fetchPaced(url: string | URL, init: RequestInit, pace: Pace = {}): Promise<Response> {
  const { host } = new URL(url);
  const end = new AbortController();
  const body = init.body instanceof Blob ? init.body : undefined;
  const { windowMs = WINDOW_MS } = pace;
  const windows = body !== undefined || init.method === 'PUT' ? SENDING_WINDOWS : 1;
  let isTaken = body === undefined;
  const meter = new Meter({ ...pace, windowMs: windowMs * windows }, (bytes, ms) => {
    end.abort(new TooSlow(host, `${isTaken ? 'sent no answer' : `took ${count(bytes)}`} in ${seconds(ms)}`));
  });
  const taken = () => {
    isTaken = true;
    meter.allow(leavingMs(body?.size ?? 0, pace));
  };
  const signal = AbortSignal.any([end.signal, ...(init.signal ? [init.signal] : [])]);
  meter.wait();
  try {
    return await fetch(url, { ...init, ...(body === undefined ? {} : counted(init, body, meter, taken)), signal });
  } catch (error) {
    throw end.signal.aborted ? end.signal.reason : error;
  } finally {
    meter.rest();
  }
}

const leavingMs = (bytes: number, { bytesPerSecond = BYTES_PER_SECOND }: Pace) =>
  (Math.min(bytes, TAKEN_AHEAD) / (bytesPerSecond * LEAVING)) * 1000;

/** A body that says how much of it was taken. Registries want to know its length beforehand, which a stream does not have. */
function counted({ headers }: RequestInit, body: Blob, meter: Meter, taken: () => void): RequestInit {
  const withLength = new Headers(headers);
  withLength.set('content-length', String(body.size));
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      meter.add(chunk.byteLength);
      controller.enqueue(chunk);
    },
    flush: taken,
  });
  return { headers: withLength, body: body.stream().pipeThrough(count), duplex: 'half' };
}

/** The bytes of an answer, as they come. */
export async function* bodyOf({ body, url }: Response, pace: Pace = {}): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  let tooSlow: TooSlow | undefined;
  const meter = new Meter(pace, (bytes, ms) => {
    tooSlow = new TooSlow(new URL(url).host, tooFew(bytes, ms));
    void reader.cancel(); // what is waited for ends
  });
  try {
    for (;;) {
      meter.wait();
      const next = await reader.read().finally(() => meter.rest());
      if (tooSlow !== undefined) throw tooSlow;
      if (next.done) return;
      meter.add(next.value.byteLength);
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** What is read into memory at most: lists of what there is; and packages, where no lock says how large one is (twice the largest, as some are read at once). */
export const MOST = { index: 64 * 1024 * 1024, package: 128 * 1024 * 1024 } as const;

/** A host sent, or announced, more than anything of the kind has. It would at the next attempt, too. */
export class TooLarge extends Error {
  readonly what: string;

  constructor(host: string, most: number) {
    const what = `sends more than ${count(most)}`;
    super(`${host} ${what}`);
    this.name = 'TooLarge';
    this.what = what;
  }
}

/** All of them, if they are no more than that. */
export async function bytesOf(response: Response, most: number, pace: Pace = {}): Promise<Buffer> {
  const { host } = new URL(response.url);
  if (Number(response.headers.get('content-length')) > most) {
    await response.body?.cancel();
    throw new TooLarge(host, most);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of bodyOf(response, pace)) {
    size += part.byteLength;
    if (size > most) throw new TooLarge(host, most);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
