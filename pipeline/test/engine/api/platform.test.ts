// Which platforms' programs a machine runs: its own, what its kernel runs beside them, and those with an emulator (names as binfmt_misc lists qemu's and Apple's).
import { expect, test } from 'vitest';
import { HOST_PLATFORM, requireRunnable } from '../../../engine/api/platform.ts';

const isAmd = HOST_PLATFORM === 'linux/amd64';
const OTHER = isAmd ? 'linux/arm64' : 'linux/amd64';

test('its own, and the smaller one of its kind', () => {
  requireRunnable(HOST_PLATFORM);
  requireRunnable(isAmd ? 'linux/386' : 'linux/arm/v7');
});

test('another one is refused in one sentence, with a way out', () => {
  expect(() => requireRunnable(OTHER, '')).toThrow(
    `programs for ${OTHER} do not run on this machine, which is ${HOST_PLATFORM}; give it an emulator`,
  );
  expect(() => requireRunnable('linux/s390x', ' qemu-riscv64')).toThrow('programs for linux/s390x');
});

test('another one for which there is an emulator runs', () => {
  requireRunnable(OTHER, ' qemu-arm qemu-aarch64 qemu-x86_64');
  requireRunnable('linux/s390x', ' qemu-s390x');
  if (!isAmd) requireRunnable('linux/amd64', ' rosetta');
});
