// What a Dockerfile starts from, by the examples of Docker's own documentation.
import { describe, expect, test } from 'vitest';
import { baseOf, imagesOf, isPinned, stagesOf, targetOf } from '../../src/core/dockerfile.ts';

// docs.docker.com/build/building/multi-stage, "Use a previous stage as a new stage", with a heredoc and what is copied from an image.
const STAGES = `# syntax=docker/dockerfile:1

FROM alpine:latest AS builder
RUN apk --no-cache add build-base

FROM builder AS build1
COPY source1.cpp source.cpp
RUN g++ -o /binary source.cpp

FROM builder AS build2
COPY <<FROM source.cpp
FROM nothing
FROM
RUN --mount=type=cache,target=/x --mount=type=bind,from=golang:1.24,source=/g,target=/g \\
    # why
    g++ -o /binary source.cpp

FROM scratch
COPY --from=build1 /binary /one
COPY --from=nginx:latest /etc/nginx/nginx.conf /nginx.conf
`;

// docs.docker.com/reference/dockerfile, "Understand how ARG and FROM interact".
const ARGUMENTS = `ARG  CODE_VERSION=latest
FROM base:\${CODE_VERSION}
CMD  /code/run-app

FROM extras:\${CODE_VERSION}
CMD  /code/run-extras
`;

describe('stages', () => {
  test('of a build in several', () =>
    expect(stagesOf(STAGES).map(({ name, from, line }) => [name, from, line])).toEqual([
      ['builder', 'alpine:latest', 3],
      ['build1', 'builder', 6],
      ['build2', 'builder', 10],
      ['', 'scratch', 18],
    ]));

  test.each([
    ['', null, ['alpine:latest', 'nginx:latest']],
    ['build1', 'alpine:latest', ['alpine:latest']],
    ['BUILD2', 'alpine:latest', ['alpine:latest', 'golang:1.24']],
    ['1', 'alpine:latest', ['alpine:latest']],
    ['build3', null, []],
  ])('%j lies on %j, and is made of %j', (target, base, images) => {
    const stages = stagesOf(STAGES);
    expect([baseOf(stages, target), imagesOf(stages, target).sort()]).toEqual([base, images]);
    expect(targetOf(stages, target) !== undefined).toBe(target !== 'build3');
  });

  test.each([
    [{}, 'extras:latest'],
    [{ CODE_VERSION: '1.2' }, 'extras:1.2'],
  ])('an argument before the first FROM: %j', (given, image) => {
    expect(baseOf(stagesOf(ARGUMENTS, given), '')).toBe(image);
  });

  test.each([
    // What Docker's reference says of ${variable:-word} and of --platform.
    [`FROM --platform=$BUILDPLATFORM node:$${'{V:-24}'} as build`, 'node:24'],
    ['FROM \\\n  node:24 \\\n  AS x', 'node:24'],
    ['ARG V\nFROM node:$V', null],
    ['ARG V="24" W=slim\nFROM node:$V-$W', 'node:24-slim'],
    ['# escape=`\nFROM `\n  mcr.example/servercore', 'mcr.example/servercore'],
    ['from node:24\r\nRUN x\r\n', 'node:24'],
  ])('%j', (text, base) => expect(baseOf(stagesOf(text), '')).toBe(base));
});

test.each([
  ['node:24', false],
  [`node@sha256:${'0'.repeat(64)}`, true],
  [`node:24@sha256:${'a'.repeat(64)}`, true],
  ['node@sha256:0000', false],
])('%s is pinned: %s', (image, pinned) => expect(isPinned(image)).toBe(pinned));
