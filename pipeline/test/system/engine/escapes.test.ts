// Published escapes of runtimes and builders, re-made from the texts of their CVEs: what each of them reached is not reached from here.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '@dagger.io/dagger';
import { beforeEach, expect, test } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';
import { temporaryFolder } from '../support.ts';

const { dag, base } = sdkSession();

const SECRET = 'host-only-5e1f';
/** A folder of the host that anybody may read and write. */
let outside: string;
beforeEach(async () => {
  outside = await temporaryFolder('outside');
  writeFileSync(join(outside, 'secret'), SECRET);
  execFileSync('chmod', ['-R', 'a+rwX', outside]);
});
const corePattern = () => readFileSync('/proc/sys/kernel/core_pattern', 'utf8');

/** What a step says, or why it did not run. */
const said = (container: Container): Promise<string> =>
  container
    .withEnvVariable('ONCE', String(Math.random()))
    .combinedOutput()
    .catch((error: Error) => error.message);

test('CVE-2024-21626: a working directory that is a descriptor which the runtime left open', async () => {
  const look = `for up in . .. ../.. ../../.. ../../../.. ../../../../..; do cat "$up${outside}/secret"; done; true`;
  const places = Array.from({ length: 30 }, (_, index) => `/proc/self/fd/${index}`);
  const linked = base().withSymlink('/proc/self/fd/8', '/eight').withSymlink('/proc/1/cwd', '/first');
  const all = await Promise.all(
    [...places, '/eight', '/first', '/proc/1/root'].map((place) => said(linked.withWorkdir(place).withExec(sh(look)))),
  );
  for (const one of all) expect(one).not.toContain(SECRET);
});

test('CVE-2024-23651: a link that comes and goes in a volume, below which another step has a mount', async () => {
  const volume = dag.cacheVolume(`escapes-${Math.random()}`);
  const inVolume = () => base().withMountedCache('/v', volume);
  const swapping = said(
    inVolume().withExec(
      sh(
        `cd /v; ln -s ${outside} link; until [ -e stop ]; do mkdir sub; rmdir sub; mv link sub; mv sub link; done 2>/dev/null`,
      ),
    ),
  );
  const attempts = Array.from({ length: 25 }, (_, index) =>
    said(
      inVolume()
        .withMountedTemp('/v/sub')
        .withMountedFile('/v/sub/made', dag.file('made', 'x'))
        .withExec(sh(`cat /v/sub/secret; echo ${index} >/v/sub/secret; true`)),
    ),
  );
  for (const one of await Promise.all(attempts)) expect(one).not.toContain(SECRET);
  await said(inVolume().withExec(sh('touch /v/stop')));
  await swapping;
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe(SECRET);
  expect(execFileSync('ls', [outside], { encoding: 'utf8' })).toBe('secret\n');
});

/** Where a runtime writes, or takes what it binds over others, when a step starts. */
const redirected: [cve: string, at: string, prepare: string][] = [
  ['CVE-2025-31133: a /dev/null that is a link', '/dev', 'ln -s /proc/sys/kernel/core_pattern null'],
  ['CVE-2025-31133: a /dev/null that is a file', '/dev', 'echo x >null'],
  ['CVE-2025-52565: a /dev/console that is a link', '/dev', 'ln -s /proc/sys/kernel/core_pattern console'],
  ['CVE-2025-52565: a /dev/pts that is a link', '/dev', 'ln -s /proc pts; ln -s /proc/sys/kernel/core_pattern ptmx'],
  [
    'CVE-2025-52881: a /proc of the step’s own',
    '/proc',
    'mkdir -p self/attr sys/kernel; touch self/attr/exec sys/kernel/core_pattern',
  ],
  ['CVE-2025-52881: a label that is written elsewhere', '/proc/self/attr', 'ln -s /proc/sys/kernel/core_pattern exec'],
  [
    'CVE-2025-52881: settings that are written elsewhere',
    '/proc/sys',
    'mkdir kernel; ln -s /proc/sysrq-trigger kernel/core_pattern',
  ],
  ['CVE-2019-16884: a volume over /proc', '/proc', 'mkdir self; ln -s /proc/sysrq-trigger self/exe'],
  ['CVE-2019-19921: a /sys that is another', '/sys', 'ln -s /proc/sys kernel'],
];
for (const [cve, at, prepare] of redirected)
  test(cve, async () => {
    const before = corePattern();
    const volume = dag.cacheVolume(`escapes-${Math.random()}`);
    expect(
      await said(
        base()
          .withMountedCache('/v', volume)
          .withExec(sh(`cd /v && ${prepare} && echo made`)),
      ),
    ).toBe('made\n');
    const attempt = 'for file in /proc/sys/kernel/core_pattern /dev/null /dev/console; do echo "|/evil" >$file; done';
    await said(base().withMountedCache(at, volume).withExec(sh(attempt)));
    await said(base().withMountedTemp(at).withExec(sh(attempt)));
    expect(corePattern()).toBe(before);
    // The next step has all as ever.
    expect(
      await said(base().withExec(sh('echo "|/evil" >/proc/sys/kernel/core_pattern; echo x >/dev/null && echo well'))),
    ).toMatch(/well\n$/);
    expect(corePattern()).toBe(before);
  });
