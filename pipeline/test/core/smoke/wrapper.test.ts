// The script under which services run, run by a real shell.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { $ } from 'zx';
import { checkFile, healthFile, logFile, START, wrapper } from '../../../src/core/smoke/wrapper.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "drydock-wrapper's-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (service: string, test: string[] | null, command: string[], before = '') =>
  $({
    env: { ...process.env, [START]: '3' },
    quiet: true,
  })`sh -c ${wrapper({ folder, service, test, sleep: 'sleep', before })} ${service} ${command}`;
const read = (path: string) => readFileSync(path, 'utf8');

test('it becomes the service, which gets its arguments and variables as they are, and logs to a file', async () => {
  const script = `echo "$$ $1 $X \${${START}:-none}"; echo loud >&2`;
  const ran = await run('plain', null, ['sh', '-c', script, 'sh', "it's  one"], 'export X=1');
  expect([ran.stdout, ran.stderr]).toEqual(['', '']);
  expect(read(logFile(folder, 'plain'))).toMatch(/^\d+ it's {2}one 1 none\nloud\n$/);
});

const checks: [kind: string, test: string[]][] = [
  ['CMD', ['CMD', 'test', '-e']],
  ['CMD-SHELL', ['CMD-SHELL']],
];
test.for(checks)('%s: healthy once the check holds, and not before', async ([kind, words]) => {
  const ready = join(folder, `ready ${kind}`);
  const own = kind === 'CMD' ? [...words, ready] : [...words, `echo asked; test -e "${ready}"`];
  const ran = run(kind, own, ['sleep', '60']);
  await vi.waitFor(() => expect(read(checkFile(folder, kind))).toBe(kind === 'CMD' ? '' : 'asked\n'));
  expect(() => read(healthFile(folder, kind, 3))).toThrow('ENOENT');
  await $`touch ${ready}`;
  await vi.waitFor(() => expect(read(healthFile(folder, kind, 3))).toBe('healthy\n'), { timeout: 10_000 });
  // The script has become the service: one process. (zx's own kill needs ps, which slim images lack.)
  ran.child?.kill();
  await ran.nothrow();
});
