// The database as registries and people pass it on: an artifact with one layer, which holds two files and may hold no other.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { OciError, reasonOf } from './errors.ts';
import { isIndexDocument, parseManifest } from './layout.ts';
import { type Document, formatReference, type Reference, RegistryClient, type RegistryOptions } from './registry.ts';
import { readTar } from './tar.ts';
import type { Descriptor } from './types.ts';

const LAYER = 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip';
const MAX_LAYER = 2 * 1024 ** 3;
/** The real ones have about 80 MB packed, 800 MB unpacked, and 150 bytes. */
const FILES: Readonly<Record<string, number>> = { 'trivy.db': 8 * 1024 ** 3, 'metadata.json': 64 * 1024 };

/** The one layer of the artifact. */
export function databaseLayer({ bytes }: Pick<Document, 'bytes'>, where: string): Descriptor {
  const layers = isIndexDocument(bytes, where) ? [] : parseManifest(bytes, where).layers;
  const [layer, ...more] = layers;
  if (layer === undefined || more.length > 0 || layer.mediaType !== LAYER) {
    throw invalid(where, `is no vulnerability database: it should have one layer of type ${LAYER}`);
  }
  if (layer.size > MAX_LAYER) throw invalid(where, `says that its layer has ${layer.size} bytes`);
  return layer;
}

/** Fetch the database of a digest into a folder: trivy.db and metadata.json. */
export async function downloadDatabase(reference: Reference, folder: string, options: RegistryOptions): Promise<void> {
  const client = new RegistryClient({ reachMs: 3000, ...options });
  const layer = databaseLayer(await client.manifest(reference), formatReference(reference));
  await mkdir(folder, { recursive: true });
  const packed = join(folder, '.layer.part');
  try {
    await client.blobToFile(reference, layer, packed);
    await unpackDatabase(packed, folder, formatReference(reference));
  } finally {
    await rm(packed, { force: true });
  }
}

/** Unpack a tar.gz of exactly the two files. They get their names only when both are whole. */
export async function unpackDatabase(packed: string, folder: string, where: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const aside = (name: string) => join(folder, `.${name}.part`);
  const names = Object.keys(FILES);
  try {
    const found = await unpackAside(packed, aside, where);
    const missing = names.filter((name) => !found.has(name));
    if (missing.length > 0) throw invalid(where, `holds no ${missing.join(' and no ')}`);
    for (const name of names) await rename(aside(name), join(folder, name));
  } finally {
    for (const name of names) await rm(aside(name), { force: true });
  }
}

async function unpackAside(packed: string, aside: (name: string) => string, where: string): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const entry of readTar(gunzipped(packed, where))) {
    const name = entry.path.replace(/^\.\//, '');
    if (entry.type === 'directory' && name === '') continue;
    const limit = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (limit === undefined || entry.type !== 'file' || found.has(name)) {
      throw invalid(where, `holds ${JSON.stringify(entry.path)}, a ${entry.type} that does not belong into a database`);
    }
    if (entry.size > limit) throw invalid(where, `holds a ${name} of ${entry.size} bytes`);
    found.add(name);
    await pipeline(entry.content, createWriteStream(aside(name)));
  }
  return found;
}

async function* gunzipped(packed: string, where: string): AsyncGenerator<Uint8Array> {
  const unpacked = createReadStream(packed).pipe(createGunzip());
  try {
    for await (const chunk of unpacked) yield chunk as Uint8Array;
  } catch (cause) {
    throw new OciError('DATABASE_INVALID', `${where} cannot be decompressed: ${reasonOf(cause)}`, HINT, { cause });
  }
}

const HINT = 'take a database that Trivy itself would: ghcr.io/aquasecurity/trivy-db:2, or its db.tar.gz';

export function invalid(where: string, what: string): OciError {
  return new OciError('DATABASE_INVALID', `${where} ${what}`, HINT);
}
