// Packages on disk, named by their hash: fetched from a registry when missing, checked against the pin at every use.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { bytesOf, fetchPaced, MOST, type Pace, TooLarge, TooSlow } from '../../../src/oci/pace.ts';
import { AssembleError } from './errors.ts';
import type { DebianPin, Lock, NpmPin, PlatformLock, PypiPin } from './lock-file.ts';
import type { Registries, Source } from './registries.ts';

/** A package as it is wanted: its name for people, the hash of its bytes, and where to look. */
export type Wanted = {
  title: string;
  algorithm: 'sha256' | 'sha512';
  hash: string;
  /** How many bytes it may have. */
  most: number;
  candidates: (registries: Registries) => Promise<Source[]>;
};

export type FetchOptions = {
  cache: string;
  offline: boolean;
  registries: Registries;
  log: (line: string) => void;
  /** Told each package that has come, and how many have, of those that were missing. */
  onPackage?: ((arrived: { title: string; count: number; counts: number; bytes: number }) => void) | undefined;
  /** How slow a registry may be. */
  pace?: Pace;
};

const AT_ONCE = 6;
const ATTEMPTS = 3;
/** How many missing packages are named; the rest are counted. */
const NAMED = 3;

/** Everything that a platform's lock names. What the lock was made from says which snapshots have it. */
export function wantedOf(lock: PlatformLock, madeFrom: Lock['madeFrom'] = {}): Map<object, Wanted> {
  const times = snapshotTimes(madeFrom);
  return new Map<object, Wanted>([
    ...lock.debian.map((pin): [object, Wanted] => [pin, wantedDebian(pin, times)]),
    ...lock.npm.map((pin): [object, Wanted] => [pin, wantedNpm(pin)]),
    ...lock.pypi.map((pin): [object, Wanted] => [pin, wantedPypi(pin)]),
  ]);
}

const HOUR_MS = 3_600_000;

/** When a snapshot has all of a lock: it is taken up to hours after the archive changed, and shows what was taken before the time asked for. */
function snapshotTimes(madeFrom: Readonly<Record<string, string>>): Date[] {
  const newest = Math.max(...Object.values(madeFrom).map((date) => Date.parse(date)));
  return Number.isFinite(newest) ? [8, 0].map((hours) => new Date(newest + hours * HOUR_MS)) : [];
}

function wantedDebian(pin: DebianPin, times: readonly Date[]): Wanted {
  return {
    title: `${pin.name} ${pin.version} (${pin.architecture})`,
    algorithm: 'sha256',
    hash: pin.sha256,
    most: pin.size,
    // `~` and `+` are plain in a path, but some mirrors take a plus for a blank.
    candidates: async (registries) => {
      const mirrors = await registries.debian(pin.archive);
      return below([...mirrors, ...registries.snapshots(pin.archive, times)], pin.path.replaceAll('+', '%2B'));
    },
  };
}

function wantedNpm(pin: NpmPin): Wanted {
  const file = `${pin.name.replace(/^@[^/]+\//, '')}-${pin.version}.tgz`;
  return {
    title: `npm ${pin.name} ${pin.version}`,
    algorithm: 'sha512',
    hash: Buffer.from(pin.integrity.replace(/^sha512-/, ''), 'base64').toString('hex'),
    most: MOST.package,
    candidates: async (registries) => below(await registries.npm(pin.name), `${pin.name}/-/${file}`),
  };
}

function wantedPypi(pin: PypiPin): Wanted {
  return {
    title: `PyPI ${pin.name} ${pin.version}`,
    algorithm: 'sha256',
    hash: pin.sha256,
    most: MOST.package,
    candidates: async (registries) => {
      const faults: unknown[] = [];
      for (const page of below(await registries.pypi(), `${pin.name}/`)) {
        const found = await wheelOf(page, pin.file).catch((error: unknown) => void faults.push(error));
        if (found !== undefined) return [found];
      }
      if (faults.length > 0) throw unreachable(`the index of ${pin.name}`, 'PyPI', faults[0]);
      return [];
    },
  };
}

