// `gc`: evicts what was used least recently until the store fits, or everything.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Collected } from '../store/collect.ts';
import { collect } from '../store/collect.ts';
import { claimFormat, formatOf } from '../store/format.ts';
import { sizeOf } from '../store/inventory.ts';
import { readLeases } from '../store/leases.ts';
import { formatSize } from '../store/sizes.ts';
import { budgetFor } from '../store/store.ts';
import { gcFolder, sweepDead } from '../store/sweep.ts';
import { BESIDE, filesBeside, otherStores } from './cache.ts';
import { verify } from './verify.ts';

export interface GcRequest {
  readonly cache: string;
  readonly store: string;
  /** The store's budget as the environment names it. */
  readonly budget: string | undefined;
  readonly keep?: number;
  readonly all: boolean;
  /** Whether what stays is read, too. */
  readonly verify: boolean;
}

/** Lines for people. */
export async function gc({ cache, store: root, budget, keep, all, verify: isRead }: GcRequest): Promise<string[]> {
  const lines = all ? await removeOthers(cache) : [];
  if (formatOf(root) === 'empty') return [...lines, ...(all ? await removeBeside(cache) : []), 'the store is empty'];
  // No session of its own, which would write to a disk that may have no room left: that is what this is called for.
  claimFormat(root);
  const limit = all ? 0 : (keep ?? budgetFor(root, budget));
  await sweepDead(root).done;
  if (isRead) lines.push(...(await verify(root)));
  const collected = await collect(root, { keep: limit, aside: gcFolder(root), measureVolumes: true });
  lines.push(...freedLines(collected));
  const others = readLeases(root).filter(({ isAlive }) => isAlive).length;
  if (all && others === 0) lines.push(...(await removeBeside(cache)));
  return [...lines, summary(collected, limit, others)];
}

function freedLines({ freed }: Collected): string[] {
  return Object.entries(freed).map(([kind, { count, bytes }]) => `evicted ${count} ${kind}, ${formatSize(bytes)}`);
}

function summary({ bytes, left, inUse }: Collected, limit: number, sessions: number): string {
  const done = bytes === 0 ? 'nothing to evict' : `freed ${formatSize(bytes)}`;
  const held =
    sessions === 0
      ? ''
      : `; ${formatSize(inUse)} of it in use by ${sessions} running session${sessions === 1 ? '' : 's'}`;
  return `${done}: the store holds ${formatSize(left)}${limit === 0 ? '' : ` of ${formatSize(limit)}`}${held}`;
}

/** What sessions of any store may be running on. */
async function removeBeside(cache: string): Promise<string[]> {
  if (otherStores(cache).some(({ isUsed }) => isUsed)) return [];
  const lines: string[] = [];
  for (const kind of BESIDE) {
    const files = filesBeside(cache, kind);
    let bytes = 0;
    for (const file of files) bytes += await sizeOf(file);
    await rm(join(cache, kind), { recursive: true, force: true });
    if (files.length > 0) lines.push(`removed ${files.length} files of ${kind}, ${formatSize(bytes)}`);
  }
  return lines;
}

async function removeOthers(cache: string): Promise<string[]> {
  const lines: string[] = [];
  for (const { path, format, isUsed } of otherStores(cache)) {
    if (isUsed) {
      lines.push(`left ${path} (${format}): a session is running on it`);
      continue;
    }
    const bytes = await sizeOf(path);
    await rm(path, { recursive: true, force: true });
    lines.push(`removed ${path} (${format}), ${formatSize(bytes)}`);
  }
  return lines;
}
