// Takes an image of an OCI layout or archive into the store: its documents and blobs as they are, its layers unpacked.
import { createReadStream, createWriteStream, openAsBlob } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { digestOfStream } from '../../src/oci/digest.ts';
import { OciError } from '../../src/oci/errors.ts';
import {
  type Base,
  type BlobSource,
  type Descriptor,
  type ImageConfig,
  MEDIA,
  openLayout,
  verifyChain,
} from '../../src/oci/layout.ts';
import { readTar } from '../../src/oci/tar.ts';
import { EngineError } from '../errors.ts';
import type { Port } from '../run/services.ts';
import type { Session } from '../session.ts';
import { ensureIntact, hashOf, prepareHash } from '../store/bytes.ts';
import { diskFullError } from '../store/disk.ts';
import type { Stack } from '../store/layers.ts';
import { formatSize } from '../store/sizes.ts';
import { sha256 } from '../store/store.ts';
import type { FileNode } from '../store/tree.ts';
import { type ContainerState, type ImageSettings, lazy } from '../values.ts';
import { intactBlob } from './blobs.ts';
import { NAME_ANNOTATION, openDockerArchive } from './docker-archive.ts';
import type { ImageRecord } from './record.ts';
import { NO_RIGHTS } from './registry.ts';

/** Copies the documents and blobs of a checked image into the store. */
export async function keepImage(
  session: Session,
  source: BlobSource,
  base: Base,
  top: Descriptor,
  platform: string,
): Promise<ImageRecord> {
  const blobs = [base.manifest.config, ...base.layers];
  for (const descriptor of [top, base.descriptor, ...blobs]) await keepBlob(session, source, descriptor);
  return {
    top,
    manifest: base.descriptor,
    blobs,
    config: base.config,
    platform,
    importedAt: Date.now(),
    ...(base.standIn === undefined ? {} : { standIn: base.standIn }),
  };
}

async function keepBlob({ store }: Session, source: BlobSource, descriptor: Descriptor): Promise<void> {
  if (await store.hasBlob(descriptor)) return;
  const aside = store.scratch('blob');
  try {
    await pipeline(Readable.from(source.stream(descriptor.digest)), createWriteStream(aside));
    await store.adoptBlob(aside, descriptor.digest);
  } finally {
    await rm(aside, { force: true });
  }
}

/** Whether all of an image is in the store. */
export async function isComplete({ store }: Session, { top, manifest, blobs }: ImageRecord): Promise<boolean> {
  for (const blob of [top, manifest, ...blobs]) if (!(await store.hasBlob(blob))) return false;
  return true;
}

/** The number is of the way in which layers are unpacked: those that another version unpacked are not taken. */
const chainId = (diffIds: readonly string[]) => sha256(`chain 3 ${diffIds.join(' ')}`).slice(0, 40);

/** The image's file system; its layers are unpacked where they aren't yet. */
async function imageStack(session: Session, image: ImageRecord): Promise<Stack> {
  const diffIds = image.config.rootfs.diff_ids;
  const layers: string[] = [];
  for (const [index, diffId] of diffIds.entries()) {
    const id = chainId(diffIds.slice(0, index + 1));
    const descriptor = image.blobs[index + 1] as Descriptor;
    if (!(await session.store.hasLayer(id)))
      await session.once(`unpack ${id}`, () => unpackIntact(session, id, descriptor, diffId, layers));
    layers.push(id);
  }
  return { layers, key: sha256(`image ${diffIds.join(' ')}`) };
}

/** A blob that cannot be unpacked because it is not what its name says is had again, once. */
async function unpackIntact(
  session: Session,
  id: string,
  descriptor: Descriptor,
  diffId: string,
  below: readonly string[],
): Promise<void> {
  if (!(await session.store.hasBlob(descriptor))) await intactBlob(session, descriptor);
  try {
    await unpack(session, id, descriptor, diffId, below);
  } catch (error) {
    if (diskFullError(error, session.store.root) || (await session.store.verifyBlob(descriptor))) throw error;
    await intactBlob(session, descriptor);
    await unpack(session, id, descriptor, diffId, below);
  }
}

