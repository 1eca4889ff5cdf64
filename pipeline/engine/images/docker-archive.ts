// Archives as `docker save` wrote them before Docker 25, and as podman, jib and Nix write them: a manifest.json that names configs and layers by their paths.
import { openAsBlob } from 'node:fs';
import { posix } from 'node:path';
import { digestOf, digestOfStream } from '../../src/oci/digest.ts';
import { type BlobSource, type Descriptor, MAX_DOCUMENT, MEDIA, parseConfig } from '../../src/oci/layout.ts';
import { readTarFile, type TarEntry } from '../../src/oci/tar.ts';
import { EngineError } from '../errors.ts';

interface SavedImage {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

type Files = ReadonlyMap<string, Blob>;

/** The name of an image in an archive, as containerd notes it. */
export const NAME_ANNOTATION = 'io.containerd.image.name';

/** Its images as an OCI layout would have them; undefined for an archive of another kind. */
export async function openDockerArchive(path: string): Promise<BlobSource | undefined> {
  const files = await filesOf(path);
  const list = files.get('manifest.json');
  if (list === undefined || files.has('index.json')) return undefined;
  const blobs = new Map<string, Blob>();
  const described = new Map<string, Promise<Descriptor>>();
  const entries: Descriptor[] = [];
  for (const image of parseList(await textOf(list, 'manifest.json'))) {
    const manifest = await manifestOf(image, files, blobs, described);
    const descriptor = addBlob(blobs, new Blob([manifest]), digestOf(manifest), MEDIA.manifest);
    for (const name of image.RepoTags?.length ? image.RepoTags : [undefined])
      entries.push(name === undefined ? descriptor : { ...descriptor, annotations: { [NAME_ANNOTATION]: name } });
  }
  return {
    name: path,
    sizeOf: async (digest) => blobs.get(digest)?.size,
    stream: (digest) => streamOf(blobs.get(digest) ?? new Blob([])),
    blob: async (digest) => blobs.get(digest) ?? new Blob([]),
    entries: async () => entries,
    close: async () => {},
  };
}

/** What each path holds. A layer that an image shares with another may be a link. */
async function filesOf(path: string): Promise<Files> {
  const archive = await openAsBlob(path);
  const files = new Map<string, Blob>();
  const links = new Map<string, string>();
  const placeOf = (name: string) => posix.normalize(name).replace(/^\/+/, '');
  for await (const entry of readTarFile(path)) {
    const place = placeOf(entry.path);
    if (entry.type === 'file') files.set(place, archive.slice(entry.offset, entry.offset + entry.size));
    else if (entry.type === 'link' || entry.type === 'symlink') links.set(place, placeOf(targetOf(entry)));
  }
  for (const [place, target] of links) {
    const file = files.get(target);
    if (file !== undefined) files.set(place, file);
  }
  return files;
}

const targetOf = ({ type, path, linkpath }: TarEntry) =>
  type === 'link' ? linkpath : posix.join(posix.dirname(path), linkpath);

async function textOf(file: Blob, name: string): Promise<string> {
  if (file.size > MAX_DOCUMENT) throw damaged(`${name} has ${file.size} bytes, which is too large for a document`);
  return file.text();
}

function parseList(text: string): readonly SavedImage[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw damaged('its manifest.json is not JSON');
  }
  if (Array.isArray(list) && list.every(isSavedImage)) return list;
  throw damaged('its manifest.json is no list of images with their configs and layers');
}

function isSavedImage(value: unknown): value is SavedImage {
  const { Config, RepoTags, Layers } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof Config === 'string' && isTexts(Layers) && (RepoTags === undefined || RepoTags === null || isTexts(RepoTags))
  );
}

const isTexts = (value: unknown) => Array.isArray(value) && value.every((entry) => typeof entry === 'string');

const damaged = (what: string) => new EngineError(`the file is not an image archive: ${what}`);

async function manifestOf(
  { Config, Layers }: SavedImage,
  files: Files,
  blobs: Map<string, Blob>,
  described: Map<string, Promise<Descriptor>>,
): Promise<string> {
  const fileAt = (path: string): Blob => {
    const file = files.get(posix.normalize(path));
    if (file === undefined) throw damaged(`it has no ${path}, which its manifest.json names`);
    return file;
  };
  const config = fileAt(Config);
  const text = await textOf(config, Config);
  parseConfig(Buffer.from(text), Config);
  const layers: Descriptor[] = [];
  for (const path of Layers) {
    const known = described.get(path) ?? describeLayer(fileAt(path), blobs);
    described.set(path, known);
    layers.push(await known);
  }
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: addBlob(blobs, config, digestOf(text), MEDIA.config),
    layers,
  });
}

async function describeLayer(file: Blob, blobs: Map<string, Blob>): Promise<Descriptor> {
  const start = Buffer.from(await file.slice(0, 4).arrayBuffer()).toString('hex');
  const type = start.startsWith('1f8b') ? MEDIA.layerGzip : start === '28b52ffd' ? MEDIA.layerZstd : MEDIA.layer;
  return addBlob(blobs, file, (await digestOfStream(streamOf(file))).digest, type);
}

function addBlob(blobs: Map<string, Blob>, file: Blob, digest: string, mediaType: string): Descriptor {
  blobs.set(digest, file);
  return { mediaType, digest, size: file.size };
}

async function* streamOf(file: Blob): AsyncGenerator<Buffer> {
  for await (const chunk of file.stream()) yield Buffer.from(chunk as Uint8Array);
}
