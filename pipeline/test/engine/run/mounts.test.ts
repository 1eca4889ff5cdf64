// Which kernels take the mount option that keeps them from flushing an overlay.
import { expect, test } from 'vitest';
import { hasVolatile } from '../../../engine/run/mounts.ts';

const KERNELS: [release: string, hasIt: boolean][] = [
  ['4.18.0-553.el8_10.x86_64', false],
  ['5.4.0-200-generic', false],
  ['5.9.16', false],
  ['5.10.0-32-amd64', true],
  ['5.15.167.4-microsoft-standard-WSL2', true],
  ['6.1.0', true],
  ['10.0', true],
];
test.each(KERNELS)('Linux %s has volatile overlays: %s', (release, hasIt) => expect(hasVolatile(release)).toBe(hasIt));
