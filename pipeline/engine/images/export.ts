// Writes containers as an OCI archive. Layers that came with an image keep their bytes; the others are packed once and remembered.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Descriptor, digestOfFile, type ImageConfig, MEDIA, type RunConfig } from '../../src/oci/layout.ts';
import { readTar, type TarEntry, type TarInput, writeTar } from '../../src/oci/tar.ts';
import { EngineError } from '../errors.ts';
import { OPAQUE } from '../run/mounts.ts';
import type { Session } from '../session.ts';
import { hashedFile } from '../store/bytes.ts';
import { type BlobName, keyOf, sha256 } from '../store/store.ts';
import type { FileNode } from '../store/tree.ts';
import { CAPABILITY, portable } from '../store/xattrs.ts';
import type { ContainerState, ImageSettings } from '../values.ts';
import { intactBlob } from './blobs.ts';
import { decompressed } from './import.ts';
import type { ImageRecord } from './record.ts';

type Compression = 'gzip' | 'none';

export interface ExportOptions {
  /** What each layer is to be; without it, layers stay as they came, and new ones are compressed. */
  readonly compression?: Compression;
  readonly docker: boolean;
}

interface PackedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: string;
}

/** Documents made for this archive, and blobs of the store, by digest. */
type Documents = Map<string, Buffer>;
type Blobs = Map<string, Descriptor>;

export async function exportImage(
  session: Session,
  states: readonly ContainerState[],
  options: ExportOptions,
): Promise<FileNode> {
  const platforms = states.map(({ platform }) => platform);
  const twice = platforms.find((platform, index) => platforms.indexOf(platform) !== index);
  if (states.length === 0) throw new EngineError('no containers to export');
  if (twice !== undefined) throw new EngineError(`duplicate platform "${twice}"`);
  const originals = states.flatMap(({ original }) => original ?? []);
  const isChanged = originals.length < states.length;
  if (!isChanged) return keptArchive(session, originals, () => writeArchive(session, states, options));
  const path = await writeArchive(session, states, options);
  return { ...ARCHIVE, size: statSync(path).size, bytes: { path } };
}

const ARCHIVE = { kind: 'file', mode: 0o600, uid: 0, gid: 0, mtime: 0 } as const;

/** The archive of images that nobody changed is the same each time, large, and asked for by every run: it is kept. */
async function keptArchive(
  session: Session,
  originals: readonly ImageRecord[],
  write: () => Promise<string>,
): Promise<FileNode> {
  const { store } = session;
  const key = keyOf({ archive: 2, of: originals.map(({ top, platform }) => [top.digest, platform]) });
  const make = async () => {
    const path = await write();
    const made = await digestOfFile(path);
    await store.adoptBlob(path, made.digest);
    await store.keep('image-archives', key, made);
    return made;
  };
  const archive = await session.once(`archive ${key}`, async () => {
    const known = store.record<BlobName>('image-archives', key);
    return known !== undefined && (await store.hasBlob(known)) ? known : make();
  });
  const repair = async () => {
    await session.once(`intact archive ${key}`, async () => {
      if (!(await store.verifyBlob(archive))) await make();
    });
  };
  const bytes = hashedFile(store.blobPath(archive.digest), archive.digest.slice('sha256:'.length), repair);
  return { ...ARCHIVE, size: archive.size, bytes };
}

/** Writes the archive aside. Gives its path. */
async function writeArchive(
  session: Session,
  states: readonly ContainerState[],
  options: ExportOptions,
): Promise<string> {
  const documents: Documents = new Map();
  const blobs: Blobs = new Map();
  const tops: Descriptor[] = [];
  for (const state of states) {
    const { original } = state;
    tops.push(
      original === undefined
        ? await describeImage(session, state, options, documents, blobs)
        : keepOriginal(original, blobs),
    );
  }
  const [single] = tops;
  const top =
    tops.length === 1
      ? (single as Descriptor)
      : addDocument(documents, { schemaVersion: 2, mediaType: MEDIA.index, manifests: tops }, MEDIA.index);
  for (const blob of blobs.values()) await intactBlob(session, blob);
  const archive = session.store.scratch('image');
  const entries = archiveEntries(session, top, documents, blobs);
  await pipeline(Readable.from(writeTar(entries)), createWriteStream(archive)).catch(async (error: Error) => {
    await rm(archive, { force: true });
    throw error;
  });
  return archive;
}

/** An image that nobody changed goes out as it came in, pinned index included. */
function keepOriginal(image: ImageRecord, blobs: Blobs): Descriptor {
  for (const descriptor of [image.top, image.manifest, ...image.blobs]) blobs.set(descriptor.digest, descriptor);
  return image.top;
}

