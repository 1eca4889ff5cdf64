// The person at the other end: signals in a process of its own, screens by what is known of the streams.
import { afterEach, expect, test, vi } from 'vitest';
import { openTerminal } from '../../cli/terminal.ts';
import { type Outcome, runProgram } from './programs/run.ts';

const TOLD = 'error: interrupted\nhint: nothing is left running; what was finished is in the cache\n';

const signals: [name: string, args: string[], outcome: Outcome][] = [
  ['Ctrl-C', ['SIGINT'], { exitCode: 130, stdout: '', stderr: TOLD }],
  ['a wish to end', ['SIGTERM'], { exitCode: 130, stdout: '', stderr: TOLD }],
  ['a terminal that was closed', ['SIGHUP'], { exitCode: 130, stdout: '', stderr: TOLD }],
  ['Ctrl-C on two ways at once', ['SIGINT', '5'], { exitCode: 0, stdout: 'tidied\n', stderr: TOLD }],
  ['Ctrl-C, and again later: no waiting', ['SIGINT', '1500'], { exitCode: 130, stdout: '', stderr: TOLD }],
];
for (const [name, args, outcome] of signals) {
  test.concurrent(name, { timeout: 30_000 }, async ({ expect }) => {
    expect(await runProgram('pipeline/test/cli/programs/interrupted.ts', args)).toEqual(outcome);
  });
}

// --------------------------------------------------------------------------------------------------------- screens

const real = { isTTY: process.stdout.isTTY, columns: process.stdout.columns };
afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(process.stdout, real);
});

/** A terminal on streams that are, or are not, terminals; nobody listens to signals in this process. */
function open(env: NodeJS.ProcessEnv, isTTY: boolean, columns?: number) {
  vi.spyOn(process, 'on').mockReturnThis();
  vi.spyOn(process.stdout, 'on').mockReturnThis();
  vi.spyOn(process.stderr, 'on').mockReturnThis();
  Object.assign(process.stdout, { isTTY, columns });
  return openTerminal(env);
}

const screens: [env: NodeJS.ProcessEnv, isTTY: boolean, isTerminal: boolean, hasColour: boolean][] = [
  [{}, true, true, true],
  [{}, false, false, false],
  [{ TERM: 'dumb' }, true, false, false],
  [{ TERM: 'xterm' }, true, true, true],
  [{ NO_COLOR: '1' }, true, true, false],
  [{ NO_COLOR: '' }, true, true, true], // by no-color.org: only when it is not empty
  [{ FORCE_COLOR: '1' }, false, false, true],
  [{ FORCE_COLOR: '0' }, true, true, false],
  [{ FORCE_COLOR: '' }, false, false, false],
  [{ FORCE_COLOR: '1', TERM: 'dumb' }, true, false, true],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, true, false],
];
for (const [env, isTTY, isTerminal, hasColour] of screens) {
  test(`a ${isTTY ? 'terminal' : 'pipe'} with ${JSON.stringify(env)}`, () => {
    expect(open(env, isTTY).out).toMatchObject({ isTerminal, hasColour });
  });
}

test('the width is asked for each time, and 80 where nobody knows it', () => {
  const { out } = open({}, true, 100);
  expect(out.columns()).toBe(100);
  process.stdout.columns = 40;
  expect(out.columns()).toBe(40);
  expect(open({}, false).out.columns()).toBe(80);
});
