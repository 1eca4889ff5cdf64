// Blobs whose bytes are about to leave the engine or to be unpacked: what is damaged in the store is had again from where it came.
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import type { BlobName } from '../store/store.ts';

/** Resolves when the store holds the blob, its content checked. */
export async function intactBlob(session: Session, blob: BlobName): Promise<void> {
  if (await session.store.verifyBlob(blob)) return;
  await session.blobSources.get(blob.digest)?.();
  if (await session.store.verifyBlob(blob)) return;
  throw new EngineError(
    `the blob ${blob.digest} of an image was damaged in the store and is no longer available`,
    'run again: its image is then downloaded again',
  );
}