async function describeImage(
  session: Session,
  state: ContainerState,
  options: ExportOptions,
  documents: Documents,
  blobs: Blobs,
): Promise<Descriptor> {
  const { layers } = await state.rootfs();
  const packed: PackedLayer[] = [];
  for (const id of layers)
    packed.push(
      await session.once(`pack ${id} ${options.compression}`, () => packLayer(session, id, options.compression)),
    );
  for (const { descriptor } of packed) blobs.set(descriptor.digest, descriptor);
  const [os = 'linux', architecture = 'amd64', variant] = state.platform.split('/');
  const config: ImageConfig = {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: runConfig(state.settings),
    rootfs: { type: 'layers', diff_ids: packed.map(({ diffId }) => diffId) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: options.docker ? MEDIA.dockerManifest : MEDIA.manifest,
    config: addDocument(documents, config, options.docker ? MEDIA.dockerConfig : MEDIA.config),
    layers: packed.map(({ descriptor }) =>
      options.docker ? { ...descriptor, mediaType: dockerType(descriptor) } : descriptor,
    ),
    ...(state.settings.annotations.size > 0 ? { annotations: Object.fromEntries(state.settings.annotations) } : {}),
  };
  return {
    ...addDocument(documents, manifest, manifest.mediaType),
    platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
  };
}

function addDocument(documents: Documents, document: object, mediaType: string): Descriptor {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = `sha256:${sha256(bytes)}`;
  documents.set(digest, bytes);
  return { mediaType, digest, size: bytes.length };
}

function runConfig({ env, user, workdir, entrypoint, cmd, labels, ports, other }: ImageSettings): RunConfig {
  return {
    ...(user === '' ? {} : { User: user }),
    ...(ports.length === 0
      ? {}
      : {
          ExposedPorts: Object.fromEntries(
            ports.map(({ port, protocol }) => [`${port}/${protocol.toLowerCase()}`, {}]),
          ),
        }),
    ...(env.size === 0 ? {} : { Env: [...env].map(([name, value]) => `${name}=${value}`) }),
    ...(entrypoint.length === 0 ? {} : { Entrypoint: [...entrypoint] }),
    ...(cmd.length === 0 ? {} : { Cmd: [...cmd] }),
    ...(workdir === '' ? {} : { WorkingDir: workdir }),
    ...(labels.size === 0 ? {} : { Labels: Object.fromEntries(labels) }),
    ...other,
  };
}

const isGzip = ({ mediaType }: Descriptor) => mediaType.endsWith('gzip');
const dockerType = (layer: Descriptor) => (isGzip(layer) ? MEDIA.dockerLayerGzip : DOCKER_LAYER);
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar';

async function packLayer(session: Session, id: string, compression?: Compression): Promise<PackedLayer> {
  const { store } = session;
  const own = store.record<PackedLayer>('layer-blobs', id);
  const isOwnIntact = own !== undefined && (await isIntact(session, own));
  const fits = (layer: PackedLayer) =>
    compression === undefined || isGzip(layer.descriptor) === (compression === 'gzip');
  if (isOwnIntact && fits(own)) return own;
  const recoded = store.record<PackedLayer>(`layer-blobs-${compression}`, id);
  if (recoded !== undefined && fits(recoded) && (await store.verifyBlob(recoded.descriptor))) return recoded;
  await store.intact(id);
  // A layer that was packed before stays that very archive, whatever it is compressed with.
  const archive = isOwnIntact
    ? decompressed(store.blobPath(own.descriptor.digest), own.descriptor.mediaType)
    : Readable.from(writeTar(layerEntries(session, store.layerPath(id))));
  const compress = compression !== 'none';
  const result = await packAnew(session, archive, compress);
  if (!isOwnIntact) await store.stillIntact(id); // it may have been altered until all of it was read
  // What was packed without compression is only for those who ask for that.
  const kind = own === undefined && compress ? 'layer-blobs' : `layer-blobs-${compression}`;
  await store.keep(kind, id, result, { flush: false });
  return result;
}

/** A layer that came with an image is to keep its bytes, since those of our packing would be others: it is had again. */
async function isIntact(session: Session, { descriptor }: PackedLayer): Promise<boolean> {
  if (await session.store.verifyBlob(descriptor)) return true;
  const renew = session.blobSources.get(descriptor.digest);
  await renew?.();
  return renew !== undefined && (await session.store.verifyBlob(descriptor));
}

async function packAnew(
  { store }: Session,
  archive: AsyncIterable<Uint8Array>,
  compress: boolean,
): Promise<PackedLayer> {
  const [plain, packed] = [new Digester(), new Digester()];
  const file = store.scratch('layer');
  try {
    if (compress) await pipeline(archive, plain, createGzip({ level: 6 }), packed, createWriteStream(file));
    else await pipeline(archive, plain, packed, createWriteStream(file));
    const { digest, size } = packed.result();
    await store.keepBlob(file, digest);
    const mediaType = compress ? MEDIA.layerGzip : MEDIA.layer;
    return { descriptor: { mediaType, digest, size }, diffId: plain.result().digest };
  } finally {
    await rm(file, { force: true });
  }
}

/** Passes bytes on, and knows their digest when all have passed. */
class Digester extends Transform {
  readonly #hash = createHash('sha256');
  #size = 0;

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    done(null, chunk);
  }

  result(): { digest: string; size: number } {
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.#size };
  }
}

