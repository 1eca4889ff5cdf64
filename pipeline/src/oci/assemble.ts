// Assembles the image that ships: a base, byte for byte, and one layer of app. Equal content makes an equal digest.
//   node assemble.ts --spec /spec.json --out /out/image.tar
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { appEntries } from './applayer.ts';
import { digestOf, digestOfStream, verified } from './digest.ts';
import { OciError, reasonOf } from './errors.ts';
import { imageConfig, imageManifest } from './image.ts';
import { canonicalJson } from './json.ts';
import { type Base, type BlobSource, openBlob, openLayout, readBase } from './layout.ts';
import { exitCodeOf, runAsProgram } from './program.ts';
import { pullToLayout } from './pull.ts';
import { formatReference, parsePin, parseReference } from './reference.ts';
import { dockerCredentials, parseMirrors, RegistryClient } from './registry.ts';
import { type AssembleSpec, parseSpec } from './spec.ts';
import { sortedByPath, type TarInput, writeTar } from './tar.ts';
import { type Descriptor, type DescriptorPlatform, type ImageConfig, MEDIA } from './types.ts';

/** Recorded beside the digest. Raise it with every change that makes other bytes of the same content. */
export const ASSEMBLER = 'drydock-assemble/1';

/** What was assembled; written as `image.json` beside the archive. */
export type AssembledImage = {
  digest: string;
  mediaType: string;
  size: number;
  platforms: AssembledPlatform[];
  /** The recipes of the stand-ins it is built on; empty for an image that may be published. */
  standIn: string[];
  assembler: string;
};

export type AssembledPlatform = {
  platform: string;
  digest: string;
  config: string;
  diffIds: string[];
  appLayer: { digest: string; size: number };
  standIn?: string;
};

export type AssembleOptions = {
  /** Where the OCI archive goes; `image.json` is written beside it. */
  out: string;
  /** Told, in a sentence each, what was looked at and not taken. */
  note?: (sentence: string) => void;
};

/** A blob of the image to be written: its size is known, its bytes come when asked for. */
type Blob = Descriptor & { content: Uint8Array | AsyncIterable<Uint8Array> };

/** A base that was found, and where its layers can be read. */
type FoundBase = { base: Base; source: BlobSource };

/** Assemble the image, write the archive and `image.json`, and say what came out. */
export async function assemble(spec: AssembleSpec, options: AssembleOptions): Promise<AssembledImage> {
  const entries = await appEntries(spec.app, spec.target, spec.platforms);
  const layerId = await digestOfStream(writeTar(entries));
  // Made twice rather than kept: checked the second time, in case the folder changed in between.
  const content = verified(writeTar(entries), layerId, `the app layer of ${spec.app}`);
  const layer: Blob = { mediaType: MEDIA.layer, ...layerId, content };
  const bases = new BaseFinder(spec, options.note ?? (() => {}));
  try {
    const blobs = new Map<string, Blob>([[layer.digest, layer]]);
    const platforms: BuiltPlatform[] = [];
    for (const platform of spec.platforms)
      platforms.push(buildPlatform(platform, await bases.find(platform), layer, spec, blobs));
    const top = topOf(platforms, blobs);
    const image = describeImage(top, platforms);
    await mkdir(dirname(options.out), { recursive: true });
    await writeWhole(options.out, writeTar(archiveEntries(top, platforms, blobs, spec.repoTag)));
    await writeFile(join(dirname(options.out), 'image.json'), `${JSON.stringify(image, null, 2)}\n`);
    return image;
  } finally {
    await bases.close();
  }
}

// ---------------------------------------------------------------------------------------------------- the base

/** Finds a platform's base in the archives, else in the registry; keeps what it opened until it is closed. */
class BaseFinder {
  readonly #spec: AssembleSpec;
  readonly #note: (sentence: string) => void;
  readonly #sources = new Map<string, BlobSource>();
  #client: RegistryClient | undefined;
  #fetched: string | undefined;

