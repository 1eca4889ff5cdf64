// The programs that start steps: each that is here gives the same answers, and one that does not work is no wall where there is another.
import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeBase } from '../conformance/base.ts';
import { openSession, sh } from '../engine-session.ts';
import { temporaryFolder } from '../support.ts';
import { runcIn, toolsFolder } from '../tools.ts';

const folder = await temporaryFolder('runtimes');
const base = await makeBase(folder);
await runcIn(folder);
const PATH = `${folder}:${process.env.PATH}`;
/** The engine's own tools, with a crun that always fails, and is none the less what it is known by: else it would be made again. */
const tools = await toolsFolder();
const broken = join(folder, basename(tools));
await cp(tools, broken, { recursive: true, verbatimSymlinks: true });
const FAILS = '#!/bin/sh\nexit 1\n';
await writeFile(join(broken, 'bin/crun'), FAILS);
const sums = await readFile(join(broken, 'sums'), 'utf8');
const sum = createHash('sha256').update(FAILS).digest('hex');
await writeFile(join(broken, 'sums'), sums.replace(/\w+(?= {2}bin\/crun$)/m, sum));
const BROKEN_CRUN = { DRYDOCK_TOOLS: broken };

/** Asks a session of its own. */
async function containerIn(env: Record<string, string>): Promise<(fields: string) => Promise<string>> {
  const session = await openSession({ PATH, ...env, XDG_CACHE_HOME: join(folder, 'cache') });
  onTestFinished(() => session.close());
  return session.from(base);
}

const once = () => `withEnvVariable(name: "ONCE", value: "${Math.random()}")`;
const rows: [name: string, fields: string, answer: string][] = [
  ['the output opened by its name', sh('echo a >/dev/stdout'), 'a\n'],
  ['the error output opened by its name', sh('echo a >/dev/stderr', 'stderr'), 'a\n'],
  [
    'the error output opened by its name, as somebody else',
    `withUser(name: "1234:1234") { ${sh('echo a >/dev/stderr', 'stderr')} }`,
    'a\n',
  ],
  ['an input opened by its name', 'withExec(args: ["cat", "/dev/stdin"], stdin: "in") { stdout }', 'in'],
  [
    'an input opened by its name, as somebody else',
    'withUser(name: "1234") { withExec(args: ["cat", "/dev/stdin"], stdin: "in") { stdout } }',
    'in',
  ],
  ['an input that is not given', 'withExec(args: ["cat", "/dev/stdin"]) { stdout }', ''],
  ['outputs that are closed while the command goes on', sh('echo a; exec >&- 2>&-; sleep 0.3'), 'a\n'],
  [
    'an input that the command does not read to its end',
    `withExec(args: ["head", "-c", "2"], stdin: "${'in'.repeat(200_000)}") { combinedOutput }`,
    'in',
  ],
  ['a pipe that nobody reads', sh('{ yes; echo $? >&2; } | head -n 1', 'combinedOutput'), 'y\n141\n'],
  ['what the command leaves behind in the background', sh('echo a; sleep 600 &'), 'a\n'],
  [
    'a megabyte at both outputs',
    sh('head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2', 'combinedOutput'),
    '\0'.repeat(2_000_000),
  ],
];

for (const runtime of ['crun', 'runc']) {
  describe(`with ${runtime}`, () => {
    for (const [name, fields, answer] of rows) {
      test(name, async () => {
        const ask = await containerIn({ DRYDOCK_RUNTIME: runtime });
        expect(await ask(`${once()} { ${fields} }`)).toEqual(answer);
      });
    }

    test('system calls are refused to every step of a session, whatever the steps before it might do', async () => {
      const ask = await containerIn({ DRYDOCK_RUNTIME: runtime });
      const attempt = (all: boolean) => {
        const args = `["sh", "-c", "unshare -U true 2>/dev/null && echo allowed || echo refused"]`;
        return ask(`${once()} { withExec(args: ${args}, insecureRootCapabilities: ${all}) { stdout } }`);
      };
      const answers: string[] = [];
      for (const all of [false, false, true, true, false]) answers.push(await attempt(all));
      expect(answers).toEqual(['refused\n', 'refused\n', 'allowed\n', 'allowed\n', 'refused\n']);
    });

    test('a command that is not there', async () => {
      const ask = await containerIn({ DRYDOCK_RUNTIME: runtime });
      await expect(ask('withExec(args: ["nope"], noInit: true) { stdout }')).rejects.toThrow(
        /could not start the command: .*"?nope"?.* not found/,
      );
    });
  });
}

test('where crun does not work, runc is taken', async () => {
  const ask = await containerIn(BROKEN_CRUN);
  for (const text of ['1', '2']) expect(await ask(`${once()} { ${sh(`echo ${text}`)} }`)).toBe(`${text}\n`);
});

test('what crun cannot start for the sake of the step is not handed to runc, by no step of a session', async () => {
  const ask = await containerIn({});
  for (const command of ['/nope', 'nope', '/etc/hosts'])
    await expect(ask(`withExec(args: ["${command}"], noInit: true) { stdout }`)).rejects.toThrow(
      /could not start the command: .*(not found|No such file|not executable)/,
    );
  // Which runc does not make.
  expect(await ask(`${once()} { ${sh('readlink /dev/core')} }`)).toBe('/proc/kcore\n');
});

test('where the one that is asked for does not work, that is said', async () => {
  const ask = await containerIn({ ...BROKEN_CRUN, DRYDOCK_RUNTIME: 'crun' });
  await expect(ask(`${once()} { ${sh('echo')} }`)).rejects.toThrow('crun ended with exit code 1');
});
