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

/** As a Dagger Engine and BuildKit say it, by what people paste into public issues; and what merely looks like it. */
const errors: [message: string, code: string, hint: string][] = [
  [
    'failed to resolve source metadata for docker.io/nvidia/cuda:12: unexpected status from HEAD request to https://registry-1.docker.io/v2/nvidia/cuda/manifests/12: 429 Too Many Requests',
    'RATE_LIMITED',
    '--mirror',
  ],
  [
    'pulling from host registry-1.docker.io failed with status code [manifests 20.10]: 429 Too Many Requests',
    'RATE_LIMITED',
    '--mirror',
  ],
  [
    'failed to solve: alpine:3: failed to resolve source metadata for docker.io/library/alpine:3: failed to copy: toomanyrequests: You have reached your pull rate limit',
    'RATE_LIMITED',
    '--mirror',
  ],
  [
    'failed to resolve source metadata for docker.io/a/b:1: failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://auth.docker.io/token: 401 Unauthorized',
    'UNAUTHORIZED',
    'docker login',
  ],
  [
    'failed to resolve source metadata for docker.io/library/builder:latest: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    'UNAUTHORIZED',
    'docker login',
  ],
  [
    'failed to do request: Head "https://registry-1.docker.io/v2/library/docker/manifests/24-dind": dial tcp 192.0.2.3:443: i/o timeout',
    'MISSING_IMAGE',
    '--images',
  ],
  [
    'failed to resolve source metadata for docker.io/library/node:1: docker.io/library/node:1: not found',
    'MISSING_IMAGE',
    '--images',
  ],
  ['write /x: no space left on device', 'NO_SPACE', 'free some space'],

  ['failed to mount /home/me/offline-first/app: permission denied', 'ENGINE_FAILED', '--verbose'],
  ['runtime error: index out of range [429] with length 3', 'ENGINE_FAILED', '--verbose'],
  ['lstat /src/x-403/unauthorized: permission denied', 'ENGINE_FAILED', '--verbose'],
  ['failed to open /src/toomanyrequests.ts: input/output error', 'ENGINE_FAILED', '--verbose'],
  ['cannot parse /var/no such image/manifest unknown.json', 'ENGINE_FAILED', '--verbose'],
  // Folders that drydock.yaml may name so.
  ['lstat /api: failed to authorize: 401 Unauthorized: no such file or directory', 'ENGINE_FAILED', '--verbose'],
  ['failed to stat "a: failed to authorize: 429 Too Many Requests": exit status 1', 'ENGINE_FAILED', '--verbose'],
  ['open a: failed to authorize: x: not a directory', 'ENGINE_FAILED', '--verbose'],
  ['failed to read "no space left on device.md": invalid argument', 'ENGINE_FAILED', '--verbose'],
  ['something else\nsecond line [traceparent:00-1]', 'ENGINE_FAILED', '--verbose'],
];
for (const [message, code, hint] of errors) {
  test(`a Dagger Engine that says ${JSON.stringify(message.slice(-60))}`, () => {
    const error = readEngineError(message, undefined, undefined);
    expect(error).toMatchObject({ code, exitCode: 3, hint: expect.stringContaining(hint) });
    expect(error.message).not.toContain('\n');
    expect(error.message).not.toContain('traceparent');
  });
}

const said: [code: string, reading: string][] = [
  ...(['RATE_LIMITED', 'NO_SPACE', 'OFFLINE', 'UNAUTHORIZED', 'MISSING_IMAGE'] as const).map(
    (code): [string, string] => [code, code],
  ),
  ['FAILED', 'ENGINE_FAILED'],
  ['toString', 'ENGINE_FAILED'],
];
for (const [code, reading] of said) {
  test(`the embedded engine, by its code ${code}, whatever its words`, () => {
    const message = 'failed to resolve source metadata for x: 429 Too Many Requests';
    expect(readEngineError(message, { code }, undefined).code).toBe(reading);
  });
}

test('the embedded engine’s own hint is the hint, and not a part of the sentence', () => {
  const error = readEngineError(
    'no command has been set; call withExec first',
    { code: 'FAILED', hint: 'call withExec first' },
    undefined,
  );
  expect(error).toMatchObject({ message: 'the engine failed: no command has been set', hint: 'call withExec first' });
});