  constructor(spec: AssembleSpec, note: (sentence: string) => void) {
    this.#spec = spec;
    this.#note = note;
  }

  async find(platform: string): Promise<FoundBase> {
    const { pin, archives, offline } = this.#spec.base;
    const { digest } = parsePin(pin);
    const reasons: string[] = [];
    for (const archive of archives) {
      try {
        const source = await this.#open(archive);
        return { base: await readBase(source, digest, platform), source };
      } catch (error) {
        if (!(error instanceof OciError)) throw error;
        reasons.push(error.message);
        this.#note(error.message);
      }
    }
    if (offline) {
      throw missing(
        pin,
        platform,
        archives.length === 0 ? 'no archive was given' : reasons.join('; '),
        'no registry is asked (offline)',
      );
    }
    try {
      return await this.#fetch(platform);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      // The registry's own code and hint say more than "missing" would.
      const before = reasons.length === 0 ? '' : `; before that: ${reasons.join('; ')}`;
      throw new OciError(error.code, `there is no base for ${platform}: ${error.message}${before}`, error.hint, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    for (const source of this.#sources.values()) await source.close();
    if (this.#fetched !== undefined) await rm(this.#fetched, { recursive: true, force: true });
  }

  async #open(path: string): Promise<BlobSource> {
    const source = this.#sources.get(path) ?? (await openLayout(path));
    this.#sources.set(path, source);
    return source;
  }

  async #fetch(platform: string): Promise<FoundBase> {
    this.#client ??= await registryClient(this.#spec.base);
    this.#fetched ??= await mkdtemp(join(tmpdir(), 'drydock-base-'));
    // A folder for each: what one platform left behind must not be taken for another's.
    const folder = join(this.#fetched, platform.replaceAll('/', '-'));
    const pin = parsePin(this.#spec.base.pin);
    await pullToLayout(this.#client, pin, folder, { platforms: [platform] });
    const source = await this.#open(folder);
    return { base: await readBase(source, pin.digest, platform), source };
  }
}

async function registryClient(base: AssembleSpec['base']): Promise<RegistryClient> {
  const { dockerConfig, mirrors, plainHttp } = base;
  const config = dockerConfig === undefined ? undefined : await readText(dockerConfig, 'the Docker configuration');
  return new RegistryClient({
    mirrors: parseMirrors(mirrors),
    plainHttp,
    ...(config === undefined ? {} : { credentials: (registry: string) => dockerCredentials(config, registry) }),
  });
}

function missing(pin: string, platform: string, ...reasons: string[]): OciError {
  return new OciError(
    'BASE_MISSING',
    `there is no base ${pin} for ${platform}: ${reasons.join('; ')}`,
    'give an archive of it, a mirror, or access to its registry',
  );
}

// ---------------------------------------------------------------------------------------------------- the image

type BuiltPlatform = {
  platform: string;
  manifest: Descriptor & { platform: DescriptorPlatform };
  config: Descriptor;
  layers: Descriptor[];
  diffIds: string[];
  appLayer: Descriptor;
  standIn?: string;
};

function buildPlatform(
  platform: string,
  { base, source }: FoundBase,
  layer: Blob,
  spec: AssembleSpec,
  blobs: Map<string, Blob>,
): BuiltPlatform {
  // Uncompressed, so the layer's digest is its diff id.
  const image = imageConfig(base.config, spec, layer.digest);
  const config = addDocument(blobs, MEDIA.config, image);
  const appLayer: Descriptor = { mediaType: layer.mediaType, digest: layer.digest, size: layer.size };
  const manifest = imageManifest(base, config, appLayer, spec.base.pin);
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

function platformOf(config: ImageConfig): DescriptorPlatform {
  const { architecture, os, variant } = config;
  return { architecture, os, ...(variant === undefined || variant === '' ? {} : { variant }) };
}

/** What the image is called by: the manifest of its one platform, or an index of several. */
function topOf(platforms: BuiltPlatform[], blobs: Map<string, Blob>): Descriptor {
  const [first, ...more] = platforms;
  if (first !== undefined && more.length === 0) {
    const { platform: _, ...descriptor } = first.manifest;
    return descriptor;
  }
  const manifests = platforms.map(({ manifest }) => manifest);
  return addDocument(blobs, MEDIA.index, { schemaVersion: 2, mediaType: MEDIA.index, manifests });
}

function addDocument(blobs: Map<string, Blob>, mediaType: string, document: unknown): Descriptor {
  const bytes = canonicalJson(document);
  const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  blobs.set(descriptor.digest, { ...descriptor, content: bytes });
  return descriptor;
}

function describeImage(top: Descriptor, platforms: BuiltPlatform[]): AssembledImage {
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
    assembler: ASSEMBLER,
  };
}

// ---------------------------------------------------------------------------------------------------- the archive

function archiveEntries(
  top: Descriptor,
  platforms: BuiltPlatform[],
  blobs: ReadonlyMap<string, Blob>,
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

// ---------------------------------------------------------------------------------------------------- the program

const USAGE = 'node assemble.ts --spec <spec.json> --out <image.tar>; flags of the same name override the spec';

/** Arguments in, exit code out: 0 done, 1 failed, 2 wrong arguments or spec. */
export async function main(args: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const { spec, out } = await readArguments(args);
    const image = await assemble(spec, { out, note: (sentence) => process.stderr.write(`note: ${sentence}\n`) });
    process.stdout.write(`${image.digest} ${image.platforms.map(({ platform }) => platform).join(' ')}\n`);
  });
}

async function readArguments(args: string[]): Promise<{ spec: AssembleSpec; out: string }> {
  const flags = parseFlags(args);
  if (flags.out === undefined) throw wrongUse('--out is missing');
  const raw: unknown = flags.spec === undefined ? {} : parseJson(await readText(flags.spec, 'the spec'), flags.spec);
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw wrongUse('the spec has to be a JSON object');
  const given = raw as Record<string, unknown>;
  const base = given.base ?? {};
  const overrides = {
    ...(flags.base === undefined ? {} : { pin: flags.base }),
    ...(flags.archive === undefined ? {} : { archives: flags.archive }),
    ...(flags.mirror === undefined ? {} : { mirrors: flags.mirror }),
    ...(flags['docker-config'] === undefined ? {} : { dockerConfig: flags['docker-config'] }),
    ...(flags.offline === undefined ? {} : { offline: flags.offline }),
  };
  const merged = {
    ...given,
    ...(flags.app === undefined ? {} : { app: flags.app }),
    ...(flags.target === undefined ? {} : { target: flags.target }),
    ...(flags.platform === undefined ? {} : { platforms: flags.platform }),
    ...(flags['repo-tag'] === undefined ? {} : { repoTag: flags['repo-tag'] }),
    base: typeof base === 'object' && base !== null ? { ...base, ...overrides } : base,
  };
  return { spec: parseSpec(merged), out: flags.out };
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        spec: { type: 'string' },
        out: { type: 'string' },
        base: { type: 'string' },
        archive: { type: 'string', multiple: true },
        mirror: { type: 'string', multiple: true },
        'docker-config': { type: 'string' },
        offline: { type: 'boolean' },
        app: { type: 'string' },
        target: { type: 'string' },
        platform: { type: 'string', multiple: true },
        'repo-tag': { type: 'string' },
      },
    }).values;
  } catch (cause) {
    throw wrongUse(reasonOf(cause));
  }
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OciError('SPEC_INVALID', `${what} at ${path} cannot be read`, 'check the path', { cause });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OciError('SPEC_INVALID', `${path} is not JSON: ${reasonOf(cause)}`, 'mend the file', { cause });
  }
}

function wrongUse(message: string): OciError {
  return new OciError('SPEC_INVALID', message, USAGE);
}

runAsProgram('assemble.ts', main);
