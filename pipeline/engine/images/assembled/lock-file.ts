// What a lock says: every package of a recipe, for each platform, with the hash its bytes must have.
import { AssembleError } from './errors.ts';

/** Debian keeps security updates in an archive of their own, which mirrors serve under another path. */
export type DebianArchive = 'debian' | 'debian-security';

export type DebianPin = {
  name: string;
  version: string;
  architecture: string;
  archive: DebianArchive;
  path: string;
  size: number;
  sha256: string;
};
/** `integrity` is npm's own form, `sha512-<base64>`. */
export type NpmPin = { name: string; version: string; integrity: string };
export type PypiPin = { name: string; version: string; file: string; sha256: string };

export type PlatformLock = { debian: DebianPin[]; npm: NpmPin[]; pypi: PypiPin[] };

export type Lock = {
  recipe: string;
  /** What was read, and when it was made, so that a snapshot archive can be asked for the same. */
  madeFrom: Record<string, string>;
  platforms: Record<string, PlatformLock>;
  /** By platform, the digest of the image that the recipe makes of these packages. */
  images?: Record<string, string>;
};

type Rule = (value: unknown) => boolean;
const text: Rule = (value) => typeof value === 'string' && value !== '';
const hex: Rule = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const integrity: Rule = (value) => typeof value === 'string' && /^sha512-[A-Za-z0-9+/]{86}==$/.test(value);
const size: Rule = (value) => Number.isSafeInteger(value) && Number(value) > 0;
const archive: Rule = (value) => value === 'debian' || value === 'debian-security';
/** Paths and file names become parts of URLs: nothing may climb out of the archive. */
const path: Rule = (value) =>
  typeof value === 'string' && /^[\w.+~:%@-]+(\/[\w.+~:%@-]+)*$/.test(value) && !value.includes('..');

const RULES: Record<keyof PlatformLock, Record<string, Rule>> = {
  debian: { name: text, version: text, architecture: text, archive, path, size, sha256: hex },
  npm: { name: text, version: text, integrity },
  pypi: { name: text, version: text, file: path, sha256: hex },
};

/** Check a lock once, where it comes in; every fault is named. */
export function parseLock(raw: unknown): Lock {
  const lock = raw as Lock;
  const faults = Object.entries(lock.platforms ?? {}).flatMap(([platform, pins]) =>
    (Object.keys(RULES) as (keyof PlatformLock)[]).flatMap((kind) =>
      pinFaults(pins[kind], RULES[kind], `${platform} ${kind}`),
    ),
  );
  if (!text(lock.recipe)) faults.unshift('it names no recipe');
  if (Object.keys(lock.platforms ?? {}).length === 0) faults.unshift('it has no platforms');
  if (faults.length === 0) return lock;
  throw new AssembleError(
    'LOCK_INVALID',
    `the lock of ${lock.recipe} is not sound: ${faults.join('; ')}`,
    'make it again with lock.ts',
  );
}

function pinFaults(pins: unknown, rules: Record<string, Rule>, where: string): string[] {
  if (!Array.isArray(pins)) return [`${where} is no list`];
  return (pins as Record<string, unknown>[]).flatMap((pin, index) => {
    const bad = Object.entries(rules).flatMap(([key, rule]) => (rule(pin[key]) ? [] : [key]));
    return bad.length === 0 ? [] : [`${where} ${String(pin.name ?? index)} has no sound ${bad.join(', ')}`];
  });
}
