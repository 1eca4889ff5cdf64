// Reads images from OCI layouts and OCI archives, and trusts nothing in them that a digest does not vouch for.
import { createReadStream, openAsBlob } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOfStream, isDigest, verified, verifyBytes } from './digest.ts';
import { OciError, reasonOf } from './errors.ts';
import { formatPlatform, isPlatform } from './platform.ts';
import { readTarFile } from './tar.ts';
import {
  ASSEMBLED,
  BASE_DIGEST,
  BASE_NAME,
  type Descriptor,
  type ImageConfig,
  type Index,
  type Manifest,
  MEDIA,
  STAND_IN_LABEL,
} from './types.ts';

export * from './types.ts';

/** Documents are small; a manifest this large is an attack or a mistake. (Registries refuse above 4 MiB as well.) */
export const MAX_DOCUMENT = 4 * 1024 * 1024;

/** A place that holds blobs: a layout folder or an archive. Blobs are not checked here; see `readBlob`, `openBlob`. */
export type BlobSource = {
  /** How messages call it. */
  readonly name: string;
  /** The size of a blob, or undefined if it isn't there. */
  sizeOf(digest: string): Promise<number | undefined>;
  /** The blob's bytes, unchecked. */
  stream(digest: string): AsyncIterable<Buffer>;
  /** The same as an object that can be read in parts and more than once. */
  blob(digest: string): Promise<Blob>;
  /** What `index.json` lists. */
  entries(): Promise<Descriptor[]>;
  close(): Promise<void>;
};

/** An image for one platform, each document and blob of which was checked. */
export type Chain = {
  /** The descriptor of the manifest; its digest names the image for this platform. */
  descriptor: Descriptor;
  manifest: Manifest;
  config: ImageConfig;
  layers: Descriptor[];
};

/** A base to build on; `standIn` holds the recipe when it is not the pinned image but an assembled substitute. */
export type Base = Chain & { standIn?: string };

// ---------------------------------------------------------------------------------------------------- sources

/** Open a layout folder or an OCI archive (an uncompressed .tar, which is indexed once and read by offset). */
export async function openLayout(path: string): Promise<BlobSource> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (cause) {
    throw new OciError('LAYOUT_INVALID', `there is no OCI layout or archive at ${path}`, 'check the path', { cause });
  }
  return isFolder ? folderSource(path) : await archiveSource(path);
}

function folderSource(path: string): BlobSource {
  return {
    name: path,
    async sizeOf(digest) {
      const found = await stat(join(path, blobPath(digest))).catch(() => undefined);
      return found?.isFile() ? found.size : undefined;
    },
    stream: (digest) => createReadStream(join(path, blobPath(digest)), { highWaterMark: CHUNK }),
    blob: (digest) => openAsBlob(join(path, blobPath(digest))),
    entries: async () => parseEntries(await readFile(join(path, 'index.json')).catch(() => undefined), path),
    close: async () => {},
  };
}