async function unpack(
  session: Session,
  id: string,
  descriptor: Descriptor,
  diffId: string,
  below: readonly string[],
): Promise<void> {
  const { store } = session;
  const folder = store.scratchFolder('unpack');
  try {
    await unpackInto(session, folder, descriptor, diffId, below);
    await store.keep('layer-blobs', id, { descriptor, diffId });
    await store.commitLayer(id, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function unpackInto(
  session: Session,
  folder: string,
  descriptor: Descriptor,
  diffId: string,
  below: readonly string[],
): Promise<void> {
  const { unpackLayer } = await import('./unpack.ts');
  const { store } = session;
  const bytes = decompressed(store.blobPath(descriptor.digest), descriptor.mediaType);
  const [hashed, read] = tee(noMoreThan(store.budget, bytes, `layer ${descriptor.digest}`));
  const actual = digestOfStream(hashed);
  actual.catch(() => {}); // the unpacking tells of the same fault
  await unpackLayer(readTar(read), `${folder}/fs`, {
    shift: session.idShift,
    below: below.map((layer) => store.layerPath(layer)),
    whiteout: (path) => session.views.whiteout(path),
    aside: store.scratch('xattrs'),
  });
  const { digest } = await actual;
  if (digest !== diffId) {
    throw new EngineError(
      `layer ${descriptor.digest} unpacks to ${digest}, its image says ${diffId}`,
      'the image is damaged',
    );
  }
}

export function decompressed(path: string, mediaType: string): AsyncIterable<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  if (mediaType.endsWith('zstd')) throw new EngineError('the image has a zstd layer', 'take one with gzip layers');
  if (!mediaType.endsWith('gzip')) return file;
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  file.on('error', (error) => gunzip.destroy(error));
  return file.pipe(gunzip);
}

/** A few kilobytes may unpack to more than any disk holds; what the store could never keep ends there. */
export async function* noMoreThan<T extends Uint8Array>(
  most: number,
  source: AsyncIterable<T>,
  what: string,
): AsyncGenerator<T> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > most)
      throw new EngineError(
        `${what} unpacks to more than the store may hold (${formatSize(most)})`,
        'if that is meant, set DRYDOCK_STORE_BUDGET to more',
      );
    yield chunk;
  }
}

/** Two readers of one stream: the first sees each chunk as the second takes it. */
function tee(source: AsyncIterable<Buffer>): [AsyncIterable<Buffer>, AsyncIterable<Buffer>] {
  const hashed = new Readable({ read() {}, highWaterMark: 1 << 22 });
  async function* read() {
    try {
      for await (const chunk of source) {
        hashed.push(chunk);
        yield chunk;
      }
      hashed.push(null);
    } catch (error) {
      hashed.destroy(error as Error);
      throw error;
    }
  }
  return [hashed, read()];
}

/** The start of a container from an image, which `renew` brings into the store once more should it be damaged there. */
export function imageState(
  session: Session,
  image: ImageRecord,
  renew: () => Promise<unknown>,
  imageRef?: string,
): ContainerState {
  for (const { digest } of [image.top, image.manifest, ...image.blobs]) session.blobSources.set(digest, renew);
  return {
    platform: image.platform,
    settings: settingsOf(image.config),
    rootfs: lazy(() => imageStack(session, image)),
    mounts: [],
    secretVariables: new Map(),
    volatileVariables: new Map(),
    bindings: [],
    hasOwnArgs: false,
    registryRights: NO_RIGHTS,
    standIn: image.standIn,
    original: image,
    ...(imageRef === undefined ? {} : { imageRef }),
  };
}

