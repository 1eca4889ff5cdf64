// Files that a crash leaves as they were or whole, and never in between.
import { open, rename, rm } from 'node:fs/promises';

/** Writes aside, flushes to disk and renames into place. */
export async function writeDurably(aside: string, target: string, data: string | Uint8Array): Promise<void> {
  try {
    const file = await open(aside, 'w', 0o644);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** Flushes a finished file to disk and renames it into place. */
export async function settleDurably(aside: string, target: string): Promise<void> {
  const file = await open(aside, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, target);
}
