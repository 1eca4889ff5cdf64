// Records of past runs with dull defaults.
import type { TimedRun } from '../../../src/core/times/ledger.ts';

/** A run of a day, with seconds by stage. */
export function timed(
  day: string,
  seconds: Record<string, number>,
  { cached = false, passed = true, ...over }: Partial<TimedRun> & { cached?: boolean; passed?: boolean } = {},
): TimedRun {
  const stages = Object.entries(seconds).map(([name, time]) => [name, { ms: time * 1000, cached, passed }]);
  return {
    version: 1,
    startedAt: `${day}T12:34:56.000Z`,
    function: 'ci',
    engine: 'embedded',
    commit: `${day.replaceAll('-', '')}${'0'.repeat(32)}`,
    stages: Object.fromEntries(stages),
    ...over,
  };
}