function settingsOf({ config = {} }: ImageConfig): ImageSettings {
  const { Healthcheck, StopSignal, Volumes, Shell, OnBuild } = config;
  return {
    env: new Map(
      listIn(config, 'Env').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
    user: textIn(config, 'User'),
    workdir: textIn(config, 'WorkingDir'),
    entrypoint: listIn(config, 'Entrypoint'),
    cmd: listIn(config, 'Cmd'),
    labels: new Map(Object.entries(config.Labels ?? {})),
    ports: Object.keys(config.ExposedPorts ?? {}).map(portOf),
    annotations: new Map(),
    other: Object.fromEntries(
      Object.entries({ Healthcheck, StopSignal, Volumes, Shell, OnBuild }).filter(([, value]) => value),
    ),
  };
}

function listIn(config: object, name: string): string[] {
  const value = (config as Record<string, unknown>)[name] ?? [];
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
  throw new EngineError(`the image says of ${name} what is no list of texts`, 'the image is damaged');
}

function textIn(config: object, name: string): string {
  const value = (config as Record<string, unknown>)[name] ?? '';
  if (typeof value === 'string') return value;
  throw new EngineError(`the image says of ${name} what is no text`, 'the image is damaged');
}

function portOf(text: string): Port {
  const [port, protocol] = text.split('/');
  return {
    port: Number(port),
    protocol: protocol === 'udp' ? 'UDP' : 'TCP',
    description: null,
    experimentalSkipHealthcheck: false,
    isDeclared: true,
  };
}

/** `Container.import`: an OCI archive, as a file of any origin. */
export async function importArchive(
  session: Session,
  file: FileNode,
  platform: string,
  tag?: string,
): Promise<ContainerState> {
  await prepareHash(file.bytes, file.size);
  const key = [hashOf(file.bytes), platform.replaceAll('/', '-'), ...(tag ? [encodeURIComponent(tag)] : [])].join('-');
  const imported = () =>
    session.once(`import ${key}`, async () => {
      const known = session.store.record<ImageRecord>('archives', key);
      if (known !== undefined && (await isComplete(session, known))) return known;
      const made = await readArchive(session, file, platform, tag);
      await session.store.keep('archives', key, made);
      return made;
    });
  const { original, ...state } = imageState(session, await imported(), imported);
  return original === undefined ? state : { ...state, original };
}

async function readArchive(
  session: Session,
  file: FileNode,
  platform: string,
  tag: string | undefined,
): Promise<ImageRecord> {
  await ensureIntact(file.bytes);
  const given = 'path' in file.bytes ? file.bytes.path : await spill(session, [file.bytes.data]);
  if (!(await isGzip(given))) return readPlainArchive(session, given, platform, tag);
  const path = await unzipped(session, given);
  try {
    return await readPlainArchive(session, path, platform, tag);
  } finally {
    await rm(path, { force: true });
  }
}

async function readPlainArchive(
  session: Session,
  path: string,
  platform: string,
  tag: string | undefined,
): Promise<ImageRecord> {
  // Where the store has put it is nothing to whoever gave it.
  const plain = ({ message }: Error) => message.replaceAll(path, 'the archive');
  const open = async () => (await openDockerArchive(path)) ?? (await openLayout(path));
  const source = await open().catch((error: Error) => {
    if (error instanceof EngineError) throw error;
    throw new EngineError(`the file is not an image archive: ${plain(error)}`, undefined, { cause: error });
  });
  try {
    const top = chosen(await source.entries(), tag);
    const chain = await verifyChain(source, top.digest, platform);
    return await keepImage(session, source, chain, top, platform);
  } catch (error) {
    throw error instanceof OciError ? new EngineError(plain(error), error.hint, { cause: error }) : error;
  } finally {
    await source.close();
  }
}

const NAME_ANNOTATIONS = ['org.opencontainers.image.ref.name', NAME_ANNOTATION];

/** The image with this tag, or the only one. */
function chosen(entries: readonly Descriptor[], tag: string | undefined): Descriptor {
  const namesOf = ({ annotations = {} }: Descriptor) => NAME_ANNOTATIONS.map((key) => annotations[key]).filter(Boolean);
  const names = entries.flatMap(namesOf).join(', ') || 'no names';
  const fitting = tag
    ? entries.filter((entry) => namesOf(entry).some((name) => name === tag || name?.endsWith(`:${tag}`)))
    : entries;
  const [first] = fitting;
  if (first === undefined)
    throw new EngineError(tag ? `the archive holds no image ${tag}; it has ${names}` : 'the archive holds no image');
  return first;
}

async function spill(session: Session, data: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<string> {
  const path = session.store.scratch('archive');
  await pipeline(Readable.from(data), createWriteStream(path));
  return path;
}

async function isGzip(path: string): Promise<boolean> {
  const start = await (await openAsBlob(path)).slice(0, 2).arrayBuffer();
  return Buffer.from(start).toString('hex') === '1f8b';
}

/** Nix compresses the archive as a whole, as do people who send it somewhere. */
function unzipped(session: Session, path: string): Promise<string> {
  const bytes = decompressed(path, MEDIA.layerGzip);
  return spill(session, noMoreThan(session.store.budget, bytes, 'the archive'));
}
