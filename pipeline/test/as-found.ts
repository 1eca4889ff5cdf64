// Files of the unit tests share processes, which spares a start each: every one leaves environment, folder and clock as it found them.
import { afterAll, expect, vi } from 'vitest';

const state = () => ({
  ...process.env,
  ' folder': process.cwd(),
  ' mask': process.umask(),
  ' is real': !vi.isFakeTimers(),
});
const found = state();

afterAll(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  expect(state(), 'a test file leaves its process as it found it').toEqual(found);
});
