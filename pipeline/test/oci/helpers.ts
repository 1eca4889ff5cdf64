// What the tests of the byte programs share: a scratch folder that goes away, small images, a running `skopeo` or `tar`.
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, vi } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { type Descriptor, type ImageConfig, MEDIA } from '../../src/oci/layout.ts';
import { type TarInput, writeTar } from '../../src/oci/tar.ts';

export const run = promisify(execFile);

/** Whether a program can be started here; tests against real neighbours are skipped, by name, where it cannot. */
export function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A folder for one test file, gone when the file is done, or for one test (`onTestFinished`). */
export async function scratch(whenDone: (hook: () => Promise<void>) => void = afterAll): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-oci-'));
  whenDone(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** How a program ends, and what it says of it: to us, not to whom the tests run for. */
export async function ending(program: () => Promise<number>): Promise<{ code: number; said: string }> {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    return { code: await program(), said: write.mock.calls.join('') };
  } finally {
    write.mockRestore();
  }
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** The bytes of a tar archive. */
export const tarOf = (entries: TarInput[]): Promise<Buffer> => collect(writeTar(entries));

export async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += size) yield bytes.subarray(start, start + size);
}

/** Files by path; parents are made. */
export async function writeFiles(folder: string, files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

type Flavour = 'oci' | 'docker';
export type ImageOptions = {
  flavour?: Flavour;
  platforms?: string[];
  labels?: Record<string, string>;
  config?: Partial<ImageConfig>;
};

/** A small image: its blobs by digest, and the descriptor of its index. */
export type SmallImage = { blobs: Map<string, Buffer>; top: Descriptor; manifests: Descriptor[]; layer: Descriptor };

/** Make an image with one gzipped layer and a config for each platform, below an index. */
export async function smallImage(options: ImageOptions = {}): Promise<SmallImage> {
  const isDocker = options.flavour === 'docker';
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const tar = await tarOf([
    { path: 'etc', type: 'directory', mode: 0o755 },
    { path: 'etc/os-release', type: 'file', mode: 0o644, content: 'ID=small\n' },
  ]);
  const layer = add(isDocker ? MEDIA.dockerLayerGzip : MEDIA.layerGzip, gzipSync(tar));
  const manifests = (options.platforms ?? ['linux/amd64', 'linux/arm64']).map((platform) => {
    const [os = '', architecture = '', variant] = platform.split('/');
    const config: ImageConfig = {
      created: '2024-05-06T07:08:09Z',
      architecture,
      os,
      ...(variant === undefined ? {} : { variant }),
      config: { Env: ['PATH=/usr/bin', 'NODE_VERSION=24'], Cmd: ['node'], Labels: options.labels ?? {} },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      history: [{ created: '2024-05-06T07:08:09Z', created_by: 'ADD rootfs' }],
      ...options.config,
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: isDocker ? MEDIA.dockerManifest : MEDIA.manifest,
      config: add(isDocker ? MEDIA.dockerConfig : MEDIA.config, Buffer.from(JSON.stringify(config))),
      layers: [layer],
    };
    const descriptor = add(manifest.mediaType, Buffer.from(JSON.stringify(manifest)));
    return { ...descriptor, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
  });
  const index = { schemaVersion: 2, mediaType: isDocker ? MEDIA.dockerIndex : MEDIA.index, manifests };
  return { blobs, top: add(index.mediaType, Buffer.from(JSON.stringify(index))), manifests, layer };
}

/** The image as the entries of an OCI archive. */
export function archiveEntries(image: SmallImage, top: Descriptor = image.top): TarInput[] {
  const file = (path: string, content: string | Buffer): TarInput => ({ path, type: 'file', mode: 0o644, content });
  return [
    ...[...image.blobs].map(([digest, bytes]) => file(`blobs/${digest.replace(':', '/')}`, bytes)),
    file('index.json', JSON.stringify({ schemaVersion: 2, manifests: [top] })),
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
  ];
}

/** Write the image as an OCI archive. */
export async function writeArchive(path: string, image: SmallImage, top?: Descriptor): Promise<string> {
  await writeFile(path, await tarOf(archiveEntries(image, top)));
  return path;
}
