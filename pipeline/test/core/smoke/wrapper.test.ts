// The script under which services run, run by a real shell.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  checkFile,
  endFile,
  healthFile,
  logFile,
  START,
  socketsFile,
  wrapper,
} from '../../../src/core/smoke/wrapper.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "drydock-wrapper's-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Started = { ended: Promise<unknown[]>; signal: (name: NodeJS.Signals) => void; stop: () => void };

function run(service: string, test: string[] | null, command: string[], before = ''): Started {
  const script = wrapper({ folder, service, test, sleep: ['sleep'], before });
  const env = { ...process.env, [START]: '3' };
  // A group of its own, so that the check that runs beside it ends with it.
  const child = spawn('sh', ['-c', script, service, ...command], { env, stdio: 'ignore', detached: true });
  const pid = child.pid ?? 0;
  return {
    ended: once(child, 'exit'),
    signal: (name) => void process.kill(pid, name),
    stop: () => void process.kill(-pid),
  };
}
const read = (path: string) => readFileSync(path, 'utf8');

test('the service gets its arguments and variables as they are, and logs to a file', async () => {
  const script = `echo "$$ $1 $X \${${START}:-none}"; echo loud >&2`;
  await run('plain', null, ['sh', '-c', script, 'sh', "it's  one"], 'export X=1').ended;
  expect(read(logFile(folder, 'plain'))).toMatch(/^\d+ it's {2}one 1 none\nloud\n$/);
});

const endings: [name: string, command: string, exitCode: number][] = [
  ['ends well', 'exit 0', 0],
  ['dies at once', 'echo "Error: no database" >&2; exit 3', 3],
  ['is killed', 'kill -9 $$', 137],
  ['is not there', 'exec no-such-program', 127],
];
test.for(endings)('that it %s is written down, and is how the script ends', async ([name, command, exitCode]) => {
  const [code] = await run(name, null, ['sh', '-c', command]).ended;
  expect([code, read(endFile(folder, name, 3))]).toEqual([exitCode, `${exitCode}\n`]);
});

test.for(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const)(
  '%s reaches the service, which takes the time that it needs',
  async (signal) => {
    const script = `process.on('${signal}', () => setTimeout(() => process.exit(9), 300)); setInterval(() => {}, 1000); console.log('up')`;
    const service = run(signal, null, [process.execPath, '-e', script]);
    await vi.waitFor(() => expect(read(logFile(folder, signal))).toBe('up\n'), PATIENCE);
    service.signal(signal);
    expect((await service.ended)[0]).toBe(9);
  },
);

/** A machine may be busy. */
const PATIENCE = { timeout: 30_000 };

const checks: [kind: string, test: string[]][] = [
  ['CMD', ['CMD', 'test', '-e']],
  ['CMD-SHELL', ['CMD-SHELL']],
];
test.for(checks)('%s: healthy once the check holds, and not before', async ([kind, words]) => {
  const ready = join(folder, `ready ${kind}`);
  const own = kind === 'CMD' ? [...words, ready] : [...words, `echo asked; test -e "${ready}"`];
  const { ended, stop } = run(kind, own, ['sleep', '60']);
  try {
    const asked = kind === 'CMD' ? '' : 'asked\n';
    await vi.waitFor(() => expect(read(checkFile(folder, kind))).toBe(asked), PATIENCE);
    expect(() => read(healthFile(folder, kind, 3))).toThrow('ENOENT');
    await vi.waitFor(() => expect(read(socketsFile(folder, kind))).toMatch(/local_address/), PATIENCE);
    writeFileSync(ready, '');
    await vi.waitFor(() => expect(read(healthFile(folder, kind, 3))).toBe('healthy\n'), PATIENCE);
  } finally {
    stop();
    await ended;
  }
});