async function archiveSource(path: string): Promise<BlobSource> {
  await refuseCompressed(path);
  const files = new Map<string, { offset: number; size: number }>();
  for await (const entry of readTarFile(path)) {
    if (entry.type === 'file') files.set(entry.path.replace(/^\.\//, ''), { offset: entry.offset, size: entry.size });
  }
  const handle = await open(path, 'r');
  return {
    name: path,
    sizeOf: async (digest) => files.get(blobPath(digest))?.size,
    stream: (digest) => readRange(handle, files.get(blobPath(digest)) ?? { offset: 0, size: 0 }),
    async blob(digest) {
      const { offset, size } = files.get(blobPath(digest)) ?? { offset: 0, size: 0 };
      return (await openAsBlob(path)).slice(offset, offset + size);
    },
    async entries() {
      const index = files.get('index.json');
      if (index === undefined || index.size > MAX_DOCUMENT) return parseEntries(undefined, path);
      return parseEntries(await collect(readRange(handle, index)), path);
    },
    close: () => handle.close(),
  };
}

const CHUNK = 256 * 1024;

async function* readRange(handle: FileHandle, range: { offset: number; size: number }): AsyncGenerator<Buffer> {
  for (let done = 0; done < range.size; ) {
    const want = Math.min(CHUNK, range.size - done);
    // A fresh buffer each time: the one who reads may still hold the last one.
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(want), 0, want, range.offset + done);
    if (bytesRead === 0) return;
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function refuseCompressed(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    const magic = buffer.subarray(0, bytesRead).toString('hex');
    if (magic.startsWith('1f8b') || magic === '28b52ffd') {
      throw new OciError(
        'LAYOUT_INVALID',
        `${path} is compressed`,
        'unpack it first (gunzip or zstd -d): archives are read by offset',
      );
    }
  } finally {
    await handle.close();
  }
}

function parseEntries(bytes: Buffer | undefined, name: string): Descriptor[] {
  if (bytes === undefined) {
    throw new OciError(
      'LAYOUT_INVALID',
      `${name} has no index.json`,
      'is it an OCI layout? `docker save` of Docker 25 or later makes one',
    );
  }
  return parseIndex(bytes, `${name}: index.json`).manifests;
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

// ---------------------------------------------------------------------------------------------------- blobs

/** A blob's bytes as a stream that fails at its end if digest or size are not as described. */
export async function* openBlob(source: BlobSource, descriptor: Descriptor): AsyncGenerator<Buffer> {
  await requireBlob(source, descriptor);
  yield* verified(source.stream(descriptor.digest), descriptor, source.name);
}

/** A small blob (a document) at once, checked. */
export async function readBlob(source: BlobSource, descriptor: Descriptor): Promise<Buffer> {
  if (descriptor.size > MAX_DOCUMENT) {
    throw badDocument(
      `${source.name}: ${descriptor.digest}`,
      `has ${descriptor.size} bytes, which is too large for a document`,
    );
  }
  await requireBlob(source, descriptor);
  const bytes = await collect(source.stream(descriptor.digest));
  verifyBytes(bytes, descriptor, source.name);
  return bytes;
}

async function requireBlob(source: BlobSource, descriptor: Descriptor): Promise<void> {
  if (!isDigest(descriptor.digest)) {
    throw badDocument(source.name, `names a blob by ${JSON.stringify(descriptor.digest)}, which is no sha256 digest`);
  }
  const size = await source.sizeOf(descriptor.digest);
  if (size === undefined) {
    throw new OciError(
      'BLOB_MISSING',
      `${source.name} has no blob ${descriptor.digest}`,
      'the archive is not complete: make it again',
    );
  }
  if (size !== descriptor.size) {
    throw new OciError(
      'BLOB_SIZE',
      `${source.name}: ${descriptor.digest} should have ${descriptor.size} bytes but has ${size}`,
      'it was cut short or was swapped: fetch it again',
    );
  }
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

// ---------------------------------------------------------------------------------------------------- documents

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(bytes: Buffer, where: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw badDocument(where, `is not JSON (${reasonOf(cause)})`);
  }
  if (!isObject(value)) throw badDocument(where, 'is not a JSON object');
  return value;
}

function isDescriptor(value: unknown): value is Descriptor {
  if (!isObject(value)) return false;
  const { mediaType, digest, size, platform } = value;
  const isPlatformed =
    platform === undefined ||
    (isObject(platform) && typeof platform.os === 'string' && typeof platform.architecture === 'string');
  const isSized = Number.isSafeInteger(size) && Number(size) >= 0;
  return typeof mediaType === 'string' && isDigest(digest) && isSized && isPlatformed;
}

/** Parse an index (OCI) or manifest list (Docker). */
export function parseIndex(bytes: Buffer, where: string): Index {
  const value = parseObject(bytes, where);
  if (!Array.isArray(value.manifests)) throw badDocument(where, 'is not an index: it has no list of manifests');
  if (!value.manifests.every(isDescriptor))
    throw badDocument(where, 'lists a manifest without media type, digest or size');
  return value as unknown as Index;
}

/** Parse a manifest (OCI, or Docker schema 2). */
export function parseManifest(bytes: Buffer, where: string): Manifest {
  const value = parseObject(bytes, where);
  if (value.schemaVersion === 1) throw badDocument(where, 'is of Docker schema 1, which cannot be verified');
  if (!isDescriptor(value.config)) throw badDocument(where, 'is not a manifest: it has no config');
  if (!Array.isArray(value.layers) || !value.layers.every(isDescriptor))
    throw badDocument(where, 'has no sound list of layers');
  return value as unknown as Manifest;
}

/** Parse an image config. */
export function parseConfig(bytes: Buffer, where: string): ImageConfig {
  const value = parseObject(bytes, where);
  const { rootfs, os, architecture } = value;
  if (typeof os !== 'string' || typeof architecture !== 'string') throw badDocument(where, 'names no platform');
  const ids = isObject(rootfs) ? rootfs.diff_ids : undefined;
  if (!Array.isArray(ids) || !ids.every(isDigest)) throw badDocument(where, 'has no sound list of diff ids');
  return value as unknown as ImageConfig;
}

/** Whether these are an index's bytes. Media types may be absent or wrong; what a document holds cannot be. */
export function isIndexDocument(bytes: Buffer, where: string): boolean {
  return Array.isArray(parseObject(bytes, where).manifests);
}

/** Whether they are an index's, with `null` for its list. */
export function isNullList(bytes: Buffer, where: string): boolean {
  return parseObject(bytes, where).manifests === null;
}

function badDocument(where: string, what: string): OciError {
  return new OciError(
    'MANIFEST_INVALID',
    `${where} ${what}`,
    'this image cannot be used; fetch it again or pin another',
  );
}

// ---------------------------------------------------------------------------------------------------- the chain

/** The manifest of an index that is meant by a platform. */
export function pickPlatform(index: Index, platform: string, where: string): Descriptor {
  const images = index.manifests.filter((entry) => entry.platform?.os !== 'unknown');
  const found = images.find((entry) => entry.platform !== undefined && isPlatform(entry.platform, platform));
  if (found !== undefined) return found;
  const known = images.flatMap((entry) => (entry.platform === undefined ? [] : [formatPlatform(entry.platform)]));
  throw new OciError(
    'PLATFORM_MISSING',
    `${where} has no image for ${platform}`,
    known.length === 0 ? 'its index names no platform' : `it has ${known.join(', ')}`,
  );
}

/** Follow pin → index → manifest → config and layers, checking digest and size of each; the first fault is thrown. */
export async function verifyChain(source: BlobSource, pin: string, platform: string): Promise<Chain> {
  const size = await source.sizeOf(pin);
  if (size === undefined) {
    throw new OciError(
      'BLOB_MISSING',
      `${source.name} does not hold the pinned ${pin}`,
      'is it the archive of another image or version?',
    );
  }
  // The pin says nothing about a size: the digest alone decides, and covers it.
  return await verifyFrom(source, { mediaType: MEDIA.index, digest: pin, size }, platform);
}

async function verifyFrom(source: BlobSource, top: Descriptor, platform: string): Promise<Chain> {
  let descriptor = top;
  let bytes = await readBlob(source, descriptor);
  if (isIndexDocument(bytes, describe(source, descriptor))) {
    const where = describe(source, descriptor);
    descriptor = pickPlatform(parseIndex(bytes, where), platform, where);
    bytes = await readBlob(source, descriptor);
  }
  const manifest = parseManifest(bytes, describe(source, descriptor));
  const config = parseConfig(await readBlob(source, manifest.config), describe(source, manifest.config));
  if (!isPlatform(config, platform)) {
    throw new OciError(
      'PLATFORM_MISSING',
      `${describe(source, descriptor)} is for ${formatPlatform(config)}, not for ${platform}`,
      'pin an index, or the manifest of this platform',
    );
  }
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw badDocument(
      describe(source, descriptor),
      `has ${manifest.layers.length} layers, but its config counts ${config.rootfs.diff_ids.length}`,
    );
  }
  for (const layer of manifest.layers) await drain(openBlob(source, layer));
  const mediaType = manifest.mediaType ?? (top.digest === descriptor.digest ? MEDIA.manifest : descriptor.mediaType);
  return { descriptor: { ...descriptor, mediaType }, manifest, config, layers: manifest.layers };
}

/** The pinned base for a platform from this source; or, by its label only, the substitute that takes its place. */
export async function readBase(source: BlobSource, pin: string, platform: string): Promise<Base> {
  if ((await source.sizeOf(pin)) !== undefined) return await verifyChain(source, pin, platform);
  for (const entry of await source.entries()) {
    if (entry.platform !== undefined && !isPlatform(entry.platform, platform)) continue;
    const chain = await verifyFrom(source, entry, platform).catch((error: unknown) => {
      // Of several entries, one may be for another platform; any other fault is a fault.
      if (error instanceof OciError && error.code === 'PLATFORM_MISSING') return undefined;
      throw error;
    });
    const standIn = chain?.config.config?.Labels?.[STAND_IN_LABEL];
    if (chain !== undefined && standIn !== undefined && standIn.trim() !== '') return { ...chain, standIn };
  }
  throw new OciError(
    'BASE_MISSING',
    `${source.name} holds neither the pinned ${pin} nor a labelled substitute for ${platform}`,
    `only the pinned image is taken, or one that says what it is by the label ${STAND_IN_LABEL}`,
  );
}

function describe(source: BlobSource, descriptor: Descriptor): string {
  return `${source.name}: ${descriptor.digest}`;
}

async function drain(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}

// ---------------------------------------------------------------------------------------------------- describing

/** What an archive or layout holds, as its index.json says. */
export type ArchiveDescription = {
  digest: string;
  mediaType: string;
  size: number;
  /** One entry for each platform; one only, if it is a single image. */
  images: ImageDescription[];
};

type ImageDescription = {
  platform: string;
  digest: string;
  configDigest: string;
  diffIds: string[];
  /** Those of them that our assembler added to the base. */
  appDiffIds: string[];
  /** `name@digest` of the base that it says it was built on; null where it doesn't. */
  base: string | null;
  standIn?: string;
};

/** Read digest, platforms and substitute labels of the image in an archive or layout, which has to hold exactly one. */
export async function describeArchive(path: string): Promise<ArchiveDescription> {
  const source = await openLayout(path);
  try {
    const [top, ...more] = await source.entries();
    if (top === undefined || more.length > 0) {
      throw new OciError(
        'LAYOUT_INVALID',
        `${path} holds ${more.length + (top ? 1 : 0)} images, not one`,
        'name the image by its digest',
      );
    }
    const bytes = await readBlob(source, top);
    const where = describe(source, top);
    const manifests = isIndexDocument(bytes, where) ? parseIndex(bytes, where).manifests : [top];
    const images: ImageDescription[] = [];
    for (const entry of manifests) {
      // Attestations are listed beside the images they speak of; and an archive may hold some platforms only.
      if (entry.platform?.os === 'unknown' || (await source.sizeOf(entry.digest)) === undefined) continue;
      images.push(await describeImage(source, entry));
    }
    return { digest: top.digest, mediaType: top.mediaType, size: top.size, images };
  } finally {
    await source.close();
  }
}

async function describeImage(source: BlobSource, entry: Descriptor): Promise<ImageDescription> {
  const manifest = parseManifest(await readBlob(source, entry), describe(source, entry));
  const config = parseConfig(await readBlob(source, manifest.config), describe(source, manifest.config));
  const standIn = config.config?.Labels?.[STAND_IN_LABEL];
  const { [BASE_NAME]: name, [BASE_DIGEST]: digest } = manifest.annotations ?? {};
  // History has entries for steps that made no layer as well.
  const made = (config.history ?? []).filter(({ empty_layer }) => empty_layer !== true);
  return {
    platform: formatPlatform(config),
    digest: entry.digest,
    configDigest: manifest.config.digest,
    diffIds: config.rootfs.diff_ids,
    appDiffIds: config.rootfs.diff_ids.filter((_, index) => made[index]?.created_by?.startsWith(ASSEMBLED)),
    base: name === undefined || digest === undefined ? null : `${name}@${digest}`,
    ...(standIn === undefined || standIn === '' ? {} : { standIn }),
  };
}

/** Digest and size of a file on disk, streamed. */
export async function digestOfFile(path: string): Promise<{ digest: string; size: number }> {
  return await digestOfStream(createReadStream(path, { highWaterMark: CHUNK }));
}
