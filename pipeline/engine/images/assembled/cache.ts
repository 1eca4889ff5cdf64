// Packages on disk, named by their hash: fetched from a registry when missing, checked against the pin at every use.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AssembleError } from './errors.ts';
import type { DebianPin, NpmPin, PlatformLock, PypiPin } from './lock-file.ts';
import type { Registries, Source } from './registries.ts';

/** A package as it is wanted: its name for people, the hash of its bytes, and where to look. */
export type Wanted = {
  title: string;
  algorithm: 'sha256' | 'sha512';
  hash: string;
  candidates: (registries: Registries) => Promise<Source[]>;
};

export type FetchOptions = {
  cache: string;
  offline: boolean;
  registries: Registries;
  log: (line: string) => void;
};

const AT_ONCE = 6;
const ATTEMPTS = 3;
/** How many missing packages are named; the rest are counted. */
const NAMED = 3;
const TIMEOUT_MS = 300_000;

/** Everything a platform's lock names. */
export function wantedOf(lock: PlatformLock): Map<object, Wanted> {
  return new Map<object, Wanted>([
    ...lock.debian.map((pin): [object, Wanted] => [pin, wantedDebian(pin)]),
    ...lock.npm.map((pin): [object, Wanted] => [pin, wantedNpm(pin)]),
    ...lock.pypi.map((pin): [object, Wanted] => [pin, wantedPypi(pin)]),
  ]);
}

function wantedDebian(pin: DebianPin): Wanted {
  return {
    title: `${pin.name} ${pin.version} (${pin.architecture})`,
    algorithm: 'sha256',
    hash: pin.sha256,
    // `~` and `+` are plain in a path, but some mirrors take a plus for a blank.
    candidates: async (registries) => below(await registries.debian(pin.archive), pin.path.replaceAll('+', '%2B')),
  };
}

function wantedNpm(pin: NpmPin): Wanted {
  const file = `${pin.name.replace(/^@[^/]+\//, '')}-${pin.version}.tgz`;
  return {
    title: `npm ${pin.name} ${pin.version}`,
    algorithm: 'sha512',
    hash: Buffer.from(pin.integrity.replace(/^sha512-/, ''), 'base64').toString('hex'),
    candidates: async (registries) => below(await registries.npm(pin.name), `${pin.name}/-/${file}`),
  };
}

function wantedPypi(pin: PypiPin): Wanted {
  return {
    title: `PyPI ${pin.name} ${pin.version}`,
    algorithm: 'sha256',
    hash: pin.sha256,
    candidates: async (registries) => {
      const pages = below(await registries.pypi(), `${pin.name}/`);
      return (await Promise.all(pages.map((page) => wheelOf(page, pin.file)))).flat();
    },
  };
}

function below(sources: Source[], path: string): Source[] {
  return sources.map((source) => ({ ...source, url: `${source.url}${path}` }));
}