/** The entries of a layer's folder. GNU tar reads it, because Node cannot read the attributes that overlayfs and capabilities use. */
async function* layerEntries(session: Session, folder: string): AsyncGenerator<TarInput> {
  const tar = spawn(
    'tar',
    [
      '--create',
      '--sort=name',
      '--numeric-owner',
      '--format=posix',
      '--xattrs',
      '--xattrs-include=*',
      '-C',
      folder,
      '.',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said: Buffer[] = [];
  tar.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const ended = once(tar, 'close') as Promise<[number]>;
  for await (const entry of readTar(tar.stdout)) yield* layerEntry(entry, session.idShift);
  const [code] = await ended;
  if (code !== 0) throw new EngineError(`tar could not read a layer: ${Buffer.concat(said).toString().trim()}`);
}

function* layerEntry(entry: TarEntry, shift: number): Generator<TarInput> {
  const path = entry.path.replace(/^\.\/?/, '');
  if (path === '') return; // the root itself is not part of a layer
  const owner = {
    uid: Math.max(0, entry.uid - shift),
    gid: Math.max(0, entry.gid - shift),
    mtime: Math.floor(entry.mtime),
  };
  const folder = path.includes('/') ? `${path.slice(0, path.lastIndexOf('/'))}/` : '';
  // A whiteout: no layer holds a device of another kind.
  if (entry.type === 'character') {
    yield { path: `${folder}.wh.${path.slice(folder.length)}`, type: 'file', mode: 0o600, size: 0, ...owner };
    return;
  }
  if (entry.type === 'block') return;
  const capability = entry.xattrs.get(CAPABILITY);
  yield {
    path,
    type: entry.type,
    mode: entry.mode & 0o7777,
    ...owner,
    ...(entry.type === 'file' ? { size: entry.size, content: entry.content } : {}),
    ...(entry.type === 'symlink' || entry.type === 'link'
      ? { linkpath: entry.type === 'link' ? entry.linkpath.replace(/^\.\//, '') : entry.linkpath }
      : {}),
    ...(capability === undefined ? {} : { xattrs: new Map([[CAPABILITY, portable(CAPABILITY, capability)]]) }),
  };
  if (entry.type === 'directory' && entry.xattrs.get(OPAQUE)?.toString() === 'y')
    yield { path: `${path}/.wh..wh..opq`, type: 'file', mode: 0o600, size: 0, ...owner };
}

/** What `docker load` reads of an archive, which holds one image then. */
function dockerManifest({ mediaType, digest }: Descriptor, documents: Documents, { store }: Session) {
  if (mediaType !== MEDIA.manifest && mediaType !== MEDIA.dockerManifest) return undefined;
  const text = documents.get(digest) ?? readFileSync(store.blobPath(digest));
  const { config, layers } = JSON.parse(text.toString()) as { config: Descriptor; layers: Descriptor[] };
  const pathOf = (blob: Descriptor) => `blobs/${blob.digest.replace(':', '/')}`;
  return { Config: pathOf(config), RepoTags: null, Layers: layers.map(pathOf) };
}

function* archiveEntries(
  session: Session,
  top: Descriptor,
  documents: Documents,
  blobs: ReadonlyMap<string, Descriptor>,
): Generator<TarInput> {
  const file = (path: string, content: Buffer): TarInput => ({
    path,
    type: 'file',
    mode: 0o644,
    size: content.length,
    content,
  });
  yield { path: 'blobs', type: 'directory', mode: 0o755 };
  yield { path: 'blobs/sha256', type: 'directory', mode: 0o755 };
  for (const digest of [...new Set([...documents.keys(), ...blobs.keys()])].sort()) {
    const path = `blobs/sha256/${digest.slice('sha256:'.length)}`;
    const document = documents.get(digest);
    if (document !== undefined) yield file(path, document);
    else {
      const blob = session.store.blobPath(digest);
      yield {
        path,
        type: 'file',
        mode: 0o644,
        size: statSync(blob).size,
        content: createReadStream(blob, { highWaterMark: 1 << 18 }),
      };
    }
  }
  yield file('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests: [top] })));
  const docker = dockerManifest(top, documents, session);
  if (docker !== undefined) yield file('manifest.json', Buffer.from(JSON.stringify([docker])));
  yield file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
}
