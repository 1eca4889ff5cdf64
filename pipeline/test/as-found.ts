// Files of the unit tests share processes, which spares a start each: every one leaves environment, folder, clock and disk as it found them.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';

const outside = process.env.TMPDIR;
const temporary = mkdtempSync(join(tmpdir(), 'drydock-tests-'));
process.env.TMPDIR = temporary;
// What tsx, and npm's Node, compiled serves all.
for (const compiled of [`tsx-${process.getuid?.()}`, 'node-compile-cache']) {
  mkdirSync(join(tmpdir(), '..', compiled), { recursive: true });
  symlinkSync(join('..', compiled), join(temporary, compiled));
}

// Engines tell steps where traces go.
for (const name of Object.keys(process.env)) if (/^(OTEL_|TRACEPARENT|BAGGAGE)/.test(name)) delete process.env[name];

const state = () => ({
  ...process.env,
  ' folder': process.cwd(),
  ' mask': process.umask(),
  ' is real': !vi.isFakeTimers(),
  ' temporary files': readdirSync(temporary),
});
const found = state();

afterAll(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  try {
    expect(state(), 'a test file leaves its process as it found it').toEqual(found);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
    if (outside === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = outside;
  }
});