function below(sources: Source[], path: string): Source[] {
  return sources.map((source) => ({ ...source, url: `${source.url}${path}` }));
}

/** A simple index lists files by links; the one with our file's name is it, and its hash is checked like any other. */
async function wheelOf(page: Source, file: string): Promise<Source | undefined> {
  const response = await fetchPaced(page.url, { headers: page.headers ?? {} });
  if (!response.ok) return undefined;
  const links = (await bytesOf(response, MOST.index)).toString().matchAll(/href="([^"]+)"/g);
  for (const [, href = ''] of links) {
    const url = new URL(href.replaceAll('&amp;', '&').replace(/#.*$/, ''), page.url);
    if (!url.pathname.endsWith(`/${file}`)) continue;
    const isSameHost = url.origin === new URL(page.url).origin;
    return { url: url.href, ...(isSameHost && page.headers !== undefined ? { headers: page.headers } : {}) };
  }
  return undefined;
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
  let [count, size] = [0, 0];
  await inParallel(missing, async ([pin, one]) => {
    const bytes = await download(one, options);
    found.set(pin, bytes);
    [count, size] = [count + 1, size + bytes.length];
    options.onPackage?.({ title: one.title, count, counts: missing.length, bytes: size });
  });
  return found;
}

/** Keeps those that a folder of anybody's has, where they are what was pinned. */
export async function adopt(wanted: Iterable<Wanted>, folder: string, cache: string): Promise<void> {
  for (const one of wanted) {
    if (existsSync(pathOf(one, cache))) continue;
    const bytes = await readFile(join(folder, one.hash)).catch(() => undefined);
    if (bytes !== undefined && matches(one, bytes)) await keep(bytes, pathOf(one, cache));
  }
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

/** Ask each registry in turn. Altered bytes are reported wherever they came from, else what the first one said: it is the one that is configured. */
async function download(wanted: Wanted, options: FetchOptions): Promise<Buffer> {
  const refusals: AssembleError[] = [];
  const candidates = await wanted.candidates(options.registries);
  for (const [index, source] of candidates.entries()) {
    const answer = await tryDownload(wanted, source, index === 0 ? ATTEMPTS : 1, options.pace);
    if (!(answer instanceof AssembleError)) {
      await keep(answer, pathOf(wanted, options.cache));
      return answer;
    }
    refusals.push(answer);
  }
  throw refusals.find(({ code }) => code === 'PIN_MISMATCH') ?? refusals[0] ?? gone(wanted, 'the index');
}

async function tryDownload(
  wanted: Wanted,
  source: Source,
  attempts: number,
  pace?: Pace,
): Promise<Buffer | AssembleError> {
  const host = new URL(source.url).host;
  let reason: unknown;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      const response = await fetchPaced(source.url, { headers: source.headers ?? {} }, pace);
      // What is not read would keep its connection busy.
      if (!response.ok) await response.body?.cancel();
      if (response.status === 404 || response.status === 410) return gone(wanted, host);
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      const bytes = await bytesOf(response, wanted.most, pace);
      return matches(wanted, bytes) ? bytes : mismatch(wanted, host);
    } catch (error) {
      reason = error;
      if (error instanceof TooLarge) break;
      if (attempt < attempts) await wait(300 * 3 ** (attempt - 1));
    }
  }
  return unreachable(wanted.title, host, reason);
}

function unreachable(what: string, host: string, reason: unknown): AssembleError {
  return new AssembleError(
    'PACKAGE_UNREACHABLE',
    `${what} could not be fetched from ${host}: ${sentenceOf(reason)}`,
    'is the network up, and the registry of this machine configured?',
    { cause: reason },
  );
}

/** fetch says only "fetch failed"; why stands in its cause. */
function sentenceOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  if (reason instanceof TooSlow || reason instanceof TooLarge) return `it ${reason.what}`;
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
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>, atOnce = AT_ONCE): Promise<void> {
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
