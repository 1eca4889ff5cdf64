// What lies beside the store in the cache folder: packages, bundles, the engine's tools, and stores of other versions.
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startOf } from '../../src/process-name.ts';
import { FORMAT, formatOf } from '../store/format.ts';
import { readLeases } from '../store/leases.ts';
import { storeFolder } from '../store/store.ts';

const filesBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [];

/** Fetched and made again when they are needed. */
export const BESIDE = ['packages', 'bundles', 'tools'] as const;

export const filesBeside = (cache: string, kind: (typeof BESIDE)[number]): string[] => filesBelow(join(cache, kind));

export interface OtherStore {
  readonly path: string;
  /** For people. */
  readonly format: string;
  /** Whether a session of that version seems to be running on it. */
  readonly isUsed: boolean;
}

/** Stores that this version does not read: of another format, or with a damaged stamp. */
export function otherStores(cache: string): OtherStore[] {
  const names = existsSync(cache)
    ? readdirSync(cache).filter((name) => /^store-v\d+(-one-id|-not-isolated)?$/.test(name))
    : [];
  return names.flatMap((name) => {
    const path = join(cache, name);
    const [format, isOurs] = [formatOf(path), name === basename(storeFolder())];
    if (isOurs && (format === FORMAT || format === 'empty')) return [];
    const said =
      isOurs && format === 'damaged'
        ? 'its version stamp is damaged'
        : `a store of another ${format === FORMAT ? 'kind of session' : `version (${versionOf(path)})`}`;
    return [{ path, format: said, isUsed: isUsed(path) }];
  });
}

function versionOf(path: string): string {
  const format = formatOf(path);
  return typeof format === 'number' ? `v${format}` : basename(path).replace('store-', '');
}

/** A version without leases named its sessions' folders after their process id. */
function isUsed(path: string): boolean {
  if (readLeases(path).some(({ isAlive }) => isAlive)) return true;
  const tmp = join(path, 'tmp');
  const pids = existsSync(tmp) ? readdirSync(tmp).map((name) => Number.parseInt(name, 10)) : [];
  return !existsSync(join(path, 'leases')) && pids.some((pid) => startOf(pid) !== undefined);
}
