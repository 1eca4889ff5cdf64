// Bytes written out as a file: whose it is, and what may be done with it, whatever the file is that they come from.
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyBytes } from '../../../engine/store/bytes.ts';

const OTHER = 4321;

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'drydock-bytes-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** Root of a step that has one user id can give nothing away. */
const hasOtherIds = process.getuid?.() === 0 && canGiveAway();

function canGiveAway(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-owner-'));
  try {
    chownSync(folder, OTHER, OTHER);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// In libuv 1.51, of Node 22 and later, a copy takes the owner of its source over, where it may.
test.runIf(hasOtherIds).for([10, 10_000_000])(
  'a copy of %s bytes belongs to whom makes it (needs root, and other ids)',
  async (size) => {
    const [from, to] = [join(place, 'from'), join(place, 'to')];
    writeFileSync(from, '');
    truncateSync(from, size);
    chownSync(from, OTHER, OTHER);
    chmodSync(from, 0o600);
    await copyBytes({ path: from }, to, { size, mode: 0o644 });
    const { uid, gid, mode } = statSync(to);
    expect([uid, gid, mode & 0o7777]).toEqual([0, 0, 0o644]);
  },
);
