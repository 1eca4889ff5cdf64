// The small decisions: platforms, branches, coverage, and what an engine's error means.
import { expect, test } from 'vitest';
import { parseCoverage } from '../../src/core/coverage.ts';
import { readEngineError } from '../../src/core/engine-errors.ts';
import { branchOf } from '../../src/core/git.ts';
import { parsePlatforms } from '../../src/core/platforms.ts';

const platforms: [given: string[], expected: string[] | null][] = [
  [['linux/amd64'], ['linux/amd64']],
  [['linux/amd64,linux/arm64'], ['linux/amd64', 'linux/arm64']],
  [
    ['linux/amd64', 'linux/arm/v7'],
    ['linux/amd64', 'linux/arm/v7'],
  ],
  [['linux/amd64, linux/amd64'], ['linux/amd64']],
  [['amd64'], null],
  [['windows/amd64'], null],
  [[''], null],
  [[], null],
];
for (const [given, expected] of platforms) {
  test(`platforms ${JSON.stringify(given)}`, () => {
    if (expected === null) expect(() => parsePlatforms(given)).toThrow('is not a platform to build for');
    else expect(parsePlatforms(given)).toEqual(expected);
  });
}

const refs: [ref: string, branch: string | null][] = [
  ['refs/heads/main', 'main'],
  ['refs/heads/feature/x', 'feature/x'],
  ['main', 'main'],
  ['HEAD', null],
  ['refs/tags/v1', null],
  ['0123456789012345678901234567890123456789', null],
  ['', null],
];
for (const [ref, branch] of refs) test(`branch of ${JSON.stringify(ref)}`, () => expect(branchOf(ref)).toBe(branch));

const total = (pct: unknown) =>
  JSON.stringify({ total: { lines: { pct }, statements: { pct }, functions: { pct }, branches: { pct } } });
test('coverage is read', () => {
  expect(parseCoverage(total(98.5))).toEqual({ lines: 98.5, statements: 98.5, functions: 98.5, branches: 98.5 });
});
test('nothing to cover is covered', () => expect(parseCoverage(total('Unknown')).lines).toBe(100));
for (const text of ['{}', 'null', total('x'), 'no']) {
  test(`coverage ${text.slice(0, 10)} is refused`, () => expect(() => parseCoverage(text)).toThrow());
}

const errors: [message: string, code: string, hint: string][] = [
  ['pull of node failed: 429 Too Many Requests', 'RATE_LIMITED', '--mirror'],
  ['toomanyrequests: You have reached your pull rate limit', 'RATE_LIMITED', '--mirror'],
  ['write /x: no space left on device', 'NO_SPACE', 'free some space'],
  ['the disk is full: there is no room left at /x', 'NO_SPACE', 'free some space'],
  ['node is not in the store, and --offline is set', 'OFFLINE', '--images'],
  ['401 Unauthorized', 'UNAUTHORIZED', 'docker login'],
  ['failed to resolve source metadata for docker.io/library/node', 'MISSING_IMAGE', '--images'],
  ['cannot have docker.io/grafana/grafana:1: the registry cannot be reached: ENOTFOUND', 'MISSING_IMAGE', '--mirror'],
  ['something else\nsecond line [traceparent:00-1]', 'ENGINE_FAILED', '--verbose'],
];
for (const [message, code, hint] of errors) {
  test(`an engine that says ${JSON.stringify(message.slice(0, 30))}`, () => {
    const error = readEngineError(message, undefined, undefined);
    expect(error).toMatchObject({ code, exitCode: 3, hint: expect.stringContaining(hint) });
    expect(error.message).not.toContain('\n');
    expect(error.message).not.toContain('traceparent');
  });
}

test('the embedded engine’s own hint is the hint, and not a part of the sentence', () => {
  const error = readEngineError('no command has been set; call withExec first', 'call withExec first', undefined);
  expect(error).toMatchObject({ message: 'the engine failed: no command has been set', hint: 'call withExec first' });
});
