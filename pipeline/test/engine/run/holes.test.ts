// Known holes by version: rows of what advisories and release notes say is affected, and what is not.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeHoles, holesIn, KNOWN_AS_OF } from '../../../engine/run/holes.ts';
import { TOOLS_LOCK } from '../../../engine/tools/install.ts';
import { searchPath, USUAL_FOLDERS } from '../../../src/program-folders.ts';

const rows: [hole: string, program: 'crun' | 'runc', affected: string[], not: string[]][] = [
  ['CVE-2019-18837', 'crun', ['0.10.4', '0.8'], ['0.10.5', '0.10.6', '1.0']],
  ['CVE-2022-27650', 'crun', ['1.4.3', '0.17'], ['1.4.4', '1.14.1']],
  ['CVE-2025-24965', 'crun', ['1.19.1'], ['1.20', '1.21']],
  ['CVE-2026-30892', 'crun', ['1.19', '1.21', '1.26'], ['1.18.2', '1.27', '1.30']],
  ['CVE-2026-84042', 'crun', ['1.29', '1.29.1'], ['1.28', '1.30']],
  ['CVE-2026-88264', 'crun', ['1.8.1', '1.29.1'], ['1.30']],
  ['CVE-2026-115520', 'crun', ['1.21', '1.30'], ['1.31']],
  ['CVE-2026-119101', 'runc', ['1.3.6', '1.4.3', '1.5.2', '1.6.0-rc.1'], ['1.3.7', '1.4.4', '1.5.3', '1.6.0-rc.2']],
  ['CVE-2026-133553', 'crun', ['1.21', '1.30'], []],
  ['CVE-2021-30465', 'runc', ['1.0.0-rc93', '1.0.0~rc94'], ['1.0.0-rc95', '1.0.0', '1.1.5+ds1']],
  ['CVE-2024-21626', 'runc', ['1.0.0-rc93', '1.1.5+ds1', '1.1.11'], ['1.0.0-rc92', '1.1.12', '1.2.0']],
  ['CVE-2024-45310', 'runc', ['1.1.13', '1.2.0-rc.2'], ['1.1.14', '1.2.0-rc.3', '1.2.0', '1.3.0']],
  [
    'CVE-2025-31133',
    'runc',
    ['1.1.15', '1.2.7', '1.3.2', '1.4.0-rc.2'],
    ['1.2.8', '1.3.3', '1.4.0-rc.3', '1.4.0', '1.5.0'],
  ],
  ['CVE-2026-41579', 'runc', ['1.2.9', '1.3.5', '1.4.2', '1.5.0-rc.2'], ['1.3.6', '1.4.3', '1.5.0-rc.3', '1.5.0']],
];
for (const [hole, program, affected, not] of rows) {
  const has = (version: string) => holesIn(program, version).some(({ id }) => id === hole);
  test(`${hole} of ${program}`, () => {
    expect(affected.filter((version) => !has(version))).toEqual([]);
    expect(not.filter(has)).toEqual([]);
  });
}

test('what is said of a version names its date, what to have instead, and what is out of reach', () => {
  expect(describeHoles('runc', '1.1.13')).toMatchObject({
    found: expect.stringMatching(
      `^runc 1.1.13: known as of ${KNOWN_AS_OF}, .*CVE-2024-45310 \\(fixed in 1.1.14, 1.2.0-rc.3\\).*; out of reach of steps CVE-2026-119101$`,
    ),
    reachable: expect.arrayContaining(['CVE-2024-45310 (fixed in 1.1.14, 1.2.0-rc.3)']),
  });
  expect(describeHoles('pasta', '0.0~git20250503.587980c-2')).toEqual({
    found: `pasta 0.0~git20250503.587980c-2: no hole known as of ${KNOWN_AS_OF}`,
    reachable: [],
  });
});

test('the engine’s own crun has no known hole that a step could reach', () => {
  for (const { debian } of Object.values(TOOLS_LOCK.platforms)) {
    const { version = '' } = debian.find(({ name }) => name === 'crun') ?? {};
    expect(version).not.toBe('');
    expect(describeHoles('crun', version).reachable).toEqual([]);
  }
});

test('programs are looked for in the same folders, by the command line, the engine and the script that starts it', () => {
  const script = readFileSync(new URL('../../../engine/bin/tools.sh', import.meta.url), 'utf8');
  expect(script).toContain(`export PATH="\${PATH:+$PATH:}${USUAL_FOLDERS.join(':')}"`);
  expect(searchPath('/usr/bin:/sbin')).toBe('/usr/bin:/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/bin');
  expect(searchPath()).toBe('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
});
