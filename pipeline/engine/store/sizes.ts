// Sizes as people write them and as they read them, and the store's budget.
import { UsageError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

const DEFAULT_BUDGET = 20e9;
/** A run of the pipeline leaves half of it: on a small disk that fits, or the disk is full, which is told as that. */
const LEAST_BUDGET = 5e9;

/** `1500000`, `500MB`, `1.5 GiB`. Undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const letters = unit.toUpperCase();
  const factor = UNITS[letters] ?? UNITS[`${letters}B`];
  const bytes = Math.round(Number(number) * (factor ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** How large the store may be. `named` is what DRYDOCK_STORE_BUDGET says; without it the disk decides. */
export function budgetOf(named: string | undefined, diskBytes: () => number): number {
  if (named === undefined || named === '')
    return Math.min(DEFAULT_BUDGET, Math.max(LEAST_BUDGET, Math.floor(diskBytes() / 10)));
  const bytes = parseSize(named);
  if (bytes === undefined)
    throw new UsageError(
      `DRYDOCK_STORE_BUDGET is not a size: ${named}`,
      'write it as 20GB, 500MB or a number of bytes',
    );
  return bytes;
}

export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [size, unit] = [bytes, 0];
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
