// Decides what leaves the store: the least recently used first, and never what somebody uses. Touches nothing.
import type { Item } from './inventory.ts';

export interface EvictionRequest {
  readonly items: readonly Item[];
  /** Names of parts that living sessions use. */
  readonly used: ReadonlySet<string>;
  /** How many bytes may stay. */
  readonly keep: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export const bytesOf = (item: Item): number => item.parts.reduce((sum, { bytes }) => sum + bytes, 0);

export function chooseVictims({ items, used, keep, now }: EvictionRequest): Item[] {
  const free = items.filter(({ parts }) => !parts.some(({ name }) => used.has(name)));
  const victims = free.filter(({ isGarbage }) => isGarbage);
  let bytes = items.reduce((sum, item) => sum + bytesOf(item), 0);
  for (const item of victims) bytes -= bytesOf(item);
  const lastUses = effectiveLastUses(items, now);
  const candidates = free
    .filter(({ isGarbage }) => !isGarbage)
    .map((item) => ({ item, ...(lastUses.get(item) as Standing) }))
    .sort((a, b) => a.lastUse - b.lastUse || b.height - a.height);
  for (const { item } of candidates) {
    if (bytes <= keep) break;
    victims.push(item);
    bytes -= bytesOf(item);
  }
  return victims;
}

interface Standing {
  /** When it, or anything that needs it, was used last. */
  lastUse: number;
  /** How many others it stands on, one on the other. */
  height: number;
}

/** What others need was used when they were: without it they are of no use, so it leaves after them. */
function effectiveLastUses(items: readonly Item[], now: number): Map<Item, Standing> {
  const owners = new Map(items.flatMap((item) => item.parts.map(({ name }) => [name, item] as const)));
  const standings = new Map<Item, Standing>();
  const settle = (item: Item): Standing => {
    const known = standings.get(item);
    if (known !== undefined) return known;
    const standing: Standing = { lastUse: Math.min(item.lastUse, now), height: 0 };
    standings.set(item, standing); // first: a damaged record could make a ring
    for (const need of item.needs) {
      const owner = owners.get(need);
      if (owner !== undefined && owner !== item) standing.height = Math.max(standing.height, settle(owner).height + 1);
    }
    return standing;
  };
  for (const item of items) settle(item);
  const fromTheTop = [...items].sort((a, b) => (standings.get(b)?.height ?? 0) - (standings.get(a)?.height ?? 0));
  for (const item of fromTheTop) {
    const { lastUse } = standings.get(item) as Standing;
    for (const need of item.needs) {
      const below = standings.get(owners.get(need) as Item);
      if (below !== undefined && below.lastUse < lastUse) below.lastUse = lastUse;
    }
  }
  return standings;
}
