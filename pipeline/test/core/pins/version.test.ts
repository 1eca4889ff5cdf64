// Which tags may follow a tag: form, variant, order, and where a major begins.
import { expect, test } from 'vitest';
import { successorsOf } from '../../../src/core/pins/version.ts';

const rows: [current: string, all: string, within: string, major: string | null][] = [
  ['1.30.5-alpine', '1.30.5-alpine', '', null],
  ['1.30.5-alpine', '1.30.6-alpine 1.30.10-alpine 1.31.0-alpine', '1.31.0-alpine 1.30.10-alpine 1.30.6-alpine', null],
  ['1.30.5-alpine', '1.30.6 1.30.6-alpine-slim 1.30.6-perl 1.30-alpine latest', '', null],
  ['1.30.5-alpine', '1.30.4-alpine 0.99.0-alpine', '', null],
  [
    '24.21.0-bookworm-slim',
    '24.22.0-bookworm-slim 26.1.0-bookworm-slim 25.0.0-bookworm-slim',
    '24.22.0-bookworm-slim',
    '26.1.0-bookworm-slim',
  ],
  ['22.23.3-alpine3.24', '22.23.4-alpine3.24 22.24.0-alpine3.25', '22.23.4-alpine3.24', null],
  ['v3.15.0', 'v3.16.0-rc.0 3.16.0 v3.15.1 v4.0.0', 'v3.15.1', 'v4.0.0'],
  ['0.75.0', '0.76.0 0.76.0', '0.76.0', null],
  ['3.1', '3 3.1.1 3.2', '3.2', null],
  ['nonroot', 'nonroot latest debug 1.0.0', '', null],
  ['1.9.0', '1.10.0 1.9.10 1.9.9', '1.10.0 1.9.10 1.9.9', null],
];
for (const [current, all, within, major] of rows) {
  test(`${current} is followed by ${[within, major].filter(Boolean).join(', major ') || 'nothing'} of ${all}`, () =>
    expect(successorsOf(current, all.split(' '))).toEqual({ within: within === '' ? [] : within.split(' '), major }));
}
