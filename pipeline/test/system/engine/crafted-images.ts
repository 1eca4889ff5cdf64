// Images that no builder would write: their layers are made by hand, entry by entry, and so may be what their manifest says of them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../../src/oci/digest.ts';
import type { TarInput } from '../../../src/oci/tar.ts';
import { type Descriptor, MEDIA } from '../../../src/oci/types.ts';
import { tarOf } from '../../oci/helpers.ts';

export interface CraftedImage {
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly manifest: Descriptor;
  readonly layer: Descriptor;
}

const PLATFORM = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' };

export const file = (path: string, content: string | Buffer, mode = 0o644): TarInput => ({
  path,
  type: 'file',
  mode,
  content,
});
export const folder = (path: string, mode = 0o755): TarInput => ({ path, type: 'directory', mode });
export const symlink = (path: string, linkpath: string): TarInput => ({ path, type: 'symlink', mode: 0o777, linkpath });
export const hardLink = (path: string, linkpath: string): TarInput => ({ path, type: 'link', mode: 0o644, linkpath });

/** An image of one layer; `diffId` is what its config says that the layer unpacks to. */
export function craftImage(tar: Buffer, diffId = digestOf(tar)): CraftedImage {
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const json = (mediaType: string, value: object) => add(mediaType, Buffer.from(JSON.stringify(value)));
  const config = json(MEDIA.config, { ...PLATFORM, config: {}, rootfs: { type: 'layers', diff_ids: [diffId] } });
  const layer = add(MEDIA.layerGzip, gzipSync(tar));
  const manifest = json(MEDIA.manifest, { schemaVersion: 2, mediaType: MEDIA.manifest, config, layers: [layer] });
  return { blobs, manifest: { ...manifest, platform: PLATFORM }, layer };
}

/** The image as an OCI archive in a folder. */
export async function writeImage(place: string, { blobs, manifest }: CraftedImage): Promise<string> {
  const path = join(place, 'image.tar');
  const entries = [
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    file('index.json', JSON.stringify({ schemaVersion: 2, manifests: [manifest] })),
    ...[...blobs].map(([digest, bytes]) => file(`blobs/${digest.replace(':', '/')}`, bytes)),
  ];
  writeFileSync(path, await tarOf(entries));
  return path;
}

/** An archive of an image with one layer of these entries. */
export const writeLayer = async (place: string, entries: TarInput[]): Promise<string> =>
  writeImage(place, craftImage(await tarOf(entries)));
