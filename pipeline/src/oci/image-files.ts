// An assembled image as files: its documents with one spelling, and the OCI archive that holds it for all its platforms.
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestOf } from './digest.ts';
import { imageManifest } from './image.ts';
import { canonicalJson } from './json.ts';
import { type Base, type BlobSource, openBlob } from './layout.ts';
import { formatReference, parseReference } from './reference.ts';
import { sortedByPath, type TarInput, writeTar } from './tar.ts';
import { type Descriptor, type DescriptorPlatform, type ImageConfig, MEDIA } from './types.ts';

/** What was assembled; written as `image.json` beside the archive. */
export type AssembledImage = {
  digest: string;
  mediaType: string;
  size: number;
  platforms: AssembledPlatform[];
  /** The recipes of the substitutes it is built on; empty for an image that may be published. */
  standIn: string[];
  assembler: string;
};

type AssembledPlatform = {
  platform: string;
  digest: string;
  config: string;
  diffIds: string[];
  appLayer: { digest: string; size: number };
  standIn?: string;
};

/** A blob of the image to be written: its size is known, its bytes come when asked for. */
export type ImageBlob = Descriptor & { content: Uint8Array | AsyncIterable<Uint8Array> };

/** Those of all platforms, by their digests. */
export type Blobs = Map<string, ImageBlob>;

export type BuiltPlatform = {
  platform: string;
  manifest: Descriptor & { platform: DescriptorPlatform };
  config: Descriptor;
  layers: Descriptor[];
  diffIds: string[];
  appLayer: Descriptor;
  standIn?: string;
};

/** A base that was found, and where its layers can be read. */
export type FoundBase = { base: Pick<Base, 'layers' | 'standIn'>; source: BlobSource };

/** The image of one platform: the layers of its base, one of its own, and its config. `pin` names the base; null where it is not known by a digest. */
export function buildPlatform(
  platform: string,
  { base, source }: FoundBase,
  { layer, image, pin }: { layer: ImageBlob; image: ImageConfig; pin: string | null },
  blobs: Blobs,
): BuiltPlatform {
  const config = addDocument(blobs, MEDIA.config, image);
  const appLayer: Descriptor = { mediaType: layer.mediaType, digest: layer.digest, size: layer.size };
  const manifest = imageManifest(base, config, appLayer, pin);
  for (const blob of base.layers) {
    if (!blobs.has(blob.digest)) blobs.set(blob.digest, { ...blob, content: openBlob(source, blob) });
  }
  return {
    platform,
    manifest: { ...addDocument(blobs, MEDIA.manifest, manifest), platform: platformOf(image) },
    config,
    layers: manifest.layers,
    diffIds: image.rootfs.diff_ids,
    appLayer,
    ...(base.standIn === undefined ? {} : { standIn: base.standIn }),
  };
}

export type WriteOptions = { out: string; repoTag: string | undefined; assembler: string };

/** Writes the archive. `writeAccount` says beside it what is in it. */
export async function writeImage(
  platforms: BuiltPlatform[],
  blobs: Blobs,
  { out, repoTag, assembler }: WriteOptions,
): Promise<AssembledImage> {
  const top = topOf(platforms, blobs);
  const image = describeImage(top, platforms, assembler);
  await mkdir(dirname(out), { recursive: true });
  await writeWhole(out, writeTar(archiveEntries(top, platforms, blobs, repoTag)));
  return image;
}

export async function writeAccount(out: string, image: AssembledImage): Promise<void> {
  await writeFile(join(dirname(out), 'image.json'), `${JSON.stringify(image, null, 2)}\n`);
}

function platformOf(config: ImageConfig): DescriptorPlatform {
  const { architecture, os, variant } = config;
  return { architecture, os, ...(variant === undefined || variant === '' ? {} : { variant }) };
}

/** What the image is called by: the manifest of its one platform, or an index of several. */
function topOf(platforms: BuiltPlatform[], blobs: Blobs): Descriptor {
  const [first, ...more] = platforms;
  if (first !== undefined && more.length === 0) {
    const { platform: _, ...descriptor } = first.manifest;
    return descriptor;
  }
  const manifests = platforms.map(({ manifest }) => manifest);
  return addDocument(blobs, MEDIA.index, { schemaVersion: 2, mediaType: MEDIA.index, manifests });
}

function addDocument(blobs: Blobs, mediaType: string, document: unknown): Descriptor {
  const bytes = canonicalJson(document);
  const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  blobs.set(descriptor.digest, { ...descriptor, content: bytes });
  return descriptor;
}

function describeImage(top: Descriptor, platforms: BuiltPlatform[], assembler: string): AssembledImage {
  const standIns = platforms.flatMap(({ standIn }) => (standIn === undefined ? [] : [standIn]));
  return {
    digest: top.digest,
    mediaType: top.mediaType,
    size: top.size,
    platforms: platforms.map(({ platform, manifest, config, diffIds, appLayer, standIn }) => ({
      platform,
      digest: manifest.digest,
      config: config.digest,
      diffIds,
      appLayer: { digest: appLayer.digest, size: appLayer.size },
      ...(standIn === undefined ? {} : { standIn }),
    })),
    standIn: [...new Set(standIns)],
    assembler,
  };
}

function archiveEntries(
  top: Descriptor,
  platforms: BuiltPlatform[],
  blobs: Blobs,
  repoTag: string | undefined,
): TarInput[] {
  const file = (path: string, content: TarInput['content'], size?: number): TarInput => ({
    path,
    type: 'file',
    mode: 0o644,
    ...(content === undefined ? {} : { content }),
    ...(size === undefined ? {} : { size }),
  });
  const folder = (path: string): TarInput => ({ path, type: 'directory', mode: 0o755 });
  const named = repoTag === undefined ? top : { ...top, annotations: nameAnnotations(repoTag) };
  return sortedByPath([
    folder('blobs'),
    folder('blobs/sha256'),
    ...[...blobs.values()].map((blob) => file(blobPath(blob), blob.content, blob.size)),
    file('index.json', canonicalJson({ schemaVersion: 2, mediaType: MEDIA.index, manifests: [named] })),
    file('manifest.json', canonicalJson(dockerManifest(platforms, repoTag))),
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
  ]);
}

/** For `docker load` before Docker 25, which knows no OCI layout and takes one platform. */
function dockerManifest(platforms: BuiltPlatform[], repoTag: string | undefined): unknown[] {
  const image = platforms.find(({ manifest }) => manifest.platform.architecture === 'amd64') ?? platforms[0];
  if (image === undefined) return [];
  return [
    {
      Config: blobPath(image.config),
      RepoTags: repoTag === undefined ? null : [repoTag],
      Layers: image.layers.map(blobPath),
    },
  ];
}

/** containerd (and Docker on it) looks for the full name, others for the tag. */
function nameAnnotations(repoTag: string): Record<string, string> {
  const reference = parseReference(repoTag);
  const tag = reference.tag ?? 'latest';
  return {
    'io.containerd.image.name': formatReference({ ...reference, tag }),
    'org.opencontainers.image.ref.name': tag,
  };
}

function blobPath(descriptor: Descriptor): string {
  return `blobs/${descriptor.digest.replace(':', '/')}`;
}

/** Write aside and rename: a half-written archive is never found under its name. */
async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const aside = `${path}.part`;
  try {
    await pipeline(chunks, createWriteStream(aside));
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}
