// Writes what comes from the network to the disk: only what there is room for, and only if it is whole.
import { open, rm, statfs } from 'node:fs/promises';
import { OciError } from './errors.ts';

/** Whether a folder's disk can take what is announced, and what may be taken at all allows it; before anything of it comes. */
export async function requireRoom(bytes: number, folder: string, what: string, most = Infinity): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bytes <= Math.min(most, bavail * bsize)) return;
  const isFull = bytes <= most;
  throw new OciError(
    'TOO_LARGE',
    `${what} announces ${bytes} bytes, and ${isFull ? `${bavail * bsize} are free on the disk` : `no more than ${most} may be kept`}`,
    isFull ? 'make room, if the image is to be trusted' : 'if that is meant, set DRYDOCK_STORE_BUDGET to more',
    // As the disk itself would say it, once that many had come.
    isFull ? { cause: Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }) } : {},
  );
}

/** A file that exists afterwards only if all chunks came. */
export async function writeChecked(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(path, 'w');
  let isWhole = false;
  try {
    for await (const chunk of chunks) await handle.writeFile(chunk);
    isWhole = true;
  } finally {
    await handle.close();
    if (!isWhole) await rm(path, { force: true });
  }
}
