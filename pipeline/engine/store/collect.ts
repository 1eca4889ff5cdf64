// Evicts: chooses under the store's lock, moves the chosen aside, and deletes them when others may go on.
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { rename, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf, chooseVictims } from './eviction.ts';
import { type Item, type Kind, takeInventory } from './inventory.ts';
import { evictionSign, readLeases } from './leases.ts';
import { withLock } from './lock.ts';
import { removeTree } from './remove.ts';

export interface CollectOptions {
  /** How many bytes may stay. */
  readonly keep: number;
  /** A folder to make, on the same file system, for what is on its way out. */
  readonly aside: string;
  /** A lease that protects nothing: of a session that is at its end. */
  readonly except?: string;
  readonly measureVolumes?: boolean;
}

export interface Collected {
  readonly freed: Readonly<Partial<Record<Kind, { count: number; bytes: number }>>>;
  readonly bytes: number;
  /** What is left. */
  readonly left: number;
  /** How much of that living sessions use. */
  readonly inUse: number;
}

export async function collect(root: string, options: CollectOptions): Promise<Collected> {
  const collected = await withLock(root, () => moveAside(root, options));
  await removeTree(options.aside);
  return collected;
}

async function moveAside(
  root: string,
  { keep, aside, except, measureVolumes = false }: CollectOptions,
): Promise<Collected> {
  const own = readLeases(root).find(({ name }) => name === except)?.uses ?? [];
  const changed = new Set(
    own.filter((name) => name.startsWith('volumes/')).map((name) => name.slice('volumes/'.length)),
  );
  // Taken before the sign is up: nobody has to wait for it. What comes meanwhile is too young to be evicted.
  const items = await takeInventory(root, { measureVolumes, changed });
  await settleFutures(root, items, Date.now());
  const total = items.reduce((sum, item) => sum + bytesOf(item), 0);
  const freed: Partial<Record<Kind, { count: number; bytes: number }>> = {};
  let bytes = 0;
  closeSync(openSync(evictionSign(root), 'w'));
  try {
    const living = readLeases(root).filter(({ isAlive, name }) => isAlive && name !== except);
    const used = new Set(living.flatMap(({ uses }) => uses));
    const victims = chooseVictims({ items, used, keep, now: Date.now() });
    if (victims.length > 0) mkdirSync(aside, { recursive: true });
    for (const part of victims.flatMap(({ parts }) => parts)) {
      await rename(join(root, part.name), join(aside, part.name.replaceAll('/', '-'))).catch(() => {}); // gone already
      const sum = freed[part.kind] ?? { count: 0, bytes: 0 };
      freed[part.kind] = { count: sum.count + 1, bytes: sum.bytes + part.bytes };
      bytes += part.bytes;
    }
    const held = items.filter(({ parts }) => parts.some(({ name }) => used.has(name)));
    return { freed, bytes, left: total - bytes, inUse: held.reduce((sum, item) => sum + bytesOf(item), 0) };
  } finally {
    rmSync(evictionSign(root), { force: true });
  }
}

/** A last use in the future is a clock's that has jumped. It counts as now from now on: what nobody uses would never grow old otherwise. */
async function settleFutures(root: string, items: readonly Item[], now: number): Promise<void> {
  const parts = items.filter(({ lastUse }) => lastUse > now).flatMap((item) => item.parts);
  for (const { kind, name } of parts)
    if (kind !== 'volumes') await utimes(join(root, name), now / 1000, now / 1000).catch(() => {}); // gone already
}
