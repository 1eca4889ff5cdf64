// How a service is asked whether it is well. Docker's own values hold where the file has none.
import { isScalar } from 'yaml';
import type { Fields } from '../yaml.ts';
import type { Healthcheck } from './model.ts';
import { type Fail, finish, shaped } from './reading.ts';
import { castFlag, castWhole, duration, flag, scalarOf, textOrTexts, whole } from './shapes.ts';

const IMAGE_OWN: Healthcheck = { test: null, intervalSeconds: 30, timeoutSeconds: 30, startSeconds: 0, retries: 3 };

export function readHealthcheck(service: Fields, fail: Fail): Healthcheck | null {
  const check = service.has('healthcheck') ? service.mapping('healthcheck') : undefined;
  if (check === undefined) return IMAGE_OWN;
  const found: Healthcheck = {
    test: readTest(check, fail),
    intervalSeconds: seconds(check, 'interval', fail) || IMAGE_OWN.intervalSeconds,
    timeoutSeconds: seconds(check, 'timeout', fail) || IMAGE_OWN.timeoutSeconds,
    startSeconds: seconds(check, 'start_period', fail),
    retries: retries(check, fail) || IMAGE_OWN.retries,
  };
  shaped('start_interval', duration, check, fail);
  const isOff = shaped('disable', flag, check, fail) && castFlag(scalarOf(check.nodeOf('disable'))) === true;
  finish(check);
  return isOff || found.test?.[0] === 'NONE' ? null : found;
}

function readTest(check: Fields, fail: Fail): string[] | null {
  if (!shaped('test', textOrTexts, check, fail)) return null;
  if (isScalar(check.nodeOf('test'))) return ['CMD-SHELL', check.text('test', '')];
  const test = check.strings('test');
  if (test.length === 0) return null;
  if (['CMD', 'CMD-SHELL', 'NONE'].includes(test[0] ?? '')) return test;
  check.fault('test', 'must begin with CMD, CMD-SHELL or NONE');
  return null;
}

function retries(check: Fields, fail: Fail): number {
  if (!shaped('retries', whole, check, fail)) return 0;
  const count = castWhole(scalarOf(check.nodeOf('retries'))) ?? -1;
  if (count < 0) check.fault('retries', 'must be 0 or more');
  return count;
}

const UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 0.001, s: 1, m: 60, h: 3600 };

/** `1m30s`, `500ms`; 0 where it is not said. */
function seconds(check: Fields, key: string, fail: Fail): number {
  if (!shaped(key, duration, check, fail)) return 0;
  const written = String(scalarOf(check.nodeOf(key)));
  if (written.startsWith('-')) check.fault(key, 'must be 0 or more');
  const parts = written.matchAll(/(\d*\.?\d*)(ns|us|µs|ms|h|m|s)/g);
  return [...parts].reduce((sum, [, count, unit = 's']) => sum + Number(count) * (UNITS[unit] ?? 1), 0);
}
