// `du`: what the cache folder holds, by kind, beside the store's budget.
import { bytesOf } from '../store/eviction.ts';
import { formatOf } from '../store/format.ts';
import { KINDS, sizeOf, takeInventory } from '../store/inventory.ts';
import { readLeases } from '../store/leases.ts';
import { formatSize } from '../store/sizes.ts';
import { BESIDE, filesBeside, otherStores } from './cache.ts';

interface Amount {
  readonly count: number;
  readonly bytes: number;
}

export interface Usage {
  readonly cache: string;
  readonly store: string;
  readonly budget: number;
  /** What the budget is for: images, layers, execs, volumes and records. */
  readonly counted: number;
  readonly sessions: number;
  readonly kinds: Readonly<Record<string, Amount>>;
  readonly otherStores: readonly { readonly path: string; readonly format: string; readonly bytes: number }[];
}

export async function measureUsage(cache: string, store: string, budget: number): Promise<Usage> {
  const isOurs = otherStores(cache).every(({ path }) => path !== store);
  const items = isOurs && formatOf(store) !== 'empty' ? await takeInventory(store, { measureVolumes: true }) : [];
  const parts = items.flatMap((item) => item.parts);
  const kinds: Record<string, Amount> = {};
  for (const kind of KINDS) {
    const own = parts.filter((part) => part.kind === kind);
    kinds[kind] = { count: own.length, bytes: own.reduce((sum, { bytes }) => sum + bytes, 0) };
  }
  for (const kind of BESIDE) kinds[kind] = await amountOf(filesBeside(cache, kind));
  const others: Usage['otherStores'][number][] = [];
  for (const { path, format } of otherStores(cache)) others.push({ path, format, bytes: await sizeOf(path) });
  return {
    cache,
    store,
    budget,
    counted: items.reduce((sum, item) => sum + bytesOf(item), 0),
    sessions: isOurs ? readLeases(store).filter(({ isAlive }) => isAlive).length : 0,
    kinds,
    otherStores: others,
  };
}

async function amountOf(files: readonly string[]): Promise<Amount> {
  let bytes = 0;
  for (const file of files) bytes += await sizeOf(file);
  return { count: files.length, bytes };
}

export function renderUsage({ store, budget, counted, sessions, kinds, otherStores: others }: Usage): string {
  const rows = Object.entries(kinds).map(
    ([kind, { count, bytes }]) => [kind, String(count), formatSize(bytes)] as const,
  );
  const lines = rows.map(([kind, count, size]) => `${kind.padEnd(16)}${count.padStart(8)}${size.padStart(12)}`);
  const running = sessions === 0 ? '' : `, ${sessions} session${sessions === 1 ? '' : 's'} running`;
  return [
    ...lines,
    '',
    `${formatSize(counted)} of ${formatSize(budget)} (without packages and bundles) in ${store}${running}`,
    ...others.map(
      ({ path, format, bytes }) =>
        `${formatSize(bytes)} in ${path}: ${format}, left alone; \`embedded-engine gc --all\` removes it`,
    ),
    '',
  ].join('\n');
}
