// Repacks an image that an engine built: its base byte for byte, its own layers as one without times, a config without a clock.
//   node repack.ts --spec /spec.json --out /out/image.tar
import { createWriteStream, openAsBlob } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import { digestOfStream, verified } from './digest.ts';
import { OciError, reasonOf } from './errors.ts';
import { imageConfig } from './image.ts';
import {
  type AssembledImage,
  type Blobs,
  type BuiltPlatform,
  buildPlatform,
  type ImageBlob,
  writeAccount,
  writeImage,
} from './image-files.ts';
import { type BlobSource, type Chain, openBlob, openLayout, verifyChain } from './layout.ts';
import { type Merged, mergeLayers } from './merge-layers.ts';
import { exitCodeOf, runAsProgram } from './program.ts';
import { writeTar } from './tar.ts';
import { type Descriptor, type ImageConfig, MEDIA, OCI_LAYER_TYPES, STAND_IN_LABEL } from './types.ts';

/** Recorded beside the digest. Raise it with every change that makes other bytes of the same content. */
const REPACKER = 'drydock-repack/1';

export type RepackSpec = {
  /** An OCI archive for each platform, and one of the image that it starts from; null where it starts from nothing. */
  images: { platform: string; archive: string; base: string | null }[];
  /** The base by its digest, where the Dockerfile says one. */
  pin: string | null;
  repoTag: string;
  /** What the image says of itself is not replaced. */
  env: Record<string, string>;
  labels: Record<string, string>;
  /** Instead of its own. */
  entrypoint: string[] | null;
  /** The recipes of images that only stand in for those which it was made of. */
  standIn: string | null;
};

/** What was repacked; written beside the archive. */
export type RepackedImage = AssembledImage & {
  /** Files that say when they were written: another build makes others. */
  dated: string[];
  /** Platforms whose base could not be told from what was added to it. */
  mixed: string[];
};

/** Repack the image, write the archive and `image.json`, and say what came out. */
export async function repack(spec: RepackSpec, out: string): Promise<RepackedImage> {
  const scratch = await mkdtemp(join(tmpdir(), 'drydock-repack-'));
  const opened: BlobSource[] = [];
  const open = async (path: string) => {
    const source = await openLayout(path);
    opened.push(source);
    return source;
  };
  try {
    const blobs: Blobs = new Map();
    const platforms: BuiltPlatform[] = [];
    const dated = new Set<string>();
    const mixed: string[] = [];
    for (const { platform, archive, base } of spec.images) {
      const built = await chainIn(await open(archive), platform);
      const { base: from, isMixed } = partedFrom(
        built,
        base === null ? null : await chainIn(await open(base), platform),
      );
      if (isMixed) mixed.push(platform);
      const own = built.layers.slice(from?.layers.length ?? 0);
      const files = await Promise.all(own.map((layer) => plainLayer(built.source, layer, scratch)));
      const merged = await mergeLayers(files);
      for (const path of merged.dated) dated.add(path);
      const layer = await layerOf(merged);
      blobs.set(layer.digest, layer);
      const standIn = built.config.config?.Labels?.[STAND_IN_LABEL] ?? spec.standIn ?? undefined;
      const image = configOf(built, from, { ...spec, standIn: standIn ?? null }, layer.digest);
      const found = { layers: from?.layers ?? [], ...(standIn === undefined ? {} : { standIn }) };
      const source = from?.source ?? built.source;
      platforms.push(buildPlatform(platform, { base: found, source }, { layer, image, pin: spec.pin }, blobs));
    }
    const image = await writeImage(platforms, blobs, { out, repoTag: spec.repoTag, assembler: REPACKER });
    const repacked = { ...image, dated: [...dated], mixed };
    await writeAccount(out, repacked);
    return repacked;
  } finally {
    for (const source of opened) await source.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

type Found = Chain & { source: BlobSource };

/** The one image of an archive that an engine wrote. */
async function chainIn(source: BlobSource, platform: string): Promise<Found> {
  const [top, ...more] = await source.entries();
  if (top !== undefined && more.length === 0) return { ...(await verifyChain(source, top.digest, platform)), source };
  throw new OciError('LAYOUT_INVALID', `${source.name} holds no image, or several`, 'give an archive of one image');
}

/** The base, if what was built lies on it. Where an engine made its layers anew, they count as what was added. */
function partedFrom(built: Found, base: Found | null): { base: Found | null; isMixed: boolean } {
  if (base === null) return { base: null, isMixed: false };
  const [all, below] = [built, base].map(({ config }) => config.rootfs.diff_ids) as [string[], string[]];
  const isBelow = below.every((digest, index) => digest === all[index]);
  return isBelow ? { base, isMixed: false } : { base: null, isMixed: true };
}

/** A layer as a plain tar archive that can be read in parts. */
async function plainLayer(source: BlobSource, layer: Descriptor, scratch: string): Promise<Blob> {
  const type = OCI_LAYER_TYPES.get(layer.mediaType);
  if (type === MEDIA.layer) return await source.blob(layer.digest);
  if (type !== MEDIA.layerGzip)
    throw new OciError(
      'LAYOUT_INVALID',
      `a layer of ${source.name} is ${layer.mediaType}`,
      'export it with plain layers',
    );
  const path = join(scratch, layer.digest.replace(':', '-'));
  await pipeline(Readable.from(openBlob(source, layer)), createGunzip(), createWriteStream(path));
  return await openAsBlob(path);
}

/** Uncompressed, so that no compressor has a say in the digest: they differ from processor to processor. */
async function layerOf({ entries }: Merged): Promise<ImageBlob> {
  const id = await digestOfStream(writeTar(entries));
  return { mediaType: MEDIA.layer, ...id, content: verified(writeTar(entries), id, 'the layer') };
}

function configOf(built: Found, base: Found | null, spec: RepackSpec, layer: string): ImageConfig {
  const { config = {} } = built.config;
  const has = new Set((config.Env ?? []).map((pair) => pair.split('=', 1)[0]));
  const env = Object.fromEntries(Object.entries(spec.env).filter(([name]) => !has.has(name)));
  const labels = {
    ...spec.labels,
    ...config.Labels,
    ...(spec.standIn === null ? {} : { [STAND_IN_LABEL]: spec.standIn }),
  };
  const own = { target: '/', env, labels, ...(spec.entrypoint === null ? {} : { entrypoint: spec.entrypoint }) };
  const { history: _, ...rest } = built.config;
  const { rootfs, history } = base?.config ?? { rootfs: { type: 'layers' as const, diff_ids: [] } };
  return imageConfig({ ...rest, rootfs, ...(history === undefined ? {} : { history }) }, own, layer);
}

/** Arguments in, exit code out: 0 done, 1 failed, 2 wrong arguments or spec. */
async function main(args: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const { spec, out } = parseArgs({ args, options: { spec: { type: 'string' }, out: { type: 'string' } } }).values;
    if (spec === undefined || out === undefined)
      throw new OciError('SPEC_INVALID', '--spec or --out is missing', 'node repack.ts --spec FILE --out FILE');
    const image = await repack(await readSpec(spec), out);
    process.stdout.write(`${image.digest} ${image.platforms.map(({ platform }) => platform).join(' ')}\n`);
  });
}

async function readSpec(path: string): Promise<RepackSpec> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RepackSpec;
  } catch (cause) {
    throw new OciError('SPEC_INVALID', `${path} cannot be read: ${reasonOf(cause)}`, 'see what wrote it', { cause });
  }
}

runAsProgram('repack.ts', main);
