// Rules of this folder that no compiler knows.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SETTINGS } from '../src/config.ts';
import * as metrics from '../src/metrics.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const sources = readdirSync(new URL('../src', import.meta.url)).map((name) => `src/${name}`);

test('rules: express and prom-client, and nothing else, at run time', () => {
  expect(Object.keys(JSON.parse(read('package.json')).dependencies)).toEqual(['express', 'prom-client']);
});

test('rules: the README lists every variable, and no other', () => {
  const documented = [...read('README.md').matchAll(/^\| `([A-Z_]+)` *\| *`?([^|` ]*)`? *\|/gm)];
  expect(documented.map(([, variable, fallback]) => [variable, fallback])).toEqual(
    Object.values(SETTINGS).map(({ variable, fallback }) => [variable, String(fallback ?? '')]),
  );
});

test('rules: the README lists every metric, and each name is written once', () => {
  const named = [metrics.REQUESTS, metrics.REQUEST_SECONDS, metrics.IN_FLIGHT, metrics.BUILD_INFO];
  const code = sources.map(read).join('\n');
  for (const { name } of named) {
    expect(read('README.md')).toContain(`\`${name}\``);
    expect(code.split(`'${name}'`)).toHaveLength(2);
  }
});

test('rules: a source opens with its purpose', () => {
  for (const source of sources) expect(read(source)).toMatch(/^\/\/ .+\.\n/);
});

test('rules: no folders in src, where coverage would not look', () => {
  expect(sources.filter((source) => !/^src\/\w+\.ts$/.test(source))).toEqual([]);
});

test('rules: the environment is read by the programs only', () => {
  const readers = sources.filter((source) => read(source).includes('process.env'));
  expect(readers).toEqual(['src/healthcheck.ts', 'src/server.ts']);
});
