// Reads durations in Go's words, which Docker and Dagger use as well: `90s`, `10m`, `1h30m`.

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** In nanoseconds; undefined for a text that is not a duration. */
export function parseDuration(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text !== '0' && (parts.length === 0 || parts.map(([part]) => part).join('') !== text)) return undefined;
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit as string] ?? 0), 0));
}

export const STEP_TIMEOUT_RANGE = 'a duration from 1s to 500h';
/** A timer of Node's cannot wait for more than 596 hours. */
const [SHORTEST_MS, LONGEST_MS] = [1000, 500 * 3_600_000];

/** How long a step may run, in milliseconds; undefined for a text that does not say so. */
export function parseStepTimeout(text: string): number | undefined {
  const ms = (parseDuration(text) ?? 0) / 1e6;
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}