/** A simple index lists files by links; the one with our file's name is it, and its hash is checked like any other. */
async function wheelOf(page: Source, file: string): Promise<Source[]> {
  const response = await fetch(page.url, { headers: page.headers ?? {}, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) return [];
  const links = (await response.text()).matchAll(/href="([^"]+)"/g);
  for (const [, href = ''] of links) {
    const url = new URL(href.replaceAll('&amp;', '&').replace(/#.*$/, ''), page.url);
    if (!url.pathname.endsWith(`/${file}`)) continue;
    const isSameHost = url.origin === new URL(page.url).origin;
    return [{ url: url.href, ...(isSameHost && page.headers !== undefined ? { headers: page.headers } : {}) }];
  }
  return [];
}

/** The bytes of every wanted package, a few at a time. Offline, all that is missing is named at once. */
export async function fetchAll(wanted: Map<object, Wanted>, options: FetchOptions): Promise<Map<object, Buffer>> {
  const found = new Map<object, Buffer>();
  const missing: [object, Wanted][] = [];
  for (const [pin, one] of wanted) {
    const bytes = await fromCache(one, options);
    if (bytes === undefined) missing.push([pin, one]);
    else found.set(pin, bytes);
  }
  if (missing.length === 0) return found;
  if (options.offline) throw offlineMissing(missing.map(([, one]) => one.title));
  options.log(`fetching ${missing.length} of ${wanted.size} packages`);
  await inParallel(missing, async ([pin, one]) => {
    found.set(pin, await download(one, options));
  });
  return found;
}

function offlineMissing(titles: string[]): AssembleError {
  const count = titles.length === 1 ? 'a package is' : `${titles.length} packages are`;
  const named = titles.length > NAMED ? [...titles.slice(0, NAMED), `${titles.length - NAMED} more`] : titles;
  return new AssembleError(
    'OFFLINE_MISSING',
    `${count} not in the cache, and the network is off: ${named.join(', ')}`,
    'run once with the network on; everything is kept',
  );
}

function pathOf({ algorithm, hash }: Wanted, cache: string): string {
  return join(cache, algorithm, hash);
}

/** Bytes that no longer match their name are thrown away and fetched again. */
async function fromCache(wanted: Wanted, { cache, log }: FetchOptions): Promise<Buffer | undefined> {
  const path = pathOf(wanted, cache);
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined || matches(wanted, bytes)) return bytes;
  log(`${wanted.title} is damaged in the cache and thrown away`);
  await rm(path, { force: true });
  return undefined;
}

function matches({ algorithm, hash }: Wanted, bytes: Buffer): boolean {
  return createHash(algorithm).update(bytes).digest('hex') === hash;
}

/** Ask each registry in turn; the worst that was heard is what is reported. */
async function download(wanted: Wanted, options: FetchOptions): Promise<Buffer> {
  const refusals: AssembleError[] = [];
  const candidates = await wanted.candidates(options.registries);
  for (const source of candidates) {
    const answer = await tryDownload(wanted, source);
    if (!(answer instanceof AssembleError)) {
      await keep(answer, pathOf(wanted, options.cache));
      return answer;
    }
    refusals.push(answer);
  }
  const order = ['PIN_MISMATCH', 'PACKAGE_UNREACHABLE', 'PACKAGE_GONE'];
  refusals.sort((a, b) => order.indexOf(a.code) - order.indexOf(b.code));
  throw refusals[0] ?? gone(wanted, 'the index');
}

async function tryDownload(wanted: Wanted, source: Source): Promise<Buffer | AssembleError> {
  const host = new URL(source.url).host;
  let reason: unknown;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const response = await fetch(source.url, {
        headers: source.headers ?? {},
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      // What is not read would keep its connection busy.
      if (!response.ok) await response.body?.cancel();
      if (response.status === 404 || response.status === 410) return gone(wanted, host);
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      return matches(wanted, bytes) ? bytes : mismatch(wanted, host);
    } catch (error) {
      reason = error;
      if (attempt < ATTEMPTS) await wait(300 * 3 ** (attempt - 1));
    }
  }
  return new AssembleError(
    'PACKAGE_UNREACHABLE',
    `${wanted.title} could not be fetched from ${host}: ${sentenceOf(reason)}`,
    'is the network up, and the registry of this machine configured?',
    { cause: reason },
  );
}

/** fetch says only "fetch failed"; why stands in its cause. */
function sentenceOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return reason.cause instanceof Error && reason.cause.message !== '' ? reason.cause.message : reason.message;
}

function gone(wanted: Wanted, host: string): AssembleError {
  return new AssembleError(
    'PACKAGE_GONE',
    `${wanted.title} is no longer at ${host}`,
    'a newer version has taken its place: renew the lock with lock.ts, or set DRYDOCK_DEBIAN_MIRROR to a snapshot of the day the lock was made',
  );
}

function mismatch(wanted: Wanted, host: string): AssembleError {
  return new AssembleError(
    'PIN_MISMATCH',
    `${wanted.title} from ${host} is not what the lock pins`,
    'do not use it: a proxy or the registry has changed the package',
  );
}

/** Written aside and renamed: two runs may fetch the same package at once, and either's file is whole. */
async function keep(bytes: Buffer, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const aside = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(aside, bytes, { flush: true });
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}

/** Run over a list, a few at a time; the first fault stops the rest from starting, and is told once nothing runs any more. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  atOnce = AT_ONCE,
): Promise<void> {
  const queue = [...items];
  const workers = Array.from({ length: Math.min(atOnce, queue.length) }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
    }
  });
  await Promise.allSettled(workers);
  await Promise.all(workers);
}
