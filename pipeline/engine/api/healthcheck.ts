// A container's Docker healthcheck: a setting that goes into the image, read and written in Go's words for durations, and what a service is asked.
import { parseDuration } from '../../src/duration.ts';
import { EngineError } from '../errors.ts';
import type { HealthTest } from '../run/health.ts';
import { FactValue } from '../values.ts';

export interface HealthcheckArgs {
  readonly args: readonly string[];
  readonly shell?: boolean;
  readonly interval?: string;
  readonly timeout?: string;
  readonly startPeriod?: string;
  readonly startInterval?: string;
  readonly retries?: number;
}

const DURATIONS = {
  interval: 'Interval',
  timeout: 'Timeout',
  startPeriod: 'StartPeriod',
  startInterval: 'StartInterval',
} as const;

/** As an image's config has it. */
export function toHealthcheck({ args, shell, retries, ...rest }: HealthcheckArgs): Record<string, unknown> {
  if (shell && args.length !== 1) throw new EngineError('a healthcheck for the shell is one argument');
  if (args.length === 0) throw new EngineError('the command of a healthcheck is missing');
  const durations = Object.entries(DURATIONS)
    .map(([name, field]) => [field, rest[name as keyof typeof DURATIONS]] as const)
    .filter(([, text]) => text !== undefined)
    .map(([field, text]) => [field, nanoseconds(text as string)]);
  return {
    Test: [shell ? 'CMD-SHELL' : 'CMD', ...args],
    ...Object.fromEntries(durations),
    ...(retries === undefined ? {} : { Retries: retries }),
  };
}

export function fromHealthcheck(config: unknown): FactValue | null {
  if (typeof config !== 'object' || config === null) return null;
  const { Test = [], Retries = 0, ...rest } = config as { Test?: string[]; Retries?: number };
  const duration = (field: string) => formatDuration(Number((rest as Record<string, unknown>)[field] ?? 0));
  return new FactValue('HealthcheckConfig', {
    args: Test.slice(1),
    shell: Test[0] === 'CMD-SHELL',
    retries: Retries,
    ...Object.fromEntries(Object.entries(DURATIONS).map(([name, field]) => [name, duration(field)])),
  });
}

const DEFAULT_SHELL = ['/bin/sh', '-c'];
const DEFAULTS = { interval: 5e9, timeout: 30e9, retries: 3 };

/** The test of an image's config, where it has one. */
export function healthTest({ Healthcheck, Shell }: Readonly<Record<string, unknown>>): HealthTest | undefined {
  if (typeof Healthcheck !== 'object' || Healthcheck === null) return undefined;
  const config = Healthcheck as { Test?: string[] } & Record<string, unknown>;
  const [kind = 'NONE', ...args] = config.Test ?? [];
  if (kind === 'NONE') return undefined;
  if (!['CMD', 'CMD-SHELL'].includes(kind) || args.length === 0)
    throw new EngineError(`malformed healthcheck command: ${JSON.stringify(config.Test)}`);
  const number = (field: string) => Number(config[field] ?? 0);
  return {
    args: kind === 'CMD' ? args : [...((Shell as string[] | undefined) ?? DEFAULT_SHELL), ...args],
    intervalMs: (number('StartInterval') || number('Interval') || DEFAULTS.interval) / 1e6,
    timeoutMs: (number('Timeout') || DEFAULTS.timeout) / 1e6,
    startPeriodMs: number('StartPeriod') / 1e6,
    retries: number('Retries') || DEFAULTS.retries,
  };
}

/** `1m30s` as nanoseconds. */
export function nanoseconds(text: string): number {
  const found = parseDuration(text);
  if (found === undefined) throw new EngineError(`${JSON.stringify(text)} is not a duration`, 'write it as in "1m30s"');
  return found;
}

/** Nanoseconds as Go prints them: `1m30s`, `1.5s`, `250ms`. */
export function formatDuration(ns: number): string {
  if (ns === 0) return '0s';
  if (ns < 1e3) return `${ns}ns`;
  if (ns < 1e6) return `${ns / 1e3}µs`;
  if (ns < 1e9) return `${ns / 1e6}ms`;
  const hours = Math.floor(ns / 3600e9);
  const minutes = Math.floor((ns % 3600e9) / 60e9);
  const seconds = `${(ns % 60e9) / 1e9}s`;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}`;
}
