// Says what differs between two images: platform by platform, layer by layer, file by file.
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { digestOfStream } from './digest.ts';
import {
  type BlobSource,
  isIndexDocument,
  openBlob,
  parseConfig,
  parseIndex,
  parseManifest,
  readBlob,
} from './layout.ts';
import { formatPlatform } from './platform.ts';
import { readTar } from './tar.ts';
import type { Descriptor, Manifest } from './types.ts';

/** Of what differs in one layer, so many files are named. */
const MOST_FILES = 20;

/** One line for each; none for equal images. */
export async function differencesBetween(published: BlobSource, rebuilt: BlobSource): Promise<string[]> {
  const [[a], [b]] = [await published.entries(), await rebuilt.entries()];
  if (a === undefined || b === undefined) return ['one of the two holds no image'];
  if (a.digest === b.digest) return [];
  const [before, after] = [await manifestsIn(published, a), await manifestsIn(rebuilt, b)];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const lines: string[] = [];
  for (const name of names) {
    const [was, is] = [before.get(name), after.get(name)];
    if (was === undefined || is === undefined) lines.push(`${name}: only ${was ? 'published' : 'rebuilt'}`);
    else lines.push(...(await ofPlatform(name, [published, was], [rebuilt, is])));
  }
  // The documents may say the same in other words.
  return lines.length > 0 ? lines : [`the documents differ: ${a.digest} was published, ${b.digest} was rebuilt`];
}

type Side = [source: BlobSource, manifest: Manifest];

async function manifestsIn(source: BlobSource, top: Descriptor): Promise<Map<string, Manifest>> {
  const bytes = await readBlob(source, top);
  const listed = isIndexDocument(bytes, source.name) ? parseIndex(bytes, source.name).manifests : [top];
  const manifests = new Map<string, Manifest>();
  for (const entry of listed) {
    const manifest = parseManifest(await readBlob(source, entry), source.name);
    const config = parseConfig(await readBlob(source, manifest.config), source.name);
    manifests.set(formatPlatform(config), manifest);
  }
  return manifests;
}

async function ofPlatform(name: string, before: Side, after: Side): Promise<string[]> {
  const [layersBefore, layersAfter] = [before[1].layers, after[1].layers];
  const lines = [...(await ofConfig(name, before, after)), ...ofAnnotations(name, before[1], after[1])];
  for (let at = 0; at < Math.max(layersBefore.length, layersAfter.length); at += 1) {
    const [was, is] = [layersBefore[at], layersAfter[at]];
    const layer = `${name}, layer ${at + 1}`;
    if (was === undefined || is === undefined) lines.push(`${layer}: only ${was ? 'published' : 'rebuilt'}`);
    else if (was.digest !== is.digest) lines.push(...(await ofLayer(layer, [before[0], was], [after[0], is])));
  }
  return lines;
}

async function ofConfig(name: string, [a, { config: was }]: Side, [b, { config: is }]: Side): Promise<string[]> {
  if (was.digest === is.digest) return [];
  const [before, after] = [parseConfig(await readBlob(a, was), a.name), parseConfig(await readBlob(b, is), b.name)];
  const { config: _a, rootfs: _ra, ...outer } = before;
  const { config: _b, rootfs: _rb, ...otherOuter } = after;
  return [...keysThatDiffer(before.config ?? {}, after.config ?? {}), ...keysThatDiffer(outer, otherOuter)].map(
    (key) => `${name}, configuration: ${key} differs`,
  );
}

function ofAnnotations(name: string, { annotations: a = {} }: Manifest, { annotations: b = {} }: Manifest): string[] {
  return keysThatDiffer(a, b).map((key) => `${name}, annotation ${key} differs`);
}

function keysThatDiffer(a: object, b: object): string[] {
  const value = (of: object, key: string) => JSON.stringify(Object.hasOwn(of, key) ? of[key as never] : undefined);
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().filter((key) => value(a, key) !== value(b, key));
}

async function ofLayer(
  layer: string,
  [a, was]: [BlobSource, Descriptor],
  [b, is]: [BlobSource, Descriptor],
): Promise<string[]> {
  const packed = [was, is].find(({ mediaType }) => mediaType.endsWith('zstd'));
  if (packed !== undefined) return [`${layer}: ${was.digest} was published, ${is.digest} was rebuilt`];
  const [before, after] = [await filesIn(a, was), await filesIn(b, is)];
  const paths = [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .filter((path) => before.get(path) !== after.get(path));
  const lines = paths.slice(0, MOST_FILES).map((path) => {
    if (!before.has(path)) return `${layer}: ${path} is only in what was rebuilt`;
    return `${layer}: ${path} ${after.has(path) ? 'differs' : 'is only in what was published'}`;
  });
  const more = paths.length - lines.length;
  if (more > 0) return [...lines, `${layer}: ${more} more files differ`];
  return lines.length > 0 ? lines : [`${layer}: the same files, packed otherwise`];
}

/** What counts of each file, by its path. */
async function filesIn(source: BlobSource, layer: Descriptor): Promise<Map<string, string>> {
  const bytes = openBlob(source, layer);
  const unpacked = layer.mediaType.endsWith('gzip') ? gunzipped(bytes) : bytes;
  const files = new Map<string, string>();
  for await (const { path, type, mode, uid, gid, linkpath, content, mtime, xattrs } of readTar(unpacked)) {
    const { digest } = await digestOfStream(content);
    const attributes = [...xattrs].map(([key, value]) => [key, value.toString('base64')]);
    files.set(path, JSON.stringify([type, mode, uid, gid, linkpath, mtime, attributes, digest]));
  }
  return files;
}

async function* gunzipped(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const fed = pipeline(bytes, gunzip).catch(() => undefined); // what is wrong comes out at the other end
  yield* gunzip as AsyncIterable<Buffer>;
  await fed;
}
