// Pulls an image, for one platform or all, from a registry into an OCI layout folder or archive, bytes unchanged.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { inParallel } from './at-once.ts';
import { isDigest, verifyBytes } from './digest.ts';
import { isIndexDocument, parseIndex, parseManifest, pickPlatform } from './layout.ts';
import { type Document, formatReference, type Reference, type RegistryClient } from './registry.ts';
import { requireRoom } from './room.ts';
import { type TarInput, writeTar } from './tar.ts';
import type { Descriptor } from './types.ts';

export type PullOptions = {
  /** Only these; all that the index lists when absent. */
  platforms?: readonly string[];
  /** How many bytes its blobs may have together. Default: what is free on the disk. */
  most?: number;
  /** Told how many bytes of its blobs are there, of how many. */
  onBytes?: (bytes: number, of: number) => void;
};

/** Fill a layout folder with the image; returns the descriptor of what the reference names. Finished blobs are kept. */
export async function pullToLayout(
  client: RegistryClient,
  reference: Reference,
  folder: string,
  options: PullOptions = {},
): Promise<Descriptor> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const save = async (document: Document) => await writeFile(join(blobs, document.digest.slice(7)), document.bytes);

  const top = await client.manifest(reference);
  await save(top);
  const where = formatReference(reference);
  const manifests: Document[] = [];
  if (isIndexDocument(top.bytes, where)) {
    for (const entry of wantedEntries(top, where, options.platforms)) {
      const manifest = await client.manifest({ ...reference, digest: entry.digest });
      verifyBytes(manifest.bytes, entry, where);
      await save(manifest);
      manifests.push(manifest);
    }
  } else manifests.push(top);

  const wanted = new Map<string, Descriptor>();
  for (const manifest of manifests) {
    const { config, layers } = parseManifest(manifest.bytes, where);
    for (const blob of [config, ...layers]) if (isDigest(blob.digest)) wanted.set(blob.digest, blob);
  }
  const announced = [...wanted.values()].reduce((sum, { size }) => sum + size, 0);
  await requireRoom(announced, folder, where, options.most);
  const arrived = new Map<string, number>();
  await inParallel([...wanted.values()], (blob) =>
    client.blobToFile(reference, blob, join(blobs, blob.digest.slice(7)), (bytes) => {
      arrived.set(blob.digest, bytes);
      options.onBytes?.(
        [...arrived.values()].reduce((sum, size) => sum + size, 0),
        announced,
      );
    }),
  );

  const descriptor: Descriptor = { mediaType: top.mediaType, digest: top.digest, size: top.size };
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return descriptor;
}

/** The same as an archive, in a fixed order: the same image makes the same archive. */
export async function pullToArchive(
  client: RegistryClient,
  reference: Reference,
  file: string,
  options: PullOptions = {},
): Promise<void> {
  const folder = await mkdtemp(join(dirname(file), '.pull-'));
  try {
    await pullToLayout(client, reference, folder, options);
    await pipeline(writeTar(await layoutEntries(folder)), createWriteStream(file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function layoutEntries(folder: string): Promise<TarInput[]> {
  const blobs = (await readdir(join(folder, 'blobs', 'sha256'))).sort().map((name) => `blobs/sha256/${name}`);
  return await Promise.all(
    ['oci-layout', 'index.json', ...blobs].map(async (path): Promise<TarInput> => {
      const { size } = await stat(join(folder, path));
      return { path, type: 'file', mode: 0o644, size, content: createReadStream(join(folder, path)) };
    }),
  );
}

function wantedEntries(top: Document, where: string, platforms: readonly string[] | undefined): Descriptor[] {
  const index = parseIndex(top.bytes, where);
  if (platforms === undefined) return index.manifests;
  return platforms.map((platform) => pickPlatform(index, platform, where));
}
